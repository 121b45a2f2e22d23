import { createWriteStream } from 'node:fs';
import { realpath, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { outputFolder } from '../jobs';
import { isS3, look, openReplacement, parentLocation } from '../storage';
import { CliError } from './cli-error';
import { shownPath } from './display/rendering';

/** To stdout, compressed or not. */
export async function printResults(source: AsyncIterable<Buffer>, gzip: boolean): Promise<void> {
  if (gzip) await pipeline(source, createGzip(), process.stdout, { end: false });
  else await pipeline(source, process.stdout, { end: false });
}

/**
 * Into a file or an object, in place of an earlier one; never leaves half of one under the name that was asked for. A device or a pipe
 * is written to and keeps its name, and a link leads on to what it names.
 */
export async function writeResults(source: AsyncIterable<Buffer>, location: string, gzip: boolean): Promise<void> {
  if ((await look(location))?.kind === 'other') return writeInto(source, location, gzip);
  const file = await openReplacement(isS3(location) ? location : await realpath(location).catch(() => location));
  const append = async (chunks: AsyncIterable<Buffer>): Promise<void> => {
    for await (const chunk of chunks) await file.writer.append(chunk);
  };
  try {
    if (gzip) await pipeline(source, createGzip(), append);
    else await append(source);
    await file.commit();
  } finally {
    await file.discard();
  }
}

async function writeInto(source: AsyncIterable<Buffer>, path: string, gzip: boolean): Promise<void> {
  const device = createWriteStream(path);
  if (gzip) await pipeline(source, createGzip(), device);
  else await pipeline(source, device);
}

/**
 * @param outputs the job's output folder.
 * @param inputs files that are read.
 * @throws CliError `file_problem` where there is no such folder; `usage` where it is a file of this job or of another one.
 */
export async function mustBeWritable(path: string, outputs: string, inputs: readonly string[]): Promise<void> {
  const hint = 'Choose another name with --output FILE.';
  if (Object.values(outputFolder(outputs)).includes(path)) throw new CliError('usage', `${shown(path)} belongs to the job itself.`, { hint });
  if (inputs.includes(path)) throw new CliError('usage', `${shown(path)} is the input.`, { hint });
  const others = outputFolder(parentLocation(path));
  if (Object.values(others).includes(path) && ((await look(others.report)) || (await look(others.claim)))) {
    throw new CliError('usage', `${shown(path)} belongs to another job.`, { hint });
  }
  if (isS3(path)) return;
  if ((await look(path))?.kind === 'folder') throw new CliError('file_problem', `${shown(path)} is a folder.`, { hint: 'Choose another name with --output FILE.' });
  const folder = dirname(path);
  await stat(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
    throw new CliError('file_problem', `The folder ${shown(folder)} does not exist.`, { hint: 'Make it first, or choose another name with --output FILE.', cause: error });
  });
}

function shown(path: string): string {
  return shownPath(path, { cwd: process.cwd() });
}
