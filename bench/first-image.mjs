// From the click on "open the pictures" to the first picture of a CT of 300 slices of 512 x 512 in the browser.

import { Yiti, browser, path, pictureShown, signIn } from '../apps/yiti/tests/journeys/support.mjs';
import { slices } from './pictures.mjs';

const LINK = 'a[target="viewer"][href*="StudyInstanceUIDs="]';
const SLICES = Number(process.env.SLICES || 300);
const yiti = await Yiti.start({ residents: 60, readings: 12 });
const study = `2.25.${Date.now()}`;
const files = await slices(path.join(yiti.folder, 'ct'), SLICES, study);
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
