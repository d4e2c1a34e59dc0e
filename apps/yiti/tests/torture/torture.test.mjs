// What must not be lost: the server is killed, stopped, starved of disk, given disk errors, another clock, a second process
// and a forged journal, each under load. Before each comparison is believed it has to fail once, with the control it is
// about taken away (`YITI_WEAKEN`, in development builds alone).
//
// `./run torture` runs the long tier, `./run test` the short one (YITI_TIER=short). Needs strace, libfaketime and the right
// to mount a tmpfs, which are there for root.

import { spawn } from 'node:child_process';
import net from 'node:net';
import { after, before, test } from 'node:test';
import { Yiti, assert, binary, fs, os, path, run } from '../journeys/support.mjs';
import { Ledger, rows } from './ledger.mjs';

const isLong = process.env.YITI_TIER !== 'short';
const seed = Number(process.env.YITI_SEED || Date.now() % 1_000_000);
let state = seed;
const chance = () => { state = (state * 1103515245 + 12345) % 2147483648; return state / 2147483648; };
const pause = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });
const small = { residents: 40, readings: 4 };

const county = fs.mkdtempSync(path.join(os.tmpdir(), 'yiti-county-'));

before(async () => {
  const yiti = await Yiti.start({ ...small, folder: county });
  yiti.process.kill('SIGTERM');
  await yiti.ended;
});

after(() => fs.rmSync(county, { recursive: true, force: true }));

/** Runs `body` on a server of its own with a copy of the county, which is gone afterwards unless its folder was given. */
async function served(env, body, given) {
  const folder = given || fs.mkdtempSync(path.join(os.tmpdir(), 'yiti-torture-'));
  fs.cpSync(path.join(county, 'data'), path.join(folder, 'data'), { recursive: true });
  const yiti = await Yiti.start({ ...small, env, folder, keep: true });
  try {
    await body(yiti);
  } finally {
    if (yiti.process.exitCode === null && yiti.process.signalCode === null) {
      yiti.process.kill('SIGKILL');
      await yiti.ended;
    }
    if (!given) fs.rmSync(folder, { recursive: true, force: true });
  }
}

/** Load, a fault in the middle of it, the end of the process. */
async function struck(yiti, fault) {
  const ledger = new Ledger(yiti);
  await ledger.start();
  await ledger.until(() => ledger.acknowledged > 10, 'the load has begun');
  await pause(chance() * 400);
  await fault(ledger);
  await ledger.stop();
  return ledger;
}

test(`R1: killed at any moment, nothing acknowledged is lost (seed ${seed})`, async (t) => {
  await served({}, async (yiti) => {
    for (let round = 0; round < (isLong ? 40 : 3); round += 1) {
      const ledger = await struck(yiti, () => yiti.kill());
      await ledger.compare();
      t.diagnostic(`round ${round}: ${ledger.acknowledged} acts and ${ledger.pictures.length} pictures acknowledged`);
      await yiti.serve(true);
    }
  });
});

test('R1, teeth: an answer before the commit is found out', async () => {
  await served({ YITI_WEAKEN: 'ack_early' }, async (yiti) => {
    for (let round = 0; round < 10; round += 1) {
      const ledger = await struck(yiti, () => yiti.kill());
      if ((await ledger.faults()).length > 0) return;
      await yiti.serve(true);
    }
    assert.fail('ten kills of a server that answers too early went unnoticed');
  });
});

test('R23: asked to end under load, it ends in order and keeps what it answered', async () => {
  await served({}, async (yiti) => {
    for (let round = 0; round < (isLong ? 10 : 2); round += 1) {
      let code;
      const ledger = await struck(yiti, async () => {
        yiti.process.kill('SIGTERM');
        code = await yiti.ended;
      });
      assert.equal(code, 0, yiti.log);
      await ledger.compare();
      await yiti.serve(true);
    }
  });
});

