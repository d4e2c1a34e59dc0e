// Words that modules show. They come from the page (`<meta name="texts" content='{"key":"…"}'>`), so that every word a
// user reads is kept in locales/. A missing word shows as its key.
const words = (() => {
  const meta = document.querySelector('meta[name="texts"]');
  try { return meta ? JSON.parse(meta.content) : {}; } catch (e) { return {}; }
})();
export const text = (key, value) => (words[key] || key).replace('{}', value === undefined ? '' : value);

// Server time, so that a wrong clock on a workstation changes no countdown.
const clock = document.querySelector('meta[name="server-time"]');
const loaded = performance.timeOrigin + ((performance.getEntriesByType('navigation')[0] || {}).responseStart || 0);
const clockOffset = clock ? Date.parse(clock.content) - loaded : 0;
export const serverNow = () => Date.now() + (Math.abs(clockOffset) < 1500 ? 0 : clockOffset || 0);
