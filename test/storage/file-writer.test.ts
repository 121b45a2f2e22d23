import { readFileSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { FileWriter } from '../../src/storage';
import { useFolder } from './helpers';

const folder = useFolder();
afterEach(() => jest.restoreAllMocks());

/** Of all files that are opened: what the writer calls is a method of a class that Node does not give away. */
async function fileHandles(): Promise<FileHandle> {
  const handle = await open(join(folder.path, 'any'), 'w');
  await handle.close();
  return Object.getPrototypeOf(handle) as FileHandle;
}

it('writes all bytes in their order, whatever the pieces are and however often it is synced meanwhile', async () => {
  let files = 0;
  const piece = fc.oneof(fc.nat(50), fc.integer({ min: 1_000, max: 100_000 }), fc.integer({ min: 500_000, max: 3_000_000 }));
  await fc.assert(
    fc.asyncProperty(fc.array(fc.record({ size: piece, sync: fc.boolean(), wait: fc.boolean() }), { maxLength: 30 }), async (steps) => {
      const path = join(folder.path, `file-${++files}`);
      const writer = await FileWriter.create(path);
      const written: Buffer[] = [];
      const syncs: Promise<void>[] = [];
      for (const [index, { size, sync, wait }] of steps.entries()) {
        const bytes = Buffer.alloc(size, index + 1);
        written.push(bytes);
        const appended = writer.append(bytes);
        if (wait) await appended;
        else syncs.push(appended);
        if (sync) syncs.push(writer.sync());
      }
      await Promise.all(syncs);
      expect(writer.bytes).toBe(Buffer.concat(written).length);
      await writer.close();
      expect(readFileSync(path).equals(Buffer.concat(written))).toBe(true);
    }),
    { numRuns: 30 },
  );
});

it('what was appended before a sync is on disk after it, also where more was appended meanwhile', async () => {
  const path = join(folder.path, 'file');
  const writer = await FileWriter.create(path);
  await writer.append(Buffer.alloc(10, 1));
  const synced = writer.sync();
  await writer.append(Buffer.alloc(10, 2));
  await synced;
  expect(readFileSync(path).subarray(0, 10).equals(Buffer.alloc(10, 1))).toBe(true);
  await writer.close();
  expect(readFileSync(path)).toHaveLength(20);
});

it('goes on where a write took fewer bytes than it was given', async () => {
  const prototype = await fileHandles();
  const whole = Object.getOwnPropertyDescriptor(prototype, 'writev')!.value as FileHandle['writev'];
  jest.spyOn(prototype, 'writev').mockImplementation(function (this: FileHandle, pieces, position) {
    return whole.call(this, [(pieces[0] as Buffer).subarray(0, 3)], position ?? undefined);
  });
  const path = join(folder.path, 'file');
  const writer = await FileWriter.create(path);
  await writer.append(Buffer.from('first '));
  await writer.append(Buffer.from('second'));
  await writer.close();
  expect(readFileSync(path, 'utf8')).toBe('first second');
});

it('a write that failed comes out of the next call, and of all after it', async () => {
  const prototype = await fileHandles();
  const full = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC', syscall: 'write' });
  const writer = await FileWriter.create(join(folder.path, 'file'));
  jest.spyOn(prototype, 'writev').mockRejectedValue(full);
  const refused = { code: 'disk_full', path: join(folder.path, 'file') };
  await writer.append(Buffer.alloc(2_000_000));
  await expect(writer.sync()).rejects.toMatchObject(refused);
  await expect(writer.append(Buffer.alloc(1))).rejects.toMatchObject(refused);
  await expect(writer.close()).rejects.toMatchObject(refused);
});