test('a second process on the same data folder is turned away, the first goes on', async () => {
  const second = async (yiti) => {
    const args = ['serve', '--data', path.join(yiti.folder, 'data'), '--http', '127.0.0.1:0', '--dicom', '127.0.0.1:0'];
    const other = spawn(binary, args, { env: { ...process.env, ...yiti.env }, stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    other.stdout.on('data', (text) => { said += text; });
    other.stderr.on('data', (text) => { said += text; });
    const ended = new Promise((resolve) => { other.once('exit', resolve); });
    const code = await Promise.race([ended, pause(3_000)]);
    other.kill('SIGKILL');
    return { code, said };
  };
  await served({}, async (yiti) => {
    const { code, said } = await second(yiti);
    assert.equal(code, 1, said);
    assert.match(said, /in use by another process/);
    const ledger = await struck(yiti, () => yiti.kill());
    await ledger.compare();
  });
  // Teeth.
  await served({ YITI_WEAKEN: 'no_lock' }, async (yiti) => {
    assert.notEqual((await second(yiti)).code, 1, 'without the lock a second process is not turned away');
  });
});

/** A file system of a few megabytes for the data folder. */
async function narrow(mebibytes, body) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'yiti-narrow-'));
  const data = path.join(folder, 'data');
  fs.mkdirSync(data);
  await run('mount', ['-t', 'tmpfs', '-o', `size=${mebibytes}m`, 'tmpfs', data]);
  try {
    await body(folder, data);
  } finally {
    await run('umount', ['-l', data]);
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

/** A county in a small file system, which is then filled but for `left` of its bytes. */
async function filled(left, env, body) {
  await narrow(160, (folder, data) => served(env, async (yiti) => {
    const ballast = path.join(data, 'ballast');
    const { bavail, bsize, blocks } = fs.statfsSync(data);
    fs.writeFileSync(ballast, Buffer.alloc(Math.max(0, bavail * bsize - Math.floor(blocks * bsize * left))));
    await body(yiti, ballast);
  }, folder));
}

test('R4: a full disk is told before it hurts; looking works, and saving goes on when there is room', async () => {
  await filled(0.07, {}, async (yiti, ballast) => {
    const ledger = new Ledger(yiti);
    await ledger.start();
    const doctor = await yiti.session('doctor');
    await ledger.until(() => ledger.answers.get(507) > 3, 'acts are refused with 507');
    await ledger.until(() => ledger.said !== undefined, 'the machine has ended');
    assert.match(ledger.said, /A700|Out ?Of ?Resources|0xa700/i);
    for (const where of ['/requests', '/patients', '/home']) {
      const page = await fetch(`${yiti.base}${where}`, { headers: { cookie: doctor } });
      assert.equal(page.status, 200, where);
      if (where === '/home') assert.match(await page.text(), /存储空间不足/);
    }
    const before = ledger.acknowledged;
    fs.rmSync(ballast);
    await ledger.until(() => ledger.acknowledged > before, 'acts are saved again');
    const page = await fetch(`${yiti.base}/home`, { headers: { cookie: doctor } });
    assert.doesNotMatch(await page.text(), /存储空间不足/);
    await ledger.stop();
    assert.equal(ledger.answers.get('unknown') || 0, 0, 'the server never went away');
    yiti.process.kill('SIGTERM');
    assert.equal(await yiti.ended, 0);
    await ledger.compare();
  });
});

test('R4, teeth: without the watermark the full disk ends the server', async () => {
  await filled(0.02, { YITI_WEAKEN: 'no_watermark' }, async (yiti) => {
    const ledger = new Ledger(yiti);
    await ledger.start();
    await ledger.until(() => yiti.process.exitCode !== null, 'the server has ended');
    await ledger.stop();
    assert.equal(yiti.process.exitCode, 1);
  });
});

/** Makes the flushes of a running process fail from the n-th on. */
async function failing(yiti, n) {
  const inject = `inject=fsync,fdatasync:error=EIO:when=${n}+`;
  const tracer = spawn('strace', ['-f', '-q', '-o', '/dev/null', '-e', 'trace=fsync,fdatasync', '-e', inject, '-p', String(yiti.process.pid)]);
  let said = '';
  tracer.stderr.on('data', (text) => { said += text; });
  tracer.once('exit', () => { tracer.said = said; });
  return tracer;
}

test('R5: after a failed flush nothing more is acknowledged, the process ends, and what was acknowledged is there', async () => {
  await served({}, async (yiti) => {
    for (let round = 0; round < (isLong ? 20 : 2); round += 1) {
      let code;
      const ledger = await struck(yiti, async () => {
        const tracer = await failing(yiti, 1 + Math.floor(chance() * 20));
        code = await Promise.race([yiti.ended, pause(30_000).then(() => 'still there')]);
        tracer.kill('SIGKILL');
      });
      assert.equal(code, 1, `the process ends by itself: ${code}`);
      await ledger.compare();
      await yiti.serve(true);
    }
  });
});

test('R5, teeth: a server that goes on after a failed flush is found out', async () => {
  await served({ YITI_WEAKEN: 'ignore_flush' }, async (yiti) => {
    await struck(yiti, async (load) => {
      const tracer = await failing(yiti, 1);
      await load.until(() => load.answers.get(500) > 20, 'it goes on refusing');
      assert.equal(yiti.process.exitCode, null, 'it would have had to end');
      await yiti.kill();
      tracer.kill('SIGKILL');
    });
  });
});

test('R7: a clock that jumps is written down; nothing is lost, nobody is locked out for good', async (t) => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'yiti-clock-'));
  t.after(() => fs.rmSync(folder, { recursive: true, force: true }));
  const clock = path.join(folder, 'clock');
  fs.writeFileSync(clock, '+0\n');
  const library = fs.readdirSync('/usr/lib', { withFileTypes: true }).filter((entry) => entry.isDirectory())
    .map((entry) => path.join('/usr/lib', entry.name, 'faketime/libfaketimeMT.so.1')).find((file) => fs.existsSync(file));
  assert.ok(library, 'libfaketime is missing (Debian: libfaketime)');
  const env = { LD_PRELOAD: library, FAKETIME_TIMESTAMP_FILE: clock, FAKETIME_NO_CACHE: '1', DONT_FAKE_MONOTONIC: '1' };
  await served(env, async (yiti) => {
    const jumps = isLong ? [3_600, -3_600, 34_560_000, -34_560_000, 7_200, -1] : [3_600, -34_560_000];
    let offset = 0;
    for (const jump of jumps) {
      const before = (await rows(yiti, "select count(*) from journal where action = 'system.clock_jump'"))[0][0];
      const ledger = new Ledger(yiti);
      await ledger.start();
      await ledger.until(() => ledger.acknowledged > 10, 'the load has begun');
      offset += jump;
      fs.writeFileSync(clock, `${offset < 0 ? '' : '+'}${offset}\n`);
      // Sessions may end by a jump; signing in again must work at once.
      ledger.cookie = await yiti.session('admin');
      const acknowledged = ledger.acknowledged;
      await ledger.until(() => ledger.acknowledged > acknowledged, 'acts go on after the jump');
      for (const [login, where] of [['doctor', '/requests'], ['reader1', '/readings'], ['head', '/home']]) {
        const page = await fetch(`${yiti.base}${where}`, { headers: { cookie: await yiti.session(login) } });
        assert.equal(page.status, 200, `${where} after ${jump} s`);
      }
      if (Math.abs(jump) > 30) {
        for (let n = 0; n < 60; n += 1) {
          if ((await rows(yiti, "select count(*) from journal where action = 'system.clock_jump'"))[0][0] > before) break;
          await pause(200);
        }
        const told = await rows(yiti, "select detail from journal where action = 'system.clock_jump' order by seq desc limit 1");
        assert.ok(Math.abs(JSON.parse(told[0][0]).seconds - jump) < 30, `${told} tells a jump of ${jump}`);
      }
      await ledger.stop();
      assert.equal(ledger.answers.get(500) || 0, 0);
      yiti.process.kill('SIGTERM');
      assert.equal(await yiti.ended, 0);
      await ledger.compare();
      await yiti.serve(true);
    }
  }, folder);
});

