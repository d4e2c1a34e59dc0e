// The server is killed in the middle of a C-STORE of 300 slices and in the middle of approvals, twenty times at random:
// nothing acknowledged is lost, nothing is half-done.

import { after, before, test } from 'node:test';
import { spawn } from 'node:child_process';
import { Yiti, assert, binary, fs, path, run, pictures } from './support.mjs';

const SLICES = 300;
const ROUNDS = 20;
const seed = Number(process.env.YITI_SEED || Date.now() % 1_000_000);
let state = seed;
const chance = () => { state = (state * 1103515245 + 12345) % 2147483648; return state / 2147483648; };

let yiti, folder;
before(async () => { yiti = await Yiti.start({ residents: 60, readings: 12 }); folder = yiti.folder; });
after(async () => { await yiti.stop(); });

/** 300 slices of one new study. */
async function slices(round) {
  const place = path.join(folder, `round-${round}`);
  fs.mkdirSync(place);
  const sample = fs.readFileSync(path.join(pictures, 'ct_chest.dcm'));
  const files = [];
  for (let n = 0; n < SLICES; n += 1) {
    const file = path.join(place, `${String(n).padStart(3, '0')}.dcm`);
    fs.writeFileSync(file, sample);
    files.push(file);
  }
  const study = `2.25.${BigInt(seed) * 1000n + BigInt(round)}`;
  await run('dcmodify', ['-nb', '-q', '-gin', '-m', `(0020,000d)=${study}`, '-m', `(0020,000e)=${study}.1`, ...files], { maxBuffer: 1 << 24 });
  return { place, files, study };
}

async function uid(file) {
  const { stdout } = await run('dcmdump', ['-q', '+P', '0008,0018', file]);
  return /\[([^\]]+)\]/.exec(stdout)[1];
}

/** The data set of a DICOM file: what follows the file meta group. */
function dataSet(bytes) {
  const length = bytes.readUInt32LE(140);
  return bytes.subarray(144 + length);
}

async function storeRound(round) {
  const { place, files, study } = await slices(round);
  const sender = spawn('storescu', ['-v', '-aet', 'CT-QS', '-aec', 'YITI-QS', '127.0.0.1', String(yiti.dicom), ...files]);
  let said = '';
  sender.stdout.on('data', (text) => { said += text; });
  sender.stderr.on('data', (text) => { said += text; });
  const ended = new Promise((resolve) => sender.once('exit', resolve));
  // Somewhere between the first slices and the last ones.
  const enough = Math.floor(chance() * (SLICES - 20)) + 5;
  const count = () => (said.match(/Received Store Response \(Success\)/g) || []).length;
  while (count() < enough && sender.exitCode === null) await new Promise((resolve) => setTimeout(resolve, 2));
  await yiti.kill();
  await ended;
  const acknowledged = count();
  await yiti.serve(true);
  const cookie = await yiti.session('reader1');
  const headers = { cookie, accept: 'application/dicom+json' };
  const found = await fetch(`${yiti.base}/dicom-web/studies/${study}/instances?limit=1000`, { headers });
  const listed = found.status === 204 || found.status === 404 ? [] : await found.json();
  const uids = new Set(listed.map((instance) => instance['00080018'].Value[0]));
  assert.ok(acknowledged > 0);
  for (const file of files.slice(0, acknowledged)) assert.ok(uids.has(await uid(file)), `${file} was acknowledged and is gone`);
  assert.ok(uids.size <= acknowledged + 1, `${uids.size} are listed, ${acknowledged} were acknowledged, one may have been on its way`);
  // What is listed is whole: a few are fetched and compared byte for byte.
  const at = [0, acknowledged - 1, ...Array.from({ length: 3 }, () => Math.floor(chance() * acknowledged))];
  for (const index of new Set(at)) {
    const sop = await uid(files[index]);
    const response = await fetch(`${yiti.base}/dicom-web/studies/${study}/series/${study}.1/instances/${sop}`,
      { headers: { cookie, accept: 'multipart/related; type="application/dicom"; transfer-syntax=*' } });
    assert.equal(response.status, 200);
    const body = Buffer.from(await response.arrayBuffer());
    const start = body.indexOf('\r\n\r\n') + 4;
    const stored = dataSet(body.subarray(start));
    const sent = dataSet(fs.readFileSync(files[index]));
    assert.ok(stored.subarray(0, sent.length).equals(sent), `${sop} came back changed`);
  }
  fs.rmSync(place, { recursive: true });
  return acknowledged;
}

