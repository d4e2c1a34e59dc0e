// Time left. `<time class="due" data-due="2026-11-22T09:30:00+08:00" data-warn="2026-11-22T09:00:00+08:00">
// <span>…</span></time>`: the server writes the first text; here it is kept right each second. `data-warn` is from when
// the deadline is close; without it nobody is warned. The text itself says what is left or overdue; colour repeats it.
import { text, serverNow } from './text.js';

const pad = (number) => String(number).padStart(2, '0');

function spell(ms) {
  const seconds = Math.floor(Math.abs(ms) / 1000);
  const [days, hours, minutes] = [Math.floor(seconds / 86400), Math.floor(seconds / 3600) % 24, Math.floor(seconds / 60) % 60];
  if (days) return `${days} ${text('days')} ${hours} ${text('hours')}`;
  if (hours) return `${hours} ${text('hours')} ${pad(minutes)} ${text('minutes')}`;
  return `${pad(minutes)}:${pad(seconds % 60)}`;
}

function tick() {
  const now = serverNow();
  document.querySelectorAll('time[data-due]').forEach((element) => {
    const left = Date.parse(element.dataset.due) - now;
    if (Number.isNaN(left)) return;
    const state = left < 0 ? 'over' : now >= Date.parse(element.dataset.warn) ? 'warn' : 'ok';
    const words = text(left < 0 ? 'overdue' : 'left', spell(left));
    const target = element.querySelector('span') || element;
    if (target.textContent !== words) target.textContent = words;
    if (element.dataset.state !== state) {
      element.dataset.state = state;
      element.classList.remove('due-ok', 'due-warn', 'due-over');
      element.classList.add('due-' + state);
    }
  });
}

tick();
setInterval(tick, 1000);
document.addEventListener('htmx:after:swap', tick);
