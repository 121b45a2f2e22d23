import { realpath, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { isS3, look } from '../storage';
import { CliError } from './cli-error';
import { shownPath } from './display/rendering';

export interface NewFileOptions {
  /** Files that are read, which are never written over. */
  inputs: readonly string[];
  /** Another file that is there may be replaced. */
  force: boolean;
}

/**
 * @param location absolute.
 * @throws CliError where it is one of the inputs, by whatever name; where it exists, without `force`; where it is a folder, or in none.
 */
export async function mustBeNew(location: string, { inputs, force }: NewFileOptions): Promise<void> {
  const shown = shownPath(location, { cwd: process.cwd() });
  const hint = 'Choose another name with --output FILE.';
  const own = await identityOf(location);
  for (const input of inputs) {
    if (own === (await identityOf(input))) throw new CliError('usage', `${shown} is the input.`, { hint });
  }
  const found = await look(location);
  if (found?.kind === 'folder' && !isS3(location)) throw new CliError('file_problem', `${shown} is a folder.`, { hint });
  if (found?.kind === 'file' && !force) throw new CliError('file_exists', `${shown} exists already.`, { hint: 'Choose another name with --output FILE, or add --force to replace it.' });
  if (!found && !isS3(location)) await folderMustExist(dirname(location));
}

/** A file's own, whatever it is called; of what is not there, its name. */
async function identityOf(location: string): Promise<string> {
  if (isS3(location)) return location;
  const path = await realpath(location).catch(() => location);
  const found = await stat(path).catch(() => undefined);
  return found ? `${found.dev}:${found.ino}` : path;
}

async function folderMustExist(folder: string): Promise<void> {
  if ((await look(folder))?.kind === 'folder') return;
  throw new CliError('file_problem', `There is no folder ${shownPath(folder, { cwd: process.cwd() })}.`, { hint: 'Make it first, or choose another name with --output FILE.' });
}
