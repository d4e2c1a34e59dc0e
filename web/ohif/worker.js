// Keeps the viewer's scripts ready on this workstation, compiled: a browser compiles once, and whole, what a service worker
// stores while it is installed, so that the first picture of the day need not wait for it. Its scope is the viewer
// alone; pages, pictures and answers never pass through it. VERSION and FILES are filled in by the asset step.
const NAME = 'viewer-VERSION';
const FILES = new Set(['FILES']);

self.addEventListener('install', (event) => event.waitUntil((async () => {
  const cache = await caches.open(NAME);
  await cache.addAll([...FILES]);
  // Newer browsers answer from the store, and leave everything else alone, without waking this worker.
  if (event.addRoutes) {
    await event.addRoutes([
      { condition: { urlPattern: '/*.bundle.*.js' }, source: { cacheName: NAME } },
      { condition: { urlPattern: '/*' }, source: 'network' },
    ]);
  }
  await self.skipWaiting();
})()));

self.addEventListener('activate', (event) => event.waitUntil((async () => {
  const names = await caches.keys();
  await Promise.all(names.filter((name) => name.startsWith('viewer-') && name !== NAME).map((name) => caches.delete(name)));
})()));

self.addEventListener('fetch', (event) => {
  const { origin, pathname } = new URL(event.request.url);
  if (event.request.method !== 'GET' || origin !== self.location.origin || !FILES.has(pathname)) return;
  event.respondWith(caches.match(pathname, { cacheName: NAME }).then((kept) => kept || fetch(event.request)));
});
