// From one command on an empty folder to the first picture: the group is begun with the code of the console, a township
// centre and its technician are added, the machine is registered, and its study stands on the technician's list.

import { after, before, test } from 'node:test';
import { Yiti, assert, browser, openWindow, path, pictures, signIn } from './support.mjs';

const PASSWORD = 'ward round at seven';
let yiti, chrome;
before(async () => {
  yiti = await Yiti.start({ empty: true });
  chrome = await browser();
});
after(async () => {
  await chrome?.close();
  assert.equal(await yiti?.stop(), 0, yiti?.log);
});

const picture = async (page, name) => {
  if (process.env.YITI_SHOTS) await page.screenshot({ path: path.join(process.env.YITI_SHOTS, `${name}.png`), fullPage: true });
};
const submit = (page, action) => page.click(`form[action="${action}"] .btn-primary`);

test('an empty installation is begun and takes its first picture', async () => {
  const [, code] = /start code is (\S+)/.exec(yiti.log) ?? [];
  assert.ok(code, yiti.log);
  const admin = await openWindow(chrome, yiti);
  await admin.goto('/');
  assert.equal(new URL(admin.url()).pathname, '/first-start');
  const answers = {
    code: 'WRONG', group_name: '测试县紧密型县域医共体', group_short_name: '测试医共体', lead_name: '测试县人民医院',
    lead_short_name: '县医院', division_code: '990002', name: '测试管理员', employee_number: '0001', login: 'it', fresh: PASSWORD, again: PASSWORD,
  };
  const fill = async () => { for (const [name, value] of Object.entries(answers)) await admin.fill(`[name=${name}]`, value); };
  await fill();
  await submit(admin, '/first-start');
  assert.match(await admin.textContent('#code-fault'), /启用码/);
  await picture(admin, 'first-start-wrong');
  answers.code = code.toLowerCase();
  await fill();
  await Promise.all([admin.waitForURL('**/sign-in'), submit(admin, '/first-start')]);
  await admin.fill('[name=account]', 'it');
  await admin.fill('[name=password]', PASSWORD);
  await Promise.all([admin.waitForURL('**/home'), submit(admin, '/sign-in')]);
  await picture(admin, 'first-home');

  await admin.goto('/institutions');
  await admin.selectOption('#parent', { label: '测试县紧密型县域医共体' });
  await admin.fill('#name', '东山镇卫生院');
  await admin.fill('#short_name', '东山镇');
  await admin.selectOption('#kind', 'township_center');
  await Promise.all([admin.waitForResponse((r) => r.request().method() === 'POST'), admin.click('form[action="/institutions"] .btn')]);
  await admin.waitForSelector('.tree :text("东山镇卫生院")');
  await picture(admin, 'first-institutions');

  await admin.goto('/people/new');
  await admin.fill('#name', '测试技师');
  await admin.fill('#employee_number', '0002');
  await admin.selectOption('#institution', { label: '东山镇卫生院' });
  await admin.selectOption('#role', 'branch_technician');
  await Promise.all([admin.waitForURL(/\/people\/[0-9a-f-]{32,36}$/), submit(admin, '/people')]);
  const person = new URL(admin.url()).pathname;
  await picture(admin, 'first-person');
  await admin.fill('#login', 'jishi');
  await submit(admin, `${person}/account`);
  const password = (await admin.textContent('#issued-password')).trim();
  await picture(admin, 'first-issued');

  const technician = await signIn(chrome, yiti, 'jishi', { password, then: '**/account' });
  await technician.goto('/studies');
  assert.equal(new URL(technician.url()).pathname, '/account', 'nothing else opens before the password is changed');
  await picture(technician, 'first-account');
  await technician.setViewportSize({ width: 375, height: 700 });
  await picture(technician, 'first-account-375');
  await technician.setViewportSize({ width: 1366, height: 768 });
  await technician.fill('#current', password);
  await technician.fill('#fresh', 'a password of my own');
  await technician.fill('#again', 'a password of my own');
  await Promise.all([technician.waitForURL('**/home'), submit(technician, '/account/password')]);

  for (const [kind, title, name, modality] of [['archive', 'YITI-DS', '接收端', ''], ['modality', 'CT-DS', 'CT 一号机', 'CT']]) {
    await admin.goto('/devices');
    await admin.selectOption('#institution', { label: '东山镇卫生院' });
    await admin.selectOption('#kind', kind);
    await admin.fill('#ae_title', title);
    await admin.fill('#name', name);
    if (modality) await admin.fill('#modality', modality);
    await Promise.all([admin.waitForResponse((r) => r.request().method() === 'POST'), submit(admin, '/devices')]);
    await admin.waitForSelector(`td:text-is("${title}")`);
  }
  await picture(admin, 'first-devices');
  await yiti.store([path.join(pictures, 'ct_chest.dcm')], { calling: 'CT-DS', called: 'YITI-DS' });
  await technician.goto('/unmatched');
  await technician.waitForSelector('main :text("CompressedSamples")');
  await picture(technician, 'first-studies');
  for (const page of [admin, technician]) assert.deepEqual(page.faults, []);
});
