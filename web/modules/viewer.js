// On pages from which pictures are opened (a link to the window `viewer`, or `[data-pictures]`) the browser is asked, when
// it has nothing else to do, to keep the viewer ready: see `ohif/worker.js`. Without it the viewer only starts slower.

if (navigator.serviceWorker && document.querySelector('[target="viewer"], [data-pictures]')) {
  const prepare = () => navigator.serviceWorker.register('/viewer-worker.js', { scope: '/viewer/' }).catch(() => {});
  if (window.requestIdleCallback) requestIdleCallback(prepare, { timeout: 5000 });
  else setTimeout(prepare, 2000);
}
