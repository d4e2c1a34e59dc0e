// The asset step: `node assets.mjs [OUTDIR]` (default: dist beside this file).
//
// Takes what npm has installed and what stands here, and writes what the server serves:
//
//   OUTDIR/assets/   ours: yiti.<hash>.css, yiti.<hash>.js, htmx.<hash>.js, icons.<hash>.svg, favicon.<hash>.svg, licences
//   OUTDIR/ohif/     the image viewer; its own hashed names must be served at the site root
//   OUTDIR/manifest.json
//
// Text is compressed once, beside the file (`.br`, `.gz`). Nothing is contacted; the same input gives the same bytes;
// when nothing changed, nothing is written.

import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import zlib from 'node:zlib';

import { transform } from 'esbuild';

const here = path.dirname(fileURLToPath(import.meta.url));
const out = path.resolve(process.argv[2] || path.join(here, 'dist'));
const npm = (name) => path.join(here, 'node_modules', name);

const STYLES = ['tokens', 'base', 'components', 'print'];
const MODULES = ['text', 'live', 'countdown', 'autosave', 'keys', 'forms', 'viewer'];
const PACKAGES = ['htmx.org', '@tabler/icons', '@ohif/app', 'esbuild'];

// Of OHIF's dist: segmentation models' runtime, slide microscopy, source maps, service workers (they would take over
// the whole site and load from the internet), sign-in helpers, home-screen pictures, hosting files.
const OHIF_LEFT_OUT = [
  /^ort\//, /^dicom-microscopy-viewer\//, /^customizations\//, /\.map$/, /\.d\.ts$/, /LICENSE\.txt$/,
  /^(sw|init-service-worker|google|es6-shim\.min|polyfill\.min|oidc-client\.min|app-config)\.js$/,
  /^(silent-refresh\.html|manifest\.json|serve\.json|_headers|_redirects|index\.html)$/,
  /^assets\/(?!images\/)/, /^ohif-logo/,
];
const VIEWER_OWN = ['ohif/app-config.js', 'ohif/worker.js', 'ohif/scripts.txt'];
const TYPES = {
  css: 'text/css; charset=utf-8', js: 'text/javascript; charset=utf-8', mjs: 'text/javascript; charset=utf-8',
  svg: 'image/svg+xml', html: 'text/html; charset=utf-8', json: 'application/json', wasm: 'application/wasm',
  txt: 'text/plain; charset=utf-8', png: 'image/png', woff2: 'font/woff2', ico: 'image/x-icon', jsonc: 'application/json',
};
const COMPRESSED = new Set(['css', 'js', 'mjs', 'svg', 'html', 'json', 'wasm']);

const read = (...parts) => fs.readFileSync(path.join(...parts));
const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');
const extension = (name) => name.slice(name.lastIndexOf('.') + 1);

/** What the output depends on: all of it, and the viewer's part alone. The lock file's digests pin the packages. */
function fingerprint() {
  const viewer = createHash('sha256').update(process.versions.zlib + process.versions.brotli);
  const hash = createHash('sha256').update(process.versions.zlib + process.versions.brotli);
  for (const name of PACKAGES) {
    const wanted = JSON.parse(read(here, 'package-lock.json')).packages['node_modules/' + name].version;
    const installed = fs.existsSync(npm(name)) ? JSON.parse(read(npm(name), 'package.json')).version : 'nothing';
    if (wanted !== installed) throw new Error(`\`${name}\` ${wanted} is wanted, ${installed} is installed: run \`npm ci\` in web/`);
  }
  const own = ['assets.mjs', 'package-lock.json', 'icons.txt', 'favicon.svg', ...VIEWER_OWN,
    ...STYLES.map((name) => `styles/${name}.css`), ...MODULES.map((name) => `modules/${name}.js`)];
  for (const name of own) hash.update(name).update(sha256(read(here, name)));
  for (const name of ['assets.mjs', 'package-lock.json', ...VIEWER_OWN]) viewer.update(sha256(read(here, name)));
  return { all: hash.digest('hex'), viewer: viewer.digest('hex') };
}

/** What the last run left, if its files are all still there: its stamp and manifest. */
function lastRun() {
  try {
    const files = JSON.parse(read(out, 'manifest.json'));
    const whole = Object.values(files).every((file) => fs.statSync(path.join(out, file.path)).size === file.bytes);
    return whole ? { stamp: JSON.parse(read(out, '.stamp')), files } : null;
  } catch {
    return null;
  }
}

