// A load on a running server that writes down, outside the server, every request and its answer: acknowledged, refused or
// unknown. Afterwards the ledger is compared with what the stopped server has kept.

import { spawn } from 'node:child_process';
import { assert, binary, fs, path, pictures, run } from '../journeys/support.mjs';

const SLICES = 120;
let count = 0;

/** One SQL query on the stopped or running server's database; rows of texts. */
export async function rows(yiti, sql) {
  const script = 'import json, sqlite3, sys; '
    + 'print(json.dumps(sqlite3.connect(sys.argv[1]).execute(sys.argv[2]).fetchall(), default=lambda b: b.hex()))';
  const { stdout } = await run('python3', ['-c', script, path.join(yiti.folder, 'data/yiti.db'), sql], { maxBuffer: 64 << 20 });
  return JSON.parse(stdout);
}

export class Ledger {
  constructor(yiti) {
    this.yiti = yiti;
    this.name = `T${process.pid}x${count += 1}`;
    this.people = new Map();
    this.pictures = [];
    this.answers = new Map();
    this.isOver = false;
  }

  /** Four people at work and a machine that sends one association after the other. */
  async start() {
    this.cookie = await this.yiti.session('admin');
    const page = await (await fetch(`${this.yiti.base}/people/new`, { headers: { cookie: this.cookie } })).text();
    this.institution = /<select[^>]*name="institution"[\s\S]*?<option value="([0-9a-f]{32})"/.exec(page)[1];
    await this.prepare();
    this.work = Promise.all([...Array.from({ length: 4 }, (_, n) => this.hire(n)), this.send()]);
  }

  /** One act; gives the status, or `unknown` when no answer came. */
  async add(number) {
    const today = new Date().toISOString().slice(0, 10);
    const body = new URLSearchParams({
      name: `试 ${number}`, employee_number: number, title: 'attending', phone: '', institution: this.institution, department: '',
      role: 'coder', from_on: today, until_on: '',
    });
    const headers = { cookie: this.cookie, 'sec-fetch-site': 'same-origin' };
    try {
      const answer = await fetch(`${this.yiti.base}/people`, { method: 'POST', redirect: 'manual', headers, body });
      await answer.arrayBuffer();
      return answer.status;
    } catch {
      return 'unknown';
    }
  }

  /** Nobody knows what became of an act that failed on the server's side; one refused for want of room is not done. */
  note(number, status) {
    const isRefused = status === 507 || (status >= 400 && status < 500);
    this.people.set(number, status === 303 ? 'acknowledged' : isRefused ? 'refused' : 'unknown');
    this.answers.set(status, (this.answers.get(status) || 0) + 1);
  }

  async hire(worker) {
    for (let n = 0; !this.isOver; n += 1) {
      const number = `${this.name}-${worker}-${n}`;
      const status = await this.add(number);
      this.note(number, status);
      // Nobody answers: not to turn in circles.
      if (status === 'unknown') await new Promise((resolve) => { setTimeout(resolve, 20); });
    }
  }

  async prepare(picture = 'ct_chest.dcm') {
    this.place = path.join(this.yiti.folder, this.name);
    fs.mkdirSync(this.place);
    const files = Array.from({ length: SLICES }, (_, n) => path.join(this.place, `${String(n).padStart(3, '0')}.dcm`));
    for (const file of files) fs.copyFileSync(path.join(pictures, picture), file);
    const study = `2.25.${BigInt(Date.now()) * 1000n + BigInt(count)}`;
    await run('dcmodify', ['-nb', '-q', '-gin', '-m', `(0020,000d)=${study}`, '-m', `(0020,000e)=${study}.1`, ...files], { maxBuffer: 1 << 24 });
    const { stdout } = await run('dcmdump', ['-q', '+P', '0008,0018', ...files], { maxBuffer: 1 << 24 });
    const uids = [...stdout.matchAll(/\[([0-9.]+)\]/g)].map((match) => match[1]);
    assert.equal(uids.length, SLICES);
    this.files = files.map((file, n) => ({ file, uid: uids[n] }));
  }

  async send() {
    const files = this.files.map(({ file }) => file);
    this.sender = spawn('storescu', ['-v', '-aet', 'CT-QS', '-aec', 'YITI-QS', '127.0.0.1', String(this.yiti.dicom), ...files]);
    let said = '';
    const listen = (text) => { said += text; };
    this.sender.stdout.on('data', listen);
    this.sender.stderr.on('data', listen);
    await new Promise((resolve) => { this.sender.once('exit', resolve); });
    this.said = said;
    const acknowledged = (said.match(/Received Store Response \(Success\)/g) || []).length;
    this.pictures = this.files.slice(0, acknowledged).map(({ uid }) => uid);
  }

  get acknowledged() {
    return [...this.people.values()].filter((answer) => answer === 'acknowledged').length;
  }

  async until(condition, what) {
    for (let n = 0; n < 1_500 && !condition(); n += 1) await new Promise((resolve) => { setTimeout(resolve, 20); });
    assert.ok(condition(), `${what}: ${JSON.stringify([...this.answers])}`);
  }

  async stop() {
    this.isOver = true;
    this.sender?.kill('SIGKILL');
    await this.work;
    fs.rmSync(this.place, { recursive: true, force: true });
  }

  /** What the ledger and the stopped server disagree on; nothing when all is well. */
  async faults() {
    const faults = [];
    const kept = new Map();
    for (const [number] of await rows(this.yiti, `select employee_number from person where employee_number like '${this.name}-%'`)) {
      kept.set(number, (kept.get(number) || 0) + 1);
    }
    const posts = await rows(this.yiti, `select p.employee_number, count(t.id) from person p left join post t on t.person_id = p.id
      where p.employee_number like '${this.name}-%' group by p.id`);
    for (const [number, held] of posts) if (held !== 1) faults.push(`${number} was saved by half: ${held} posts`);
    for (const [number, answer] of this.people) {
      const times = kept.get(number) || 0;
      if (answer === 'acknowledged' && times !== 1) faults.push(`${number} was acknowledged and is there ${times} times`);
      if (answer === 'refused' && times !== 0) faults.push(`${number} was refused and is there`);
    }
    const uids = new Set((await rows(this.yiti, 'select sop_uid from imaging_instance')).map(([uid]) => uid));
    for (const uid of this.pictures) if (!uids.has(uid)) faults.push(`picture ${uid} was acknowledged and is gone`);
    const data = path.join(this.yiti.folder, 'data');
    await run(binary, ['journal', 'verify', '--data', data]).catch((error) => faults.push(`journal: ${error.stdout}${error.stderr}`));
    return faults;
  }

  /** As [`faults`], and every picture is read with its digest in a rehearsed restore. */
  async compare() {
    assert.deepEqual(await this.faults(), []);
    const backup = path.join(this.yiti.folder, `backup-${this.name}`);
    await run(binary, ['backup', '--data', path.join(this.yiti.folder, 'data'), '--to', backup]);
    const { stdout } = await run(binary, ['restore', '--from', backup, '--drill']);
    assert.match(stdout, /"journal": "whole"/);
    fs.rmSync(backup, { recursive: true });
  }
}
