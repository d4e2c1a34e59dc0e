// The DICOM archive beside Orthanc (Debian: orthanc, orthanc-dicomweb): the same pictures by the same storescu, the same
// questions by the same wrk, one server after the other on the same machine. Orthanc writes through (`SyncStorageArea`).
// CPU is user and system time of the server's process; ours signs in, checks rights and writes each question into its
// journal, Orthanc is open to all.

import { spawn } from 'node:child_process';
import { Yiti, assert, freePort, fs, os, path, run } from '../apps/yiti/tests/journeys/support.mjs';
import { restamp, slices, small } from './pictures.mjs';

const SLICES = Number(process.env.SLICES || 300);
const STUDIES = Number(process.env.STUDIES || 2_000);
const SECONDS = Number(process.env.SECONDS || 8);
const RUNS = Number(process.env.RUNS || 3);
const PEER = process.env.ORTHANC || '/usr/sbin/Orthanc';
/** What dcmtk is told so that it waits for nothing; Orthanc, which is built on it, always, the sender unless it is stock. */
const QUICK = { TCP_NODELAY: '1', TCP_BUFFER_LENGTH: '1048576' };
const JSON_ONLY = 'application/dicom+json';
const BYTES = 'multipart/related; type="application/octet-stream"; transfer-syntax=*';
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'yiti-archive-'));
const median = (values) => [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) / 2)];
let number = 0;
const fresh = () => `2.25.${Date.now()}${number += 1}`;

/** Orthanc on a folder of its own. */
async function orthanc() {
  const [http, dicom] = [await freePort(), await freePort()];
  const config = path.join(folder, 'orthanc.json');
  fs.writeFileSync(config, JSON.stringify({
    Name: 'peer', StorageDirectory: path.join(folder, 'peer'), IndexDirectory: path.join(folder, 'peer'), SyncStorageArea: true,
    StorageCompression: false, HttpPort: http, DicomPort: dicom, DicomAet: 'PEER', DicomCheckCalledAet: false, AuthenticationEnabled: false,
    DicomAlwaysAllowStore: true, Plugins: ['/usr/share/orthanc/plugins/libOrthancDicomWeb.so'], DicomWeb: { Enable: true, Root: '/dicom-web/' },
  }));
  const child = spawn(PEER, [config], { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, ...QUICK } });
  let log = '';
  child.stderr.on('data', (text) => { log += text; });
  const base = `http://127.0.0.1:${http}`;
  for (let tries = 0; ; tries += 1) {
    if (await fetch(`${base}/system`).then((answer) => answer.ok, () => false)) break;
    assert.ok(tries < 100 && child.exitCode === null, log);
    await new Promise((resolve) => { setTimeout(resolve, 200); });
  }
  const { Version } = await (await fetch(`${base}/system`)).json();
  return { name: `Orthanc ${Version}`, pid: child.pid, base, dicom, called: 'PEER', cookie: '', stop: () => child.kill() };
}

async function ours() {
  const yiti = await Yiti.start({ residents: 60, readings: 10 });
  return { name: 'Yiti', pid: yiti.process.pid, base: yiti.base, dicom: yiti.dicom, called: 'YITI-QS', cookie: await yiti.session('reader1'), stop: () => yiti.stop() };
}

/** CPU seconds the process has used. */
function cpu(pid) {
  const fields = fs.readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** Sends files over `lines` associations; gives instances a second and CPU milliseconds of the server each. */
async function send(server, files, lines, quick) {
  const [before, began] = [cpu(server.pid), Date.now()];
  const parts = Array.from({ length: lines }, (_, n) => files.filter((_, at) => at % lines === n));
  await Promise.all(parts.map((part) => run('storescu', ['-aet', 'CT-QS', '-aec', server.called, '127.0.0.1', String(server.dicom), ...part],
    { maxBuffer: 64 << 20, env: quick ? { ...process.env, ...QUICK } : process.env })));
  const seconds = (Date.now() - began) / 1000;
  return { rate: files.length / seconds, cpu: ((cpu(server.pid) - before) * 1000) / files.length };
}

/** Asks again and again; gives answers a second, P99 and CPU milliseconds each. */
async function ask(server, where, accept, clients) {
  const url = `${server.base}/dicom-web${where}`;
  const headers = ['-H', `Accept: ${accept}`, ...(server.cookie ? ['-H', `Cookie: ${server.cookie}`] : [])];
  const one = await fetch(url, { headers: { accept, ...(server.cookie ? { cookie: server.cookie } : {}) } });
  const bytes = (await one.arrayBuffer()).byteLength;
  assert.equal(one.status, 200, `${server.name} ${where}: ${one.status}`);
  await run('wrk', ['-t1', `-c${clients}`, '-d2s', ...headers, url]);
  const before = cpu(server.pid);
  const { stdout } = await run('wrk', ['-t1', `-c${clients}`, `-d${SECONDS}s`, '--latency', ...headers, url]);
  const used = cpu(server.pid) - before;
  assert.ok(!stdout.includes('Non-2xx'), `${server.name} ${where}: ${stdout}`);
  const count = Number(/(\d+) requests in/.exec(stdout)[1]);
  return { rate: Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)[1]), p99: /^\s+99%\s+(\S+)/m.exec(stdout)[1], cpu: (used * 1000) / count, bytes };
}

