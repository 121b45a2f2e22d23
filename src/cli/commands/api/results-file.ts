import { link, rename, rm, stat, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { FileWriter, syncFolder } from '../../../storage';
import { CliError } from '../../cli-error';
import { shownPath } from '../../display/rendering';

/** A file that has its name when it is whole. Until then it is `FILE.partial`, and stays that where the rest does not come. */
export interface ResultsFile {
  readonly bytes: number;
  append(line: Buffer): Promise<void>;
  /** Makes it survive a power loss, and gives it its name. */
  commit(): Promise<void>;
  /** To be called at the end in any case. Nothing stays of a file that got nothing. */
  close(): Promise<void>;
}

/** What a file is called that is not whole yet. */
export function partialName(path: string): string {
  return `${path}.partial`;
}

/**
 * What an earlier download left stays until this one ends.
 * @param force replaces what was downloaded before, whole or not
 * @throws CliError file_exists, unless `force`: what was downloaded before is not thrown away
 */
export async function openResultsFile(path: string, { force }: { force: boolean }): Promise<ResultsFile> {
  const partial = partialName(path);
  const written = force ? `${partial}.new` : partial;
  await mustHaveFolder(dirname(path));
  await mustBeFile(path);
  if (force) await rm(written, { force: true });
  else await mustBeNew(path);
  const writer = await FileWriter.create(written).catch((error: NodeJS.ErrnoException) => {
    throw error.code === 'EEXIST' ? exists(partial, 'is there from an earlier download') : error;
  });
  let stands: 'open' | 'closed' | 'committed' = 'open';
  const close = async () => {
    if (stands === 'open') await writer.close();
    stands = 'closed';
  };
  return {
    get bytes() {
      return writer.bytes;
    },
    append: (line) => writer.append(line),
    async commit() {
      await writer.sync();
      await close();
      await (force ? rename(written, path) : renameToNew(written, path));
      stands = 'committed';
      if (force) await rm(partial, { force: true });
      await syncFolder(dirname(path));
    },
    async close() {
      if (stands === 'committed') return;
      await close();
      if (writer.bytes === 0) await rm(written, { force: true });
      else if (force) await rename(written, partial);
    },
  };
}

/** What file systems say that know no second name for a file. */
const NO_LINKS = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'];

/** Never over a file that came meanwhile, where the file system can do that in one step. */
async function renameToNew(from: string, to: string): Promise<void> {
  try {
    await link(from, to);
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') throw exists(to, 'is there already');
    if (!NO_LINKS.includes(code)) throw error;
    await mustBeNew(to);
    await rename(from, to);
    return;
  }
  await unlink(from);
}

async function mustBeNew(path: string): Promise<void> {
  if (await statOf(path)) throw exists(path, 'is there already');
}

async function mustBeFile(path: string): Promise<void> {
  const found = await statOf(path);
  if (!found || found.isFile()) return;
  // A device or a pipe would be replaced by a file.
  throw new CliError('file_problem', `${shown(path)} is ${found.isDirectory() ? 'a folder' : 'a device or a pipe'}, not a file.`, { hint: 'Choose another name with --output FILE.' });
}

async function mustHaveFolder(folder: string): Promise<void> {
  if (!(await statOf(folder))) throw new CliError('file_problem', `The folder ${shown(folder)} does not exist.`, { hint: 'Make it first, or choose another name with --output FILE.' });
}

async function statOf(path: string) {
  return stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
}

function exists(path: string, how: string): CliError {
  return new CliError('file_exists', `${shown(path)} ${how}.`, { hint: 'Move it away, choose another name with --output FILE, or replace it with --force.' });
}

function shown(path: string): string {
  return shownPath(path, { cwd: process.cwd() });
}
