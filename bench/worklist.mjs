// The worklist page with 100,000 studies in the store, asked for by 8 clients at once: session, permission, journal entry,
// query, page. wrk measures from outside, so its times hold the server's time and the client's. The last line is measured
// while a modality stores ten pictures a second: then what the page counts has to be counted again and again.

import { Yiti, assert, fs, path, root, run, pictures } from '../apps/yiti/tests/journeys/support.mjs';

const STUDIES = Number(process.env.STUDIES || 100_000);
const SECONDS = Number(process.env.SECONDS || 20);
const PICTURES_A_SECOND = 10;
const yiti = await Yiti.start({ residents: 400, readings: 300 });
const data = path.join(yiti.folder, 'data');
await yiti.kill();
const { stdout: filled } = await run('python3', [path.join(root, 'bench/multiply.py'), path.join(data, 'yiti.db'), String(STUDIES)], { maxBuffer: 1 << 24 });
process.stdout.write(filled);
await yiti.serve(true);
const cookie = await yiti.session('reader1');
const first = await fetch(`${yiti.base}/readings`, { headers: { cookie } });
const html = await first.text();
assert.equal(first.status, 200);
console.log(`page: ${html.length} characters, ${(html.match(/<tr/g) || []).length} table rows`);

const ask = (seconds, clients) => run('wrk', ['-t1', `-c${clients}`, `-d${seconds}s`, '--latency', '-H', `Cookie: ${cookie}`, `${yiti.base}/readings`]);
async function tell(clients, words) {
  const { stdout } = await ask(SECONDS, clients);
  const at = (name) => new RegExp(`${name}\\s+([\\d.]+\\w+)`).exec(stdout)?.[1];
  console.log(`${clients} clients${words}: p50 ${at('50%')}, p99 ${at('99%')}, ${/Requests\/sec:\s+([\d.]+)/.exec(stdout)[1]} pages/s${/Non-2xx[^\n]*/.exec(stdout)?.[0] ?? ''}`);
}

await ask(3, 8);
await tell(1, '');
await tell(8, '');

const folder = path.join(yiti.folder, 'pictures');
fs.mkdirSync(folder);
const copies = Array.from({ length: PICTURES_A_SECOND * (SECONDS + 2) }, (_, n) => path.join(folder, `${n}.dcm`));
for (const picture of copies) fs.copyFileSync(path.join(pictures, 'ct_chest.dcm'), picture);
await run('dcmodify', ['-nb', '-q', '-gin', ...copies]);
let [sent, isOver] = [0, false];
const storing = (async () => {
  while (!isOver && sent < copies.length) {
    const pause = new Promise((resolve) => { setTimeout(resolve, 1000); });
    await yiti.store(copies.slice(sent, sent + PICTURES_A_SECOND), { verbose: false });
    sent += PICTURES_A_SECOND;
    await pause;
  }
})();
await tell(8, `, while a modality stores ${PICTURES_A_SECOND} pictures a second`);
isOver = true;
await storing;
console.log(`${sent} pictures were stored meanwhile`);
await yiti.stop();
