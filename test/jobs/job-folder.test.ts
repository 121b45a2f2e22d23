import { existsSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import * as fc from 'fast-check';
import { JobFolder, jobFolderName } from '../../src/jobs';
import { useFolder } from '../storage/helpers';

const folder = useFolder();

it.each([
  ['job_4c1f09be72a3d586', 'job_4c1f09be72a3d586'],
  ['day-2026.11', 'day-2026.11'],
  ['a'.repeat(100), 'a'.repeat(100)],
  ['../../x', '%2E.%2F..%2Fx'],
  ['..', '%2E.'],
  ['.hidden', '%2Ehidden'],
  ['orders/2026/11', 'orders%2F2026%2F11'],
  ['a\\b:c*~', 'a%5Cb%3Ac%2A%7E'],
  ['%2E', '%252E'],
  ['', '%'],
])('the folder of job "%s" is %s', (id, name) => {
  expect(jobFolderName(id)).toBe(name);
});

it('is short, and another for each long id', () => {
  const names = ['x', 'y'].map((end) => jobFolderName('ü/'.repeat(300) + end));
  expect(new Set(names).size).toBe(2);
  for (const name of names) expect(name).toHaveLength(200);
  // Not even the name of one is that of another.
  expect(jobFolderName(names[0]!)).not.toBe(names[0]);
});

it('whatever the id, the folder lies right below jobs/', () => {
  const id = fc.oneof(fc.string({ unit: 'binary', maxLength: 300 }), fc.array(fc.constantFrom('.', '/', '\\', '%', '~', 'a', '\ud800')).map((parts) => parts.join('')));
  fc.assert(
    fc.property(id, (jobId) => {
      const below = relative(join(folder.path, 'jobs'), new JobFolder(folder.path, jobId).folder);
      expect(below).toMatch(/^[^./\\][^/\\]*$/);
      expect(below).not.toContain(sep);
      expect(Buffer.byteLength(below)).toBeLessThanOrEqual(200);
    }),
  );
});

it('keeps the records of such a job there', async () => {
  const job = new JobFolder(folder.path, '../../x');
  await job.requestCancel(new Date());
  expect(existsSync(join(folder.path, 'jobs', '%2E.%2F..%2Fx', 'cancel.json'))).toBe(true);
  expect(await new JobFolder(folder.path, '../../x').cancelRequested()).toBe(true);
});