test(`S5: an edit of the journal behind the product's back is found (seed ${seed})`, async (t) => {
  await served({}, async (yiti) => {
    const ledger = await struck(yiti, () => yiti.kill());
    await ledger.compare();
    const data = path.join(yiti.folder, 'data');
    const sound = path.join(yiti.folder, 'sound');
    fs.cpSync(data, sound, { recursive: true });
    const edits = isLong ? 500 : 40;
    const script = path.join(import.meta.dirname, 'forge.py');
    let found = 0;
    for (let n = 0; n < edits; n += 1) {
      const { stdout: what } = await run('python3', [script, path.join(data, 'yiti.db'), String(seed * 1000 + n)]);
      const verdict = await run(binary, ['journal', 'verify', '--data', data]).then(({ stdout }) => ({ code: 0, stdout }), (error) => error);
      const [, kind, seq] = /^(\w+) (\d+)/.exec(what);
      assert.equal(verdict.code, 1, `${what}went unnoticed: ${verdict.stdout}`);
      const named = Number(/entry (\d+):/.exec(verdict.stdout)[1]);
      // What was cut off at the end is missed at the entry that the witness beside the database remembers.
      const last = kind === 'truncate' ? Infinity : Number(seq) + 1;
      assert.ok(named >= Number(seq) && named <= last, `${kind} of ${seq} is told of entry ${named}`);
      found += 1;
      fs.rmSync(data, { recursive: true });
      fs.cpSync(sound, data, { recursive: true });
    }
    t.diagnostic(`${found} of ${edits} edits found`);
    // Teeth: what was not edited is whole.
    await run(binary, ['journal', 'verify', '--data', data]);
  });
});

