// Our modules and htmx in a real browser, under the content-security policy that pages are served with.
// Run: node assets.mjs && node --test tests/   (CHROMIUM: the browser, /usr/bin/chromium when absent)

import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { after, before, test } from 'node:test';
import { chromium } from 'playwright-core';

const dist = path.join(path.dirname(fileURLToPath(import.meta.url)), '../dist');
const manifest = JSON.parse(fs.readFileSync(path.join(dist, 'manifest.json')));
const CSP = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'";
const TEXTS = { left: 'left {}', overdue: 'over {}', days: 'd', hours: 'h', minutes: 'm', saved: 'saved {}', unsaved: 'unsaved',
  'save-offline': 'offline', 'save-conflict': 'conflict', 'draft-kept': 'kept', 'draft-restore': 'restore', 'keys-title': 'keys', close: 'close', 'id-card-wrong': 'wrong' };
const HTMX = '{"includeIndicatorCSS":false,"mode":"same-origin","history":"reload","noSwap":[204,304,"5xx"]}';

let server, browser, base, body = '', streams = [];
const posts = [];
let answer = { status: 204, headers: { 'X-Version': '8' } };

const page = () => `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>t</title>
<meta name="server-time" content="${new Date(Date.now() + 3600000).toISOString()}">
<meta name="texts" content='${JSON.stringify(TEXTS)}'><meta name="htmx-config" content='${HTMX}'>
<link rel="stylesheet" href="${manifest['yiti.css'].url}"><script defer src="${manifest['htmx.js'].url}"></script>
<script type="module" src="${manifest['yiti.js'].url}"></script></head>
<body data-live="/live" data-live-topics="diagnostics inbox"><div id="live-lost" hidden>lost</div>${body}</body></html>`;

before(async () => {
  server = http.createServer((request, response) => {
    const url = request.url.split('?')[0];
    const headers = { 'content-security-policy': CSP, 'content-type': 'text/html; charset=utf-8' };
    const asset = Object.values(manifest).find((entry) => entry.url === url);
    if (asset) { response.writeHead(200, { 'content-type': asset.type }); fs.createReadStream(path.join(dist, asset.path)).pipe(response); return; }
    if (url === '/live') { response.writeHead(200, { 'content-type': 'text/event-stream' }); response.write(':\n\n'); streams.push(response); return; }
    if (url === '/echo') { response.writeHead(200, headers); response.end(`<p id="echo">${request.url.split('?')[1] || ''}</p>`); return; }
    if (/^\/status\/\d+$/.test(url)) { response.writeHead(Number(url.slice(8)), { ...headers, ...(url === '/status/401' ? { 'HX-Redirect': '/signed-out' } : {}) }); response.end('<p id="fresh">swapped</p>'); return; }
    if (url === '/rows') { response.writeHead(200, headers); response.end('<p id="fresh">fresh</p>'); return; }
    if (request.method === 'POST') {
      let text = '';
      request.on('data', (part) => { text += part; });
      request.on('end', () => { posts.push({ url, text }); response.writeHead(answer.status, answer.headers); response.end(); });
      return;
    }
    response.writeHead(200, headers);
    response.end(page());
  });
  await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
  base = `http://127.0.0.1:${server.address().port}`;
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM || '/usr/bin/chromium' });
});
after(async () => { await browser.close(); server.closeAllConnections(); server.close(); });

async function open(html) {
  body = html;
  posts.length = 0;
  streams = [];
  answer = { status: 204, headers: { 'X-Version': '8' } };
  const tab = await (await browser.newContext()).newPage();
  tab.faults = [];
  tab.on('console', (message) => { if (message.type() === 'error') tab.faults.push(message.text()); });
  tab.on('pageerror', (error) => tab.faults.push(error.message));
  await tab.goto(`${base}/page`);
  await tab.waitForFunction(() => window.htmx);
  return tab;
}
const until = async (what) => { for (let i = 0; i < 100; i += 1) { if (what()) return; await new Promise((r) => setTimeout(r, 50)); } throw new Error('waited in vain'); };

test('a live event refreshes what listens to it', async () => {
  const tab = await open('<div id="rows" hx-get="/rows" hx-trigger="live:diagnostics from:body">old</div>');
  await until(() => streams.length);
  streams[0].write('event: diagnostics\ndata: 42\n\n');
  await tab.waitForSelector('#rows #fresh');
  assert.deepEqual(tab.faults, []);
});

