// The walk-through of the README: a township doctor orders a CT, the machine finds the order and sends the pictures, a
// technician grades them, one doctor at headquarters writes, a second one approves, the branch reads and prints the
// report, and a manager opens the figure down to this study.

import { after, before, test } from 'node:test';
import { Yiti, assert, browser, fs, path, pictureShown, run, pictures, signIn } from './support.mjs';

let yiti, chrome;
before(async () => {
  yiti = await Yiti.start();
  chrome = await browser();
});
after(async () => {
  await chrome?.close();
  assert.equal(await yiti?.stop(), 0, yiti?.log);
});

test('a CT of a township centre is read at headquarters', async (t) => {
  const doctor = await signIn(chrome, yiti, 'doctor');
  const found = {};
  const step = async (says, act) => { await act(); t.diagnostic(says); };

  await step('the branch doctor registers a patient and orders an exam', async () => {
    await doctor.goto('/requests/new');
    await doctor.click('#new-patient summary');
    await doctor.check('input[name=patient][value=new]');
    await doctor.fill('input[name=name]', '欧阳测试');
    await doctor.fill('input[name=national_id]', '990001196002290011');
    await doctor.selectOption('select[name=exam]', 'ct_chest_plain');
    await doctor.click(`label:has(input[name=priority][value=stat])`);
    await doctor.click(`label:has(input[name=setting][value=emergency])`);
    await doctor.fill('textarea[name=history]', '车祸后两小时，呼吸困难');
    await doctor.fill('textarea[name=question]', '车祸后胸痛，排除气胸');
    // The page itself would stop a wrong number already; the server must do so too.
    await doctor.$eval('main form[method=post]', (form) => { form.noValidate = true; });
    await doctor.click('button[name=step][value=send]');
    // The last character is wrong; the page names the right one and keeps what was typed.
    const fault = await doctor.textContent('#national_id-fault');
    const right = /[“「`"'](\d|X)[”」`"']|(\d|X)\s*$|应为\s*(\d|X)/.exec(fault.trim());
    assert.ok(right, `the fault names the right character: ${fault}`);
    await doctor.fill('input[name=national_id]', `99000119600229001${right.slice(1).find(Boolean)}`);
    await doctor.click('button[name=step][value=send]');
    await doctor.waitForURL(/\/requests\/[0-9a-f]{32}$/);
    found.request = new URL(doctor.url()).pathname;
    found.case = found.request.split('/').pop();
    const text = await doctor.textContent('main');
    found.accession = /\b(20\d{11})\b/.exec(text)[1];
  });

  await step('the machine finds the order in its worklist, with the Chinese name', async () => {
    const folder = fs.mkdtempSync(path.join(yiti.folder, 'worklist-'));
    const keys = ['ScheduledProcedureStepSequence[0].Modality=CT', 'ScheduledProcedureStepSequence[0].ScheduledProcedureStepStartDate',
      `AccessionNumber=${found.accession}`, 'PatientName', 'PatientID', 'PatientSex', 'PatientBirthDate', 'StudyInstanceUID', 'RequestedProcedureDescription'];
    await run('findscu', ['-W', '-X', '-od', folder, '-aet', 'CT-QS', '-aec', 'YITI-QS', ...keys.flatMap((key) => ['-k', key]),
      '127.0.0.1', String(yiti.dicom)]);
    const answers = fs.readdirSync(folder);
    assert.equal(answers.length, 1, 'one order of this branch has the number');
    const { stdout } = await run('dcmdump', ['+U8', '-q', path.join(folder, answers[0])]);
    assert.match(stdout, /OuYang\^CeShi=欧阳\^测试/);
    found.number = /\(0010,0020\) LO \[([^\]]+?) *\]/.exec(stdout)[1];
    found.study = /\(0020,000d\) UI \[([^\]]+)\]/.exec(stdout)[1];
    const other = fs.mkdtempSync(path.join(yiti.folder, 'other-'));
    await run('findscu', ['-W', '-X', '-od', other, '-aet', 'CT-BH', '-aec', 'YITI-BH', ...keys.flatMap((key) => ['-k', key]),
      '127.0.0.1', String(yiti.dicom)]);
    assert.equal(fs.readdirSync(other).length, 0, 'another branch does not see the order');
  });

  await step('the machine sends the study and it meets its order', async () => {
    const folder = fs.mkdtempSync(path.join(yiti.folder, 'pictures-'));
    const files = [];
    for (const n of [1, 2, 3]) {
      const file = path.join(folder, `${n}.dcm`);
      fs.copyFileSync(path.join(pictures, 'ct_chest.dcm'), file);
      await run('dcmodify', ['-nb', '-q', '-gin', '-i', '(0008,0005)=ISO_IR 192', '-i', `(0008,0050)=${found.accession}`,
        '-i', `(0010,0010)=欧阳测试`, '-i', `(0010,0020)=${found.number}`, '-i', '(0010,0040)=M', '-i', '(0010,0030)=19600229',
        '-i', `(0020,000d)=${found.study}`, '-i', `(0020,000e)=${found.study}.1`, '-i', `(0020,0013)=${n}`, file]);
      files.push(file);
    }
    await yiti.store(files);
    await doctor.waitForFunction(() => document.querySelector('main').innerText.includes('影像'), null, { timeout: 10_000 });
  });

  await step('the technician sees it arrive and grades the pictures', async () => {
    const technician = await signIn(chrome, yiti, 'tech');
    await technician.goto('/studies');
    assert.match(await technician.textContent('main'), /欧阳测试/);
    await technician.goto(`/studies/${found.case}/grade`);
    await Promise.all([
      technician.waitForURL((url) => !url.pathname.endsWith('/grade')),
      technician.click(`form[action$="/grade"] .btn-primary, main form .btn-primary`),
    ]);
    assert.deepEqual(technician.faults, []);
    await technician.context().close();
  });

  const reader = await signIn(chrome, yiti, 'reader1');
  await step('a reader takes it from the one list, sees the pictures, writes and submits', async () => {
    await reader.goto('/readings');
    const list = await reader.textContent('main');
    assert.match(list, /欧阳测试/);
    await reader.goto(`/readings/${found.case}`);
    await Promise.all([reader.waitForLoadState('load'), reader.click(`form[action="/readings/${found.case}/take"] button`)]);
    await reader.waitForSelector('textarea[name=findings]');
    const href = await reader.getAttribute('a[href*="/viewer"]', 'href');
    assert.match(href, new RegExp(found.study.replaceAll('.', '\\.')));
    const viewer = await reader.context().newPage();
    const failed = [];
    viewer.on('response', (response) => { if (response.status() >= 400) failed.push(`${response.status()} ${response.url()}`); });
    await viewer.goto(href);
    await viewer.waitForSelector('canvas', { timeout: 60_000 });
    await pictureShown(viewer);
    assert.deepEqual(failed, []);
    // What the first picture needed is what the worker keeps ready on the workstation.
    const loaded = await viewer.evaluate(() => performance.getEntriesByType('resource').map((entry) => new URL(entry.name).pathname));
    const worker = await (await fetch(`${yiti.base}/viewer-worker.js`)).text();
    assert.deepEqual(loaded.filter((name) => /^\/(?!histogram).*\.bundle\..*\.js$/.test(name) && !worker.includes(`'${name}'`)), [], 'add them to web/ohif/scripts.txt');
    await viewer.close();
    await reader.fill('textarea[name=findings]', '右侧胸腔见大量无肺纹理透亮区，右肺压缩约80%，纵隔向左移位。');
    await reader.waitForFunction(() => /\d\d:\d\d/.test(document.querySelector('[data-autosave-status]').textContent), null, { timeout: 8_000 });
    await reader.reload();
    assert.match(await reader.inputValue('textarea[name=findings]'), /右肺压缩约80%/, 'the draft was kept');
    // Without an impression it is not taken, and the page says which section is empty.
    await reader.click('form#report .btn-primary');
    await reader.waitForSelector('#impression-fault');
    await reader.fill('textarea[name=impression]', '右侧大量气胸，考虑张力性气胸。');
    await reader.click(`label:has(input[name=is_positive][value="1"])`);
    await reader.click(`label:has(input[name=is_critical])`);
    await reader.fill('input[name=critical_note]', '大量气胸或张力性气胸');
    await Promise.all([reader.waitForURL((url) => !url.pathname.endsWith('/submit')), reader.click('form#report .btn-primary')]);
  });

  await step('the author cannot approve; a second doctor does', async () => {
    await reader.goto(`/readings/${found.case}/approve`);
    assert.equal(await reader.locator(`form[action="/readings/${found.case}/approve"]`).count(), 0);
    const second = await signIn(chrome, yiti, 'reader2');
    await second.goto(`/readings/${found.case}/approve`);
    assert.match(await second.textContent('main'), /张力性气胸/);
    await doctor.goto(found.request);
    await doctor.waitForTimeout(500);
    const issued = Date.now();
    await second.evaluate((path) => document.querySelector(`form[action="${path}"]`).submit(), `/readings/${found.case}/approve`);
    // The branch doctor's open page shows the report by itself.
    await doctor.waitForSelector('a[href^="/reports/"]', { timeout: 10_000 });
    found.seconds = (Date.now() - issued) / 1000;
    t.diagnostic(`the branch saw the report after ${found.seconds} s`);
    found.report = (await doctor.getAttribute('a[href^="/reports/"]', 'href')).split(/[?#]/)[0];
    await second.context().close();
  });

  await step('the branch reads and prints it as one A4 page with both names and a code', async () => {
    await doctor.goto(found.report);
    assert.match(await doctor.textContent('main'), /张力性气胸/);
    await doctor.goto(`${found.report}/print`);
    const pdf = path.join(yiti.folder, 'report.pdf');
    await doctor.pdf({ path: pdf, preferCSSPageSize: true, printBackground: true });
    const { stdout } = await run('pdftotext', ['-layout', pdf, '-']);
    const { stdout: info } = await run('pdfinfo', [pdf]);
    assert.match(info, /Pages:\s+1\n/);
    assert.match(info, /Page size:\s+59\d(\.\d+)? x 84\d(\.\d+)? pts/);
    for (const wanted of ['欧阳测试', '张力性气胸', '云岭县总医院']) assert.ok(stdout.includes(wanted), `${wanted} is missing in\n${stdout}`);
    const code = /[2-9A-HJ-NP-Z]{4}[- ]?[2-9A-HJ-NP-Z]{4}[- ]?[2-9A-HJ-NP-Z]{4}/.exec(stdout);
    assert.ok(code, `a verification code is missing in\n${stdout}`);
    const anyone = await (await chrome.newContext({ baseURL: yiti.base })).newPage();
    await anyone.goto(`/verify/${code[0].replace(/[- ]/g, '')}`);
    const verified = await anyone.textContent('body');
    assert.match(verified, /真实|有效|一致|属实/);
    assert.ok(!verified.includes('欧阳测试'), 'the full name is not shown to anyone');
    await anyone.goto('/verify/222222222222');
    assert.doesNotMatch(await anyone.textContent('main'), /云岭县总医院影像/);
  });

  await step('an addendum makes a new version and tells who read the old one', async () => {
    await reader.goto(found.report);
    await Promise.all([reader.waitForURL(/\/readings\//), reader.click('form[action$="/addendum"] button')]);
    await reader.fill('textarea[name=advice]', '补充：已与旧片比较。');
    await Promise.all([reader.waitForURL((url) => !url.pathname.endsWith(`/readings/${found.case}`)), reader.click('form#report .btn-primary')]);
    const second = await signIn(chrome, yiti, 'reader2');
    await second.goto(`/readings/${found.case}/approve`);
    await Promise.all([
      second.waitForURL((url) => !url.pathname.endsWith('/approve')),
      second.evaluate((path) => document.querySelector(`form[action="${path}"]`).submit(), `/readings/${found.case}/approve`),
    ]);
    await second.context().close();
    await doctor.goto('/messages');
    assert.match(await doctor.textContent('main'), /新版本（第 2 版）/);
    await doctor.goto(`${found.report}?version=1`);
    assert.match(await doctor.textContent('main'), /旧版|新版|第 2 版/);
  });

  await step('a manager opens the figures down to the studies that made them', async () => {
    const head = await signIn(chrome, yiti, 'quality');
    await head.goto('/figures/turnaround');
    const cells = await head.$$eval('a[href*="/figures/turnaround/records"]', (links) =>
      links.map((link) => ({ href: link.getAttribute('href'), text: link.textContent.trim() })).filter((cell) => /^\d+$/.test(cell.text)));
    assert.ok(cells.length > 3, 'the page has figures that open');
    for (const cell of cells.slice(0, 6)) {
      await head.goto(cell.href);
      const text = await head.textContent('main');
      assert.ok(new RegExp(`(共|合计|计)\\s*${cell.text}\\b|${cell.text}\\s*(条|份|例|件)`).test(text), `${cell.href} shows ${cell.text}`);
    }
    await head.context().close();
  });

  assert.deepEqual(doctor.faults, []);
});
