// The DICOMweb client library of the field (PyPI `dicomweb-client`, with `pydicom`) against the running server.
// YITI_PYTHON names the Python that has both; the test command of the README prepares it.

import { after, before, test } from 'node:test';
import { PASSWORD, Yiti, assert, fs, path, root, run, pictures } from './support.mjs';

let yiti;
before(async () => { yiti = await Yiti.start({ residents: 60, readings: 4 }); });
after(async () => { await yiti.stop(); });

test('a client library stores, finds, reads and compares a series of sixteen pictures', async () => {
  const files = fs.readdirSync(pictures).filter((name) => name.startsWith('mr_wrist')).map((name) => path.join(pictures, name));
  assert.equal(files.length, 16);
  const { stdout } = await run(process.env.YITI_PYTHON || 'python3',
    [path.join(root, 'edges/dicom/tests/clients.py'), yiti.base, 'tech', PASSWORD, ...files]);
  assert.match(stdout, /16 instances stored, found, read and compared/);
});
