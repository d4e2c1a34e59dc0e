// Made-up pictures for the benchmarks: CT slices of 512 x 512 x 16 bit, and small files of many patients.

import { fs, path, run, pictures } from '../apps/yiti/tests/journeys/support.mjs';

const SAMPLE = path.join(pictures, 'ct_chest.dcm');

/** files: [slice], of one series of one study. */
export async function slices(folder, count, study) {
  fs.mkdirSync(folder, { recursive: true });
  const files = [];
  for (let n = 0; n < count; n += 1) {
    const [file, raw] = [path.join(folder, `${String(n).padStart(3, '0')}.dcm`), path.join(folder, 'raw')];
    const pixels = Buffer.alloc(512 * 512 * 2);
    for (let i = 0; i < 512 * 512; i += 1) {
      const [x, y] = [(i % 512) - 256, Math.floor(i / 512) - 256];
      const body = x * x + y * y * 1.6 < 48_000 ? 1040 + ((x * 7 + y * 13 + n * 5) % 90) : 0;
      pixels.writeUInt16LE(body + ((i * 2654435761 + n * 40503) >>> 27), i * 2);
    }
    fs.writeFileSync(raw, pixels);
    fs.copyFileSync(SAMPLE, file);
    await run('dcmodify', ['-nb', '-q', '-gin', '-m', `(0020,000d)=${study}`, '-m', `(0020,000e)=${study}.1`, '-m', '(0028,0010)=512',
      '-m', '(0028,0011)=512', '-m', `(0020,0013)=${n + 1}`, '-m', `(0020,0032)=0\\0\\${n}`, '-mf', `(7fe0,0010)=${raw}`, file]);
    files.push(file);
  }
  return files;
}

/** The same pictures as another study. */
export async function restamp(files, study) {
  await run('dcmodify', ['-nb', '-q', '-gin', '-m', `(0020,000d)=${study}`, '-m', `(0020,000e)=${study}.1`, ...files]);
}

/** files: [study], each of one small picture; two studies a patient `B<n>`, spread over the weeks of 2025. */
export async function small(folder, count) {
  fs.mkdirSync(folder, { recursive: true });
  const files = [];
  for (let patient = 0; patient < count / 2; patient += 1) {
    const two = [0, 1].map((n) => path.join(folder, `${patient}-${n}.dcm`));
    two.forEach((file) => fs.copyFileSync(SAMPLE, file));
    const date = new Date(Date.UTC(2025, 0, 1 + (patient % 364))).toISOString().slice(0, 10).replaceAll('-', '');
    await run('dcmodify', ['-nb', '-q', '-gst', '-gse', '-gin', '-m', `PatientID=B${patient}`, '-m', `StudyDate=${date}`, ...two]);
    files.push(...two);
  }
  return files;
}
