// Keyboard. `data-key="a"` presses the link or button; `data-key="ctrl+enter"` also works inside fields. `?` lists the
// keys of the page. In `[data-rows]` (a tbody) j and k move between rows and put the focus on the row's first link,
// so that Enter opens it. Escape closes menus.
import { text } from './text.js';

const typing = (node) => /^(INPUT|TEXTAREA|SELECT)$/.test(node.tagName) && !/^(checkbox|radio|button|submit)$/.test(node.type);
const visible = (node) => node.getClientRects().length > 0 && !node.disabled;

function pressed(event) {
  return (event.ctrlKey || event.metaKey ? 'ctrl+' : '') + (event.altKey ? 'alt+' : '') + event.key.toLowerCase();
}

function move(step) {
  const rows = Array.from(document.querySelectorAll('[data-rows] > tr, [data-rows] > li')).filter(visible);
  if (!rows.length) return false;
  // The focus outlives a live refresh of the rows, the class may not.
  const focused = rows.findIndex((row) => row.contains(document.activeElement));
  const marked = rows.findIndex((row) => row.classList.contains('is-current'));
  const at = focused < 0 ? marked : focused;
  const next = rows[Math.max(0, Math.min(rows.length - 1, at < 0 ? 0 : at + step))];
  if (marked >= 0) rows[marked].classList.remove('is-current');
  next.classList.add('is-current');
  const link = next.querySelector('a, button');
  if (link) link.focus();
  next.scrollIntoView({ block: 'nearest' });
  return true;
}

function help() {
  let dialog = document.getElementById('keys-help');
  if (dialog) dialog.remove();
  dialog = document.createElement('dialog');
  dialog.id = 'keys-help';
  dialog.className = 'dialog';
  const head = document.createElement('h2');
  head.textContent = text('keys-title');
  const list = document.createElement('dl');
  list.className = 'keys';
  const line = (key, words) => {
    const term = document.createElement('dt');
    term.append(Object.assign(document.createElement('kbd'), { textContent: key }));
    list.append(term, Object.assign(document.createElement('dd'), { textContent: words }));
  };
  document.querySelectorAll('[data-key]').forEach((node) => {
    if (!visible(node)) return;
    const words = Array.from(node.childNodes).filter((part) => part.nodeName !== 'KBD').map((part) => part.textContent).join('');
    line(node.dataset.key, node.dataset.keyLabel || node.getAttribute('aria-label') || words.trim());
  });
  if (document.querySelector('[data-rows]')) { line('j / k', text('keys-rows')); line('Enter', text('keys-open')); }
  line('?', text('keys-title'));
  const form = document.createElement('form');
  form.method = 'dialog';
  form.append(Object.assign(document.createElement('button'), { className: 'btn', textContent: text('close') }));
  dialog.append(head, list, form);
  document.body.append(dialog);
  dialog.showModal();
}

document.addEventListener('keydown', (event) => {
  if (event.isComposing || event.defaultPrevented) return;
  const key = pressed(event);
  if (key === 'escape') {
    document.querySelectorAll('details.drop[open]').forEach((menu) => { menu.open = false; });
    return;
  }
  const bare = !/^(ctrl|alt)\+/.test(key);
  if (bare && typing(event.target)) return;
  if (document.querySelector('dialog[open]') && bare) return;
  if (key === '?' || key === '？') { event.preventDefault(); help(); return; }
  if ((key === 'j' || key === 'k') && move(key === 'j' ? 1 : -1)) { event.preventDefault(); return; }
  const node = Array.from(document.querySelectorAll(`[data-key="${CSS.escape(key)}"]`)).find(visible);
  if (node) { event.preventDefault(); if (typing(node)) node.focus(); else node.click(); }
});

document.addEventListener('click', (event) => {
  document.querySelectorAll('details.drop[open]').forEach((menu) => { if (!menu.contains(event.target)) menu.open = false; });
  if (event.target.closest('[data-keys-help]')) help();
  if (event.target.closest('[data-print]')) print();
});