/** rows: {work: {rate, cpu, p99}} */
async function measure(server, ct, many) {
  const rows = {};
  for (const [words, lines, quick] of [['C-STORE, stock sender, 1 association', 1, false], ['C-STORE, 1 association', 1, true], ['C-STORE, 4 associations', 4, true]]) {
    const runs = [];
    for (let n = 0; n < RUNS; n += 1) {
      // As shipped, a sender waits 40 ms and more for each slice; a tenth tells as much.
      const files = quick ? ct : ct.slice(0, Math.ceil(SLICES / 10));
      await restamp(files, fresh());
      runs.push(await send(server, files, lines, quick));
    }
    rows[words] = { rate: median(runs.map((one) => one.rate)), cpu: median(runs.map((one) => one.cpu)) };
  }
  rows[`C-STORE, ${STUDIES.toLocaleString('en')} small, 4 associations`] = await send(server, many, 4, true);
  const study = fresh();
  await restamp(ct, study);
  await send(server, ct, 4, true);
  // Complete before it is asked for.
  await new Promise((resolve) => { setTimeout(resolve, 3000); });
  const series = `/studies/${study}/series/${study}.1`;
  const headers = { accept: JSON_ONLY, ...(server.cookie ? { cookie: server.cookie } : {}) };
  const list = await (await fetch(`${server.base}/dicom-web${series}/instances`, { headers })).json();
  assert.equal(list.length, SLICES, `${server.name} has the series`);
  const instance = `${series}/instances/${list[0]['00080018'].Value[0]}`;
  rows['QIDO one patient, 8 clients'] = await ask(server, '/studies?PatientID=B77', JSON_ONLY, 8);
  rows['QIDO one week, 50 at most, 8 clients'] = await ask(server, '/studies?StudyDate=20250310-20250316&limit=50', JSON_ONLY, 8);
  rows['metadata of a series, 1 client'] = await ask(server, `${series}/metadata`, JSON_ONLY, 1);
  rows['metadata of an instance, 8 clients'] = await ask(server, `${instance}/metadata`, JSON_ONLY, 8);
  rows['a frame of 0.52 MB, 4 clients'] = await ask(server, `${instance}/frames/1`, BYTES, 4);
  rows['a rendered picture, 4 clients'] = await ask(server, `${instance}/rendered`, 'image/jpeg', 4);
  const peak = /VmHWM:\s+(\d+)/.exec(fs.readFileSync(`/proc/${server.pid}/status`, 'utf8'))[1];
  console.log(`${server.name}: at most ${Math.round(peak / 1024)} MB`);
  return rows;
}

try {
  console.log(`making ${SLICES} slices and ${STUDIES.toLocaleString('en')} small studies`);
  const ct = await slices(path.join(folder, 'ct'), SLICES, fresh());
  const many = await small(path.join(folder, 'small'), STUDIES);
  const found = [];
  for (const begin of [orthanc, ours]) {
    const server = await begin();
    try {
      found.push([server.name, await measure(server, ct, many)]);
    } finally {
      await server.stop();
    }
  }
  const [[peer, theirs], [, own]] = found;
  const cells = (row) => `${row.rate.toFixed(row.rate < 100 ? 1 : 0).padStart(8)}/s ${row.cpu.toFixed(2).padStart(7)} ms ${(row.p99 ?? '').padStart(9)}`;
  console.log(`${''.padEnd(42)} ${peer.padEnd(30)} ${'Yiti'.padEnd(30)} rate, CPU`);
  for (const work of Object.keys(own)) {
    const ratio = `${(own[work].rate / theirs[work].rate).toFixed(1)}x, ${(theirs[work].cpu / Math.max(own[work].cpu, 0.01)).toFixed(1)}x`;
    console.log(`${work.padEnd(42)} ${cells(theirs[work])}  ${cells(own[work])}  ${ratio}`);
  }
} finally {
  fs.rmSync(folder, { recursive: true, force: true });
}