test('a lost stream is shown, and all topics fire once it is back', async () => {
  const tab = await open('<div id="rows" hx-get="/rows" hx-trigger="live:inbox from:body">old</div>');
  await until(() => streams.length);
  streams[0].destroy();
  await tab.waitForSelector('#rows #fresh', { timeout: 15000 });
  assert.equal(await tab.isVisible('#live-lost'), false);
});

test('time left follows the server clock and says so in words', async () => {
  const at = (minutes) => new Date(Date.now() + 3600000 + minutes * 60000).toISOString();
  const tab = await open(`<time id="a" data-due="${at(10.5)}" data-warn="${at(-1)}"><span>x</span></time><time id="b" data-due="${at(-1.5)}">x</time><time id="c" data-due="${at(200.5)}" data-warn="${at(100)}">x</time><time id="d" data-due="${at(0.5)}">x</time>`);
  assert.match(await tab.textContent('#a'), /^left 10:\d\d$/);
  assert.equal(await tab.getAttribute('#a', 'class'), 'due-warn');
  assert.match(await tab.textContent('#b'), /^over 01:\d\d$/);
  assert.equal(await tab.getAttribute('#c', 'class'), 'due-ok');
  assert.match(await tab.textContent('#c'), /^left 3 h 20 m$/);
  assert.equal(await tab.getAttribute('#d', 'class'), 'due-ok', 'without a moment to warn nobody is warned');
});

test('a draft is saved two seconds after the last key, and its version kept', async () => {
  const tab = await open('<form method="post" action="/send" data-autosave="/draft"><input type="hidden" name="version" value="7"><textarea name="opinion"></textarea><span data-autosave-status></span><button>ok</button></form>');
  await tab.type('textarea', 'normal');
  assert.equal(await tab.textContent('[data-autosave-status]'), 'unsaved');
  await until(() => posts.length);
  assert.deepEqual(posts, [{ url: '/draft', text: 'version=7&opinion=normal' }]);
  await tab.waitForFunction(() => document.querySelector('[data-autosave-status]').textContent.startsWith('saved'));
  assert.equal(await tab.inputValue('[name=version]'), '8');
  assert.deepEqual(tab.faults, []);
});

test('a draft written without network is kept in the tab and offered again', async () => {
  const tab = await open('<form method="post" action="/send" data-autosave="/draft"><textarea name="opinion"></textarea><span data-autosave-status></span></form>');
  await tab.context().setOffline(true);
  await tab.type('textarea', 'kept');
  await tab.waitForFunction(() => document.querySelector('[data-autosave-status]').textContent === 'offline');
  assert.equal(await tab.evaluate(() => sessionStorage.getItem('draft:/draft')), 'opinion=kept');
  answer = { status: 503, headers: {} };
  await tab.context().setOffline(false);
  tab.on('dialog', (dialog) => dialog.accept());
  await tab.reload();
  await tab.click('[data-autosave-status] button');
  assert.equal(await tab.inputValue('textarea'), 'kept');
});

test('someone else\'s newer draft stops the saving', async () => {
  const tab = await open('<form method="post" action="/send" data-autosave="/draft"><textarea name="opinion"></textarea><span data-autosave-status></span></form>');
  answer = { status: 409, headers: {} };
  await tab.type('textarea', 'late');
  await tab.waitForFunction(() => document.querySelector('[data-autosave-status]').textContent === 'conflict', null, { timeout: 5000 });
});

test('a form is sent once and a confirmed one only after ok', async () => {
  const tab = await open('<form method="post" action="/send" target="frame"><button id="go" name="act" value="approve" data-confirm="sure">go</button></form><iframe name="frame" title="f"></iframe><dialog id="sure"><form method="dialog"><button value="">no</button><button id="ok" value="ok">ok</button></form></dialog>');
  await tab.click('#go');
  assert.equal(posts.length, 0);
  await tab.click('#ok');
  await until(() => posts.length);
  assert.deepEqual(posts, [{ url: '/send', text: 'act=approve' }]);
  assert.equal(await tab.isDisabled('#go'), true);
});