/** Resident memory of a running server in mebibytes. */
const resident = (yiti) => Number(/VmRSS:\s+(\d+)/.exec(fs.readFileSync(`/proc/${yiti.process.pid}/status`, 'utf8'))[1]) / 1024;

test('R10: peers who do not read, or speak half, cost neither memory nor the others anything', async (t) => {
  await served({}, async (yiti) => {
    const ledger = new Ledger(yiti);
    await ledger.prepare('mr_abdomen.dcm');
    await yiti.store(ledger.files.map(({ file }) => file), { verbose: false });
    const cookie = await yiti.session('reader1');
    const [[study]] = await rows(yiti, `select st.address from imaging_study st join imaging_series se on se.study_id = st.id
      join imaging_instance i on i.series_id = se.id where i.sop_uid = '${ledger.files[0].uid}'`);
    const whole = await fetch(`${yiti.base}/dicom-web/studies/${study}`, { headers: { cookie } });
    assert.equal(whole.status, 200);
    const bytes = (await whole.arrayBuffer()).byteLength;
    const before = resident(yiti);
    const peers = [];
    const connect = (said) => {
      const socket = net.connect(yiti.http, '127.0.0.1', () => socket.write(said));
      socket.on('error', () => {});
      socket.pause();
      peers.push(new Promise((resolve) => { socket.once('close', resolve); }));
      return socket;
    };
    const slow = Array.from({ length: 200 }, () => connect(`GET /dicom-web/studies/${study} HTTP/1.1\r\nHost: a\r\nCookie: ${cookie}\r\n\r\n`));
    const half = Array.from({ length: 200 }, () => connect('GET /home HTTP/1.1\r\nHost: a\r\nX-Half'));
    await pause(5_000);
    const grown = resident(yiti) - before;
    t.diagnostic(`200 readers of ${(bytes / 1048576).toFixed(0)} MiB each: ${grown.toFixed(0)} MiB more memory`);
    assert.ok(grown < 200, `${grown} MiB for 200 who do not read`);
    const page = await fetch(`${yiti.base}/home`, { headers: { cookie } });
    assert.equal(page.status, 200);
    // Half a head is closed after ten seconds. A paused socket hears of its end when it reads on.
    half.forEach((socket) => socket.resume());
    await Promise.race([Promise.all(peers.slice(200)), pause(15_000).then(() => assert.fail('half a request is still open'))]);
    if (isLong) {
      await pause(40_000);
      const open = fs.readdirSync(`/proc/${yiti.process.pid}/fd`).length;
      assert.ok(open < 150, `${open} descriptors are open after the stalled readers should be gone`);
    }
    slow.forEach((socket) => socket.destroy());
  });
});

test('a backup made under load comes back as of one moment, and serves', async () => {
  await served({}, async (yiti) => {
    const backup = path.join(yiti.folder, 'backup');
    const ledger = new Ledger(yiti);
    await ledger.start();
    await ledger.until(() => ledger.acknowledged > 20, 'the load has begun');
    const promised = [...ledger.people].filter(([, answer]) => answer === 'acknowledged').map(([number]) => number);
    await run(binary, ['backup', '--data', path.join(yiti.folder, 'data'), '--to', backup]);
    await ledger.stop();
    await yiti.kill();
    fs.rmSync(path.join(yiti.folder, 'data'), { recursive: true });
    const { stdout } = await run(binary, ['restore', '--from', backup, '--data', path.join(yiti.folder, 'data')]);
    assert.match(stdout, /the journal is whole/);
    const kept = new Set((await rows(yiti, `select employee_number from person where employee_number like '${ledger.name}-%'`)).map(([n]) => n));
    for (const number of promised) assert.ok(kept.has(number), `${number} was acknowledged before the backup began`);
    fs.writeFileSync(path.join(yiti.folder, 'data/demonstration'), 'synthetic data; may be deleted\n');
    await yiti.serve(true);
    const page = await fetch(`${yiti.base}/requests`, { headers: { cookie: await yiti.session('doctor') } });
    assert.equal(page.status, 200);
  });
});