/** Comments and indentation out; nothing else, so that what is served can still be read. */
function styles() {
  return STYLES.map((name) => read(here, 'styles', `${name}.css`).toString()).join('\n')
    .replace(/\/\*[\s\S]*?\*\//g, '').replace(/\s*\n\s*/g, '\n').replace(/\s*([{};,])\s*/g, '$1').replace(/;}/g, '}')
    .replace(/:\s+/g, ':').trim() + '\n';
}

/** Our modules as one file: import lines go, `export` goes, whole-line comments go. */
function modules() {
  return MODULES.map((name) => read(here, 'modules', `${name}.js`).toString()).join('\n')
    .replace(/^import .* from '\.\/.*';$/gm, '').replace(/^export /gm, '')
    .replace(/^\s*\/\/.*$/gm, '').replace(/\n\s*\n+/g, '\n').trim() + '\n';
}

/** One sprite of the icons we use; each keeps Tabler's name. */
function icons() {
  const names = read(here, 'icons.txt').toString().split('\n').filter(Boolean);
  const symbols = names.map((name) => {
    const svg = read(npm('@tabler/icons'), 'icons/outline', `${name}.svg`).toString();
    const body = svg.slice(svg.indexOf('>', svg.indexOf('<svg')) + 1, svg.lastIndexOf('</svg>'))
      .replace(/<path stroke="none" d="M0 0h24v24H0z" fill="none"\s*\/>/, '').replace(/>\s+</g, '><').trim();
    return `<symbol id="${name}" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.75" stroke-linecap="round" stroke-linejoin="round">${body}</symbol>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg">${symbols.join('\n')}</svg>\n`;
}

/** OHIF's page without inline scripts, service worker and home-screen links. */
function viewerPage() {
  const page = read(npm('@ohif/app'), 'dist/index.html').toString();
  const [, script] = page.match(/<script defer src="(\/app\.bundle\.[0-9a-f]+\.js)">/) || [];
  const [, style] = page.match(/<link href="(\/app\.bundle\.css)" rel="stylesheet">/) || [];
  if (!script || !style) throw new Error('the viewer\'s page has changed: look at `dist/index.html` of `@ohif/app`');
  return `<!doctype html>
<html lang="zh-CN"><head><meta charset="UTF-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<meta name="theme-color" content="#000000">
<title>影像浏览</title>
<link rel="icon" href="data:,">
<script src="/app-config.js"></script>
<script defer src="${script}"></script>
<link href="${style}" rel="stylesheet">
</head><body><noscript>影像浏览需要启用 JavaScript。</noscript><div id="react-portal"></div><div id="root"></div></body></html>
`;
}

/** The worker that keeps the scripts of `ohif/scripts.txt` ready. */
function viewerWorker(names) {
  const wanted = read(here, 'ohif/scripts.txt').toString().split(/\s+/).filter(Boolean);
  const files = wanted.map((chunk) => {
    const name = names.find((one) => one.startsWith(`${chunk}.bundle.`) && one.endsWith('.js'));
    if (!name) throw new Error(`the viewer has no script \`${chunk}\` any more: see web/README.md, \`ohif/scripts.txt\``);
    return `/${name}`;
  });
  return read(here, 'ohif/worker.js').toString().replace("'viewer-VERSION'", `'viewer-${fingerprint().viewer.slice(0, 12)}'`)
    .replace("'FILES'", files.map((file) => `'${file}'`).join(', ')).replace(/^\s*\/\/.*$/gm, '').trim() + '\n';
}

/** The licences of what is passed on, as they ask for. */
function licences() {
  const files = [['@ohif/app', 'LICENSE'], ['@tabler/icons', 'LICENSE'], ['htmx.org', 'LICENSE']];
  return files.map(([name, file]) => {
    const { version, license } = JSON.parse(read(npm(name), 'package.json'));
    const full = path.join(npm(name), file);
    return `${name} ${version} (${license})\n\n${fs.existsSync(full) ? fs.readFileSync(full) : ''}`;
  }).join('\n\n----------------------------------------\n\n');
}

function* walk(folder, under = '') {
  for (const entry of fs.readdirSync(path.join(folder, under), { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const name = under + entry.name;
    if (entry.isDirectory()) yield* walk(folder, `${name}/`);
    else yield name;
  }
}

/** Every file served: logical name, path under OUTDIR, address, bytes. */
function collect(withViewer) {
  const files = [];
  const own = (name, bytes) => {
    const content = Buffer.from(bytes);
    const dot = name.lastIndexOf('.');
    const hashed = `assets/${name.slice(0, dot)}.${sha256(content).slice(0, 12)}${name.slice(dot)}`;
    files.push({ name, path: hashed, url: `/${hashed}`, content, immutable: true });
  };
  own('yiti.css', styles());
  own('yiti.js', modules());
  own('htmx.js', read(npm('htmx.org'), 'dist/htmx.min.js').toString().replace(/\n?\/\/# sourceMappingURL=.*\s*$/, '\n'));
  own('icons.svg', icons());
  own('favicon.svg', read(here, 'favicon.svg'));
  own('licences.txt', licences());

  if (!withViewer) return files;
  const viewer = (name, url, content) => files.push({
    name: `ohif/${name}`, path: `ohif/${name}`, url, content, immutable: /\.[0-9a-f]{16}\.|^[0-9a-f]{16}\./.test(name),
  });
  viewer('index.html', '/viewer/', Buffer.from(viewerPage()));
  viewer('app-config.js', '/app-config.js', read(here, 'ohif/app-config.js'));
  const dist = path.join(npm('@ohif/app'), 'dist');
  const names = [...walk(dist)].filter((name) => !OHIF_LEFT_OUT.some((pattern) => pattern.test(name)));
  for (const name of names) viewer(name, `/${name}`, read(dist, name));
  viewer('worker.js', '/viewer-worker.js', Buffer.from(viewerWorker(names)));
  return files;
}

const gzip = promisify(zlib.gzip);
const brotli = promisify(zlib.brotliCompress);

/** The viewer comes with its names and spaces: a browser starts it a second sooner without them. */
async function smaller(file) {
  if (!/^ohif\/.*\.js$/.test(file.name) || file.content.length < 1 << 15) return file;
  const { code } = await transform(file.content.toString(), { minify: true, target: 'es2022', charset: 'utf8', legalComments: 'eof' });
  return { ...file, content: Buffer.from(code) };
}

async function write(folder, file) {
  const target = path.join(folder, file.path);
  fs.mkdirSync(path.dirname(target), { recursive: true });
  fs.writeFileSync(target, file.content);
  const entry = { path: file.path, url: file.url, type: TYPES[extension(file.name)] || 'application/octet-stream',
    sha256: sha256(file.content), bytes: file.content.length, immutable: file.immutable };
  if (COMPRESSED.has(extension(file.name)) && file.content.length > 512) {
    const big = file.content.length > 1 << 20;
    const [gz, br] = await Promise.all([
      gzip(file.content, { level: 9 }),
      brotli(file.content, { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: big ? 9 : 11, [zlib.constants.BROTLI_PARAM_LGWIN]: 22 } }),
    ]);
    fs.writeFileSync(`${target}.gz`, gz);
    fs.writeFileSync(`${target}.br`, br);
    entry.gz = gz.length;
    entry.br = br.length;
  }
  return [file.name, entry];
}

const started = Date.now();
const print = fingerprint();
const last = lastRun();
if (last && last.stamp.all === print.all) {
  console.log(`assets: nothing changed (${Date.now() - started} ms)`);
} else {
  // Written beside and put in place by one rename, so that a reader never meets half of it.
  const fresh = `${out}.${process.pid}.new`;
  fs.rmSync(fresh, { recursive: true, force: true });
  fs.mkdirSync(fresh, { recursive: true });
  const keepViewer = Boolean(last && last.stamp.viewer === print.viewer);
  const entries = await Promise.all(collect(!keepViewer).map(async (file) => write(fresh, await smaller(file))));
  if (keepViewer) {
    // Compressing the viewer is what takes time: its files move over as they are.
    entries.push(...Object.entries(last.files).filter(([name]) => name.startsWith('ohif/')));
    fs.renameSync(path.join(out, 'ohif'), path.join(fresh, 'ohif'));
  }
  entries.sort(([a], [b]) => (a < b ? -1 : 1));
  fs.writeFileSync(path.join(fresh, 'manifest.json'), `${JSON.stringify(Object.fromEntries(entries), null, 1)}\n`);
  fs.writeFileSync(path.join(fresh, '.stamp'), JSON.stringify(print));
  fs.rmSync(out, { recursive: true, force: true });
  fs.renameSync(fresh, out);
  const total = (key) => (entries.reduce((sum, [, entry]) => sum + (entry[key] || entry.bytes), 0) / 1e6).toFixed(1);
  const first = entries.filter(([name]) => !/^ohif|^licences/.test(name)).reduce((sum, [, entry]) => sum + (entry.br || entry.bytes), 0);
  console.log(`assets: ${entries.length} files, ${total('bytes')} MB (brotli ${total('br')} MB), pages need ${(first / 1000).toFixed(1)} kB, ${Date.now() - started} ms`);
}