const post = (cookie, url, fields) => fetch(`${yiti.base}${url}`, {
  method: 'POST', redirect: 'manual', headers: { cookie, 'sec-fetch-site': 'same-origin' }, body: new URLSearchParams(fields),
});
const key = () => `key-${seed}-${Math.floor(chance() * 1e9)}`;

/** The newest version of a report and where its case stands. */
async function look(cookie, report) {
  const page = await (await fetch(`${yiti.base}${report}`, { headers: { cookie } })).text();
  return Math.max(...[...page.matchAll(/version=(\d+)/g)].map((match) => Number(match[1])));
}

async function approvalRound(report, caseId) {
  const [author, second] = [await yiti.session('reader1'), await yiti.session('reader2')];
  const before = await look(author, report);
  const begun = await post(author, `${report}/addendum`, { act_key: key() });
  assert.equal(begun.status, 303, await begun.text());
  const page = await (await fetch(`${yiti.base}/readings/${caseId}`, { headers: { cookie: author } })).text();
  const fields = {};
  for (const [, name, text] of page.matchAll(/<textarea[^>]*name="([^"]+)"[^>]*>\n?([^<]*)</g)) fields[name] = text;
  for (const [, name] of page.matchAll(/name="(is_positive|version)"/g)) {
    const input = new RegExp(`name="${name}" value="([^"]*)"(?:[^>]*checked)?`).exec(page);
    fields[name] = input ? input[1] : '';
  }
  fields.is_positive = '0';
  fields.advice = `${fields.advice || ''} ${before}`;
  const handed = await post(author, `/readings/${caseId}/submit`, { ...fields, act_key: key() });
  assert.equal(handed.status, 303, (await handed.text()).replace(/<[^>]+>/g, ' ').slice(0, 2000));
  const answer = post(second, `/readings/${caseId}/approve`, { act_key: key() }).then((r) => r.status, () => 'unknown');
  await new Promise((resolve) => setTimeout(resolve, chance() * 25));
  await yiti.kill();
  const status = await answer;
  await yiti.serve(true);
  const cookie = await yiti.session('reader2');
  const after = await look(cookie, report);
  if (status === 303) assert.equal(after, before + 1, 'the approval was acknowledged and is gone');
  else assert.ok(after === before || after === before + 1);
  if (after === before) {
    // It is still waiting for a second doctor, so the whole act can be done again.
    const again = await post(cookie, `/readings/${caseId}/approve`, { act_key: key() });
    assert.equal(again.status, 303, 'neither done nor waiting');
    assert.equal(await look(cookie, report), before + 1);
  }
  return status;
}

test(`killed ${ROUNDS} times at random (seed ${seed})`, async (t) => {
  const cookie = await yiti.session('doctor');
  // An issued report of the live queue, and its case.
  const list = await (await fetch(`${yiti.base}/requests?status=issued`, { headers: { cookie } })).text();
  const cases = [...new Set([...list.matchAll(/\/requests\/([0-9a-f]{32})/g)].map((match) => match[1]))];
  let report, caseId;
  for (const id of cases) {
    const page = await (await fetch(`${yiti.base}/requests/${id}`, { headers: { cookie } })).text();
    const link = /href="(\/reports\/[0-9a-f]{32})/.exec(page);
    if (link) { [report, caseId] = [link[1], id]; break; }
  }
  assert.ok(report, 'the county has an issued report');
  for (let round = 0; round < ROUNDS; round += 1) {
    if (round % 2 === 0) t.diagnostic(`round ${round}: killed after ${await storeRound(round)} of ${SLICES} slices`);
    else t.diagnostic(`round ${round}: killed in an approval that was answered ${await approvalRound(report, caseId)}`);
  }
  const copy = path.join(folder, 'data');
  await yiti.kill();
  const { stdout } = await run(binary, ['journal', 'verify', '--data', copy]);
  assert.match(stdout, /the journal is whole/);
  await yiti.serve(true);
});
