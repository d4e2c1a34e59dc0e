// Forms. Every form works without this file: it only saves a click, a mistake or a second submission.
import { text } from './text.js';

// A form is sent once; its buttons wake again when the answer is here, on the way back, or after 10 s (downloads).
const wake = (form) => {
  delete form.dataset.busy;
  form.querySelectorAll('[data-slept]').forEach((button) => { button.disabled = false; delete button.dataset.slept; });
};
addEventListener('submit', (event) => {
  const form = event.target;
  if (form.dataset.busy) { event.preventDefault(); event.stopImmediatePropagation(); return; }
  const button = event.submitter;
  const dialog = button && button.dataset.confirm && document.getElementById(button.dataset.confirm);
  if (dialog && !button.dataset.sure) {
    event.preventDefault();
    event.stopImmediatePropagation();
    dialog.returnValue = '';
    dialog.onclose = () => {
      if (dialog.returnValue !== 'ok') return;
      button.dataset.sure = '1';
      form.requestSubmit(button);
      delete button.dataset.sure;
    };
    dialog.showModal();
    return;
  }
  if (form.method === 'dialog') return;
  form.dataset.busy = '1';
  setTimeout(() => {
    form.querySelectorAll('button:not([type="button"]):not(:disabled)').forEach((b) => { b.disabled = true; b.dataset.slept = '1'; });
  });
  setTimeout(() => wake(form), 10000);
}, true);
addEventListener('pageshow', () => document.querySelectorAll('form[data-busy]').forEach(wake));
addEventListener('htmx:finally:request', (event) => { if (event.target.tagName === 'FORM') wake(event.target); });
addEventListener('submit', (event) => { if (/\/sign-out$/.test(event.target.action)) sessionStorage.clear(); });

// `<a href="/…/return" data-dialog="id">` opens the dialog; without scripts the link leads to the page with the same form.
addEventListener('click', (event) => {
  const opener = event.target.closest('[data-dialog]');
  const dialog = opener && document.getElementById(opener.dataset.dialog);
  if (dialog && dialog.showModal) { event.preventDefault(); dialog.showModal(); }
  if (event.target.closest('[data-close]')) event.target.closest('dialog').close();

  // `data-insert="id"` puts the button's sentence (`data-sentence`, else its text) into the field at the cursor.
  const sentence = event.target.closest('[data-insert]');
  const field = sentence && document.getElementById(sentence.dataset.insert);
  if (field) {
    const words = sentence.dataset.sentence || sentence.textContent.trim();
    field.setRangeText(words, field.selectionStart, field.selectionEnd, 'end');
    field.focus();
    field.dispatchEvent(new Event('input', { bubbles: true }));
  }
});

// GB 11643: 17 digits and a check character (ISO 7064 MOD 11-2).
function idCard(value) {
  if (!/^\d{17}[\dX]$/.test(value)) return null;
  let sum = 0;
  for (let i = 0; i < 17; i += 1) sum += Number(value[i]) * (2 ** (17 - i) % 11);
  if ('10X98765432'[sum % 11] !== value[17]) return null;
  const birth = `${value.slice(6, 10)}-${value.slice(10, 12)}-${value.slice(12, 14)}`;
  return Number.isNaN(Date.parse(birth)) ? null : { birth, sex: Number(value[16]) % 2 ? 'male' : 'female' };
}

addEventListener('change', (event) => {
  const field = event.target;
  if (field.dataset.idCard !== undefined) {
    field.value = field.value.trim().toUpperCase();
    const card = idCard(field.value);
    field.setCustomValidity(card || !field.value ? '' : text('id-card-wrong'));
    if (!card) { field.reportValidity(); return; }
    const birth = field.form.elements[field.dataset.birth || 'birth_on'];
    const sex = field.form.elements[field.dataset.sex || 'sex'];
    if (birth) birth.value = card.birth;
    if (sex) sex.value = card.sex;
  }
  // 20260315, 2026.3.15 and 2026/3/15 become 2026-03-15.
  if (field.dataset.date !== undefined) {
    const parts = field.value.trim().match(/^(\d{4})[-./年]?(\d{1,2})[-./月]?(\d{1,2})日?$/);
    if (parts) field.value = `${parts[1]}-${parts[2].padStart(2, '0')}-${parts[3].padStart(2, '0')}`;
  }
  if (field.dataset.submit !== undefined) field.form.requestSubmit();
});

// `<output data-sum data-grades="90 75 60">`: the sum of the form's `data-points` fields, before the server says it.
function sum(form) {
  const out = form.querySelector('output[data-sum]');
  if (!out) return;
  let total = 0, veto = false;
  form.querySelectorAll('[data-points]').forEach((field) => {
    if (field.type === 'radio' && !field.checked) return;
    total += Number(field.value) || 0;
    if (field.dataset.veto !== undefined && Number(field.value) === 0) veto = true;
  });
  const edges = (out.dataset.grades || '').split(' ').map(Number);
  const at = veto ? edges.length : edges.findIndex((edge) => total >= edge);
  out.textContent = total;
  out.dataset.grade = at < 0 ? edges.length : at;
}
addEventListener('input', (event) => { if (event.target.form) sum(event.target.form); });
document.querySelectorAll('output[data-sum]').forEach((out) => sum(out.form || out.closest('form')));
