// Drafts. `<form data-autosave="/reports/1/draft">` is posted when it changed: 2 s after the last key and when a field
// is left. `[data-autosave-status]` says what is saved. A 2xx answer may carry `X-Version`, the new value of the
// form's `version` field; 409 means that someone else saved a newer draft. While the server cannot be reached a copy
// stays in this tab's sessionStorage (gone with the tab and on sign-out) and is offered when the page opens again.
import { text, serverNow } from './text.js';

function autosave(form) {
  const url = form.dataset.autosave;
  const key = 'draft:' + url;
  const status = form.querySelector('[data-autosave-status]') || document.querySelector('[data-autosave-status]');
  const values = () => new URLSearchParams(new FormData(form)).toString();
  let saved = values(), timer = 0, running = false, stopped = false;

  const say = (state, words) => {
    if (!status) return;
    status.dataset.state = state;
    if (status.textContent !== words) status.textContent = words;
  };
  const dirty = () => values() !== saved;

  async function save() {
    clearTimeout(timer);
    if (stopped || running || !dirty()) return;
    running = true;
    const body = values();
    let wait = 0;
    try {
      const answer = await fetch(url, { method: 'POST', body, credentials: 'same-origin', redirect: 'manual',
        headers: { 'Content-Type': 'application/x-www-form-urlencoded;charset=UTF-8', 'X-Autosave': '1' } });
      if (answer.ok) {
        const same = body === values();
        const version = answer.headers.get('X-Version');
        if (version && form.elements.version) form.elements.version.value = version;
        saved = same ? values() : body;
        sessionStorage.removeItem(key);
        say('saved', text('saved', new Date(serverNow()).toLocaleTimeString('zh-CN', { hour12: false })));
        if (!same) wait = 2000;
      } else {
        // 409: someone was faster. Anything else that is not a passing fault (5xx): signed out or no longer allowed.
        keep(body);
        if (answer.status >= 500) { say('failed', text('save-failed')); wait = 15000; }
        else { stopped = true; say('failed', text(answer.status === 409 ? 'save-conflict' : 'save-refused')); }
      }
    } catch (e) {
      keep(body);
      say('failed', text('save-offline'));
      wait = 15000;
    }
    running = false;
    if (wait) timer = setTimeout(save, wait);
  }

  function keep(body) {
    try { sessionStorage.setItem(key, body); } catch (e) { /* full or forbidden: the page still holds the text */ }
  }

  function offer() {
    const copy = sessionStorage.getItem(key);
    if (!copy || copy === saved || !status) return;
    say('failed', text('draft-kept') + ' ');
    const button = document.createElement('button');
    button.type = 'button';
    button.className = 'btn btn-small';
    button.textContent = text('draft-restore');
    button.onclick = () => {
      new URLSearchParams(copy).forEach((value, name) => {
        const field = form.elements[name];
        if (!field || name === 'version') return;
        if (field.type === 'checkbox') field.checked = true; else field.value = value;
      });
      sessionStorage.removeItem(key);
      changed();
    };
    status.append(button);
  }

  function changed() {
    if (stopped || !dirty()) return;
    say('dirty', text('unsaved'));
    clearTimeout(timer);
    timer = setTimeout(save, 2000);
  }

  form.addEventListener('input', changed);
  form.addEventListener('change', () => { changed(); save(); });
  form.addEventListener('submit', () => { stopped = true; clearTimeout(timer); });
  addEventListener('online', save);
  addEventListener('pagehide', () => { if (!stopped && dirty()) keep(values()); });
  addEventListener('beforeunload', (event) => { if (!stopped && dirty()) { save(); event.preventDefault(); event.returnValue = ''; } });
  offer();
}

const watchForms = () => document.querySelectorAll('form[data-autosave]:not([data-watched])').forEach((form) => {
  form.dataset.watched = '1';
  autosave(form);
});
watchForms();
document.addEventListener('htmx:after:swap', watchForms);
