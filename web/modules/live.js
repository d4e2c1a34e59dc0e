// Live updates. `<body data-live="/live" data-live-topics="diagnostics inbox">` opens one event stream; an event of
// type `diagnostics` becomes the DOM event `live:diagnostics` on body, for hx-trigger="live:diagnostics from:body".
// When the stream stays lost, `#live-lost` is shown; when it is back, every topic fires once so that nothing is missed.

function startLive(url, topics) {
  const notice = document.getElementById('live-lost');
  let source = null, wait = 1000, timer = 0, lost = false;

  const fire = (topic, data) => document.body.dispatchEvent(new CustomEvent('live:' + topic, { detail: { data } }));
  const show = (on) => { if (notice) notice.hidden = !on; };

  function open() {
    source = new EventSource(url);
    source.onopen = () => {
      wait = 1000;
      clearTimeout(timer);
      timer = 0;
      show(false);
      if (lost) topics.forEach((topic) => fire(topic, null));
      lost = false;
    };
    source.onerror = () => {
      lost = true;
      if (!timer) timer = setTimeout(() => show(true), 5000);
      if (source.readyState === EventSource.CLOSED) {
        setTimeout(open, wait + Math.random() * 1000);
        wait = Math.min(wait * 2, 60000);
      }
    };
    topics.forEach((topic) => source.addEventListener(topic, (event) => fire(topic, event.data)));
  }

  open();
  // A page kept for the back button must not hold a connection: browsers allow six to one host over HTTP/1.1.
  addEventListener('pagehide', () => source.close());
  addEventListener('pageshow', (event) => { if (event.persisted) { lost = true; open(); } });
}

if (document.body.dataset.live && window.EventSource) {
  startLive(document.body.dataset.live, (document.body.dataset.liveTopics || '').split(/[\s,]+/).filter(Boolean));
}