test('keys press, move through rows, and are listed', async () => {
  const tab = await open('<a id="n" href="#next" data-key="n">next</a><input id="f"><table><tbody data-rows><tr><td><a href="#1">1</a></td></tr><tr><td><a href="#2">2</a></td></tr></tbody></table>');
  await tab.keyboard.press('j');
  await tab.keyboard.press('j');
  await tab.keyboard.press('Enter');
  await tab.waitForURL(/#2$/, { timeout: 10_000 });
  await tab.keyboard.press('n');
  await tab.waitForURL(/#next$/, { timeout: 10_000 });
  await tab.focus('#f');
  await tab.keyboard.press('j');
  assert.equal(await tab.inputValue('#f'), 'j');
  await tab.evaluate(() => document.activeElement.blur());
  await tab.keyboard.press('?');
  assert.match(await tab.textContent('#keys-help'), /next/);
  assert.deepEqual(tab.faults, []);
});

test('an identity card fills birth and sex, a wrong one is refused', async () => {
  const tab = await open('<form><input id="c" data-id-card><input name="birth_on" id="b"><select name="sex" id="s"><option></option><option value="female">f</option><option value="male">m</option></select></form>');
  await tab.fill('#c', '11010519491231002x');
  await tab.keyboard.press('Tab');
  assert.equal(await tab.inputValue('#b'), '1949-12-31');
  assert.equal(await tab.inputValue('#s'), 'female');
  await tab.fill('#c', '110105194912310021');
  await tab.keyboard.press('Tab');
  assert.equal(await tab.evaluate(() => document.getElementById('c').validationMessage), 'wrong');
});

test('dates in any common spelling, sentences and sums', async () => {
  const tab = await open('<form><input id="d" data-date><textarea id="t"></textarea><button type="button" data-insert="t" data-sentence="Clear.">c</button><select id="p" data-points data-veto><option>20</option><option>0</option></select><select data-points><option>75</option></select><output data-sum data-grades="90 75 60"></output></form>');
  await tab.fill('#d', '2026年3月5日');
  await tab.keyboard.press('Tab');
  assert.equal(await tab.inputValue('#d'), '2026-03-05');
  await tab.click('button');
  assert.equal(await tab.inputValue('#t'), 'Clear.');
  assert.equal(await tab.textContent('output'), '95');
  assert.equal(await tab.getAttribute('output', 'data-grade'), '0');
  await tab.selectOption('#p', '0');
  assert.equal(await tab.getAttribute('output', 'data-grade'), '3');
});

test('htmx: a refused form is swapped in, a server fault is not, a lost session leaves the page', async () => {
  const tab = await open('<div id="a"><button id="b422" hx-get="/status/422" hx-target="#a">x</button><button id="b503" hx-get="/status/503" hx-target="#a">y</button></div><button id="b401" hx-get="/status/401" hx-target="#a">z</button>');
  await tab.click('#b503');
  await tab.waitForTimeout(300);
  assert.equal(await tab.isVisible('#b422'), true);
  await tab.click('#b422');
  await tab.waitForSelector('#a #fresh');
  await tab.click('#b401');
  await tab.waitForURL('**/signed-out');
});

test('htmx: what a GET sends, and that nothing is inherited unasked', async () => {
  const tab = await open('<div hx-target="#out"><form id="f" hx-get="/echo" hx-target="#out"><input name="q" value="1"><input id="i" name="w" value="2" hx-get="/echo" hx-target="#out" hx-trigger="keyup"><button name="act" value="go">s</button></form><div id="out"></div><button id="own" hx-get="/rows">own</button></div><div hx-target:inherited="#out2"><button id="inh" hx-get="/rows">inh</button><div id="out2"></div></div>');
  await tab.click('#f button');
  await tab.waitForFunction(() => document.getElementById('echo')?.textContent === 'q=1&w=2&act=go');
  await tab.focus('#i');
  await tab.keyboard.press('Shift');
  await tab.waitForFunction(() => document.getElementById('echo')?.textContent === 'w=2');
  await tab.click('#own');
  await tab.waitForSelector('#own #fresh');
  await tab.click('#inh');
  await tab.waitForSelector('#out2 #fresh');
});

test('htmx: a morph keeps what is being typed', async () => {
  const tab = await open('<div id="rows" hx-get="/morph" hx-trigger="live:inbox from:body" hx-swap="innerMorph"><input id="keep"><p id="old">old</p></div>');
  await tab.route('**/morph', (route) => route.fulfill({ contentType: 'text/html', body: '<input id="keep"><p id="fresh">new</p>' }));
  await tab.fill('#keep', 'typing');
  await tab.evaluate(() => document.body.dispatchEvent(new CustomEvent('live:inbox')));
  await tab.waitForSelector('#fresh');
  assert.equal(await tab.inputValue('#keep'), 'typing');
  assert.equal(await tab.evaluate(() => document.activeElement.id), 'keep');
});
