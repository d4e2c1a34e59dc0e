// From the click on "open the pictures" to the first picture of a CT of 300 slices of 512 x 512 in the browser.

import { Yiti, browser, fs, path, pictureShown, run, shared, signIn } from '../apps/yiti/tests/journeys/support.mjs';

const LINK = 'a[target="viewer"][href*="StudyInstanceUIDs="]';
const SLICES = Number(process.env.SLICES || 300);
const yiti = await Yiti.start({ residents: 60, readings: 12 });
const folder = path.join(yiti.folder, 'ct');
fs.mkdirSync(folder);
const sample = path.join(shared, 'data/dicom/pydicom/CT_small.dcm');
const study = `2.25.${Date.now()}`;
const files = [];
for (let n = 0; n < SLICES; n += 1) {
  const [file, raw] = [path.join(folder, `${String(n).padStart(3, '0')}.dcm`), path.join(folder, 'raw')];
  const pixels = Buffer.alloc(512 * 512 * 2);
  for (let i = 0; i < 512 * 512; i += 1) {
    const [x, y] = [(i % 512) - 256, Math.floor(i / 512) - 256];
    const body = x * x + y * y * 1.6 < 48_000 ? 1040 + ((x * 7 + y * 13 + n * 5) % 90) : 0;
    pixels.writeUInt16LE(body + ((i * 2654435761 + n * 40503) >>> 27), i * 2);
  }
  fs.writeFileSync(raw, pixels);
  fs.copyFileSync(sample, file);
  await run('dcmodify', ['-nb', '-q', '-gin', '-m', `(0020,000d)=${study}`, '-m', `(0020,000e)=${study}.1`, '-m', '(0028,0010)=512',
    '-m', '(0028,0011)=512', '-m', `(0020,0013)=${n + 1}`, '-m', `(0020,0032)=0\\0\\${n}`, '-mf', `(7fe0,0010)=${raw}`, file]);
  files.push(file);
}
const began = Date.now();
await yiti.store(files, { verbose: false });
console.log(`C-STORE by a stock storescu, one association: ${(SLICES / ((Date.now() - began) / 1000)).toFixed(0)} instances/s, durable`);
const chrome = await browser();
const page = await signIn(chrome, yiti, 'reader1');
// As at work: the list is looked at first, and meanwhile the browser gets the viewer ready (web/ohif/worker.js).
await page.goto(`${yiti.base}/readings`);
await page.waitForFunction(async () => (await navigator.serviceWorker.getRegistration('/viewer/'))?.active, null, { timeout: 60_000, polling: 200 });
await page.waitForTimeout(3000);
const readings = await page.$$eval('[data-rows] td.lead a', (links) => links.map((link) => link.href));
let reading;
for (reading of readings) {
  await page.goto(reading);
  if (await page.$(LINK)) break;
}
const seconds = [];
for (let visit = 0; visit < 6; visit += 1) {
  await page.goto(reading);
  // The link of the page, led to the study that was just stored.
  await page.$eval(LINK, (link, uid) => { link.href = link.href.replace(/(StudyInstanceUIDs=)[\d.]+/, `$1${uid}`); }, study);
  const start = Date.now();
  const [viewer] = await Promise.all([page.waitForEvent('popup'), page.click(LINK)]);
  await pictureShown(viewer);
  seconds.push((Date.now() - start) / 1000);
  await viewer.close();
}
const [first, ...later] = seconds;
later.sort((a, b) => a - b);
console.log(`first image of ${SLICES} slices: ${first.toFixed(2)} s the first time, then ${later[2].toFixed(2)} s (median of 5, worst ${later[4].toFixed(2)} s)`);
await chrome.close();
await yiti.stop();
