import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openStorageRoot } from '../../src/storage';
import { useFolder } from './helpers';

const folder = useFolder();

it('makes the folder and its id, and finds the same id again', async () => {
  const root = await openStorageRoot(join(folder.path, 'new/root'));
  expect(root.id).toMatch(/^[0-9a-f]{8}$/);
  expect(statSync(root.folder).mode & 0o777).toBe(0o700);
  expect(readFileSync(join(root.folder, 'storage-id'), 'utf8')).toBe(`${root.id}\n`);
  expect(await openStorageRoot(root.folder)).toEqual(root);
});

it('gives one id to all who open it at once', async () => {
  const roots = await Promise.all(Array.from({ length: 20 }, () => openStorageRoot(join(folder.path, 'root'))));
  expect(new Set(roots.map((root) => root.id)).size).toBe(1);
});

it('names an id file that was changed', async () => {
  writeFileSync(join(folder.path, 'storage-id'), 'nonsense');
  await expect(openStorageRoot(folder.path)).rejects.toMatchObject({ code: 'damaged', path: join(folder.path, 'storage-id') });
});
