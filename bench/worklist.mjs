// The worklist page with 100,000 studies in the store, asked for by 8 clients at once: session, permission, journal entry,
// query, page. wrk measures from outside, so its times hold the server's time and the client's.

import { Yiti, assert, path, root, run } from '../apps/yiti/tests/journeys/support.mjs';

const STUDIES = Number(process.env.STUDIES || 100_000);
const SECONDS = Number(process.env.SECONDS || 20);
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
await ask(3, 8);
for (const clients of [1, 8]) {
  const { stdout } = await ask(SECONDS, clients);
  const at = (name) => new RegExp(`${name}\\s+([\\d.]+\\w+)`).exec(stdout)?.[1];
  console.log(`${clients} clients: p50 ${at('50%')}, p99 ${at('99%')}, ${/Requests\/sec:\s+([\d.]+)/.exec(stdout)[1]} pages/s${/Non-2xx[^\n]*/.exec(stdout)?.[0] ?? ''}`);
}
await yiti.stop();
