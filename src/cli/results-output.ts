import { createWriteStream } from 'node:fs';
import { realpath } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { outputFolder } from '../jobs';
import { isS3, look, openReplacement, parentLocation } from '../storage';
import { CliError } from './cli-error';
import { shownPath } from './display/rendering';
import { mustBeNew } from './new-file';

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

export interface WritableOptions {
  /** The job's output folder. */
  outputs: string;
  /** Files that are read. */
  inputs: readonly string[];
  /** Another file that is there may be replaced. */
  force: boolean;
}

/**
 * @throws CliError `usage` where it is the input, or a file of this job or of another one; `file_exists` where there is such a file, without
 * `force`; `file_problem` where it is a folder, or in none.
 */
export async function mustBeWritable(path: string, { outputs, inputs, force }: WritableOptions): Promise<void> {
  const hint = 'Choose another name with --output FILE.';
  if (Object.values(outputFolder(outputs)).includes(path)) throw new CliError('usage', `${shown(path)} belongs to the job itself.`, { hint });
  const others = outputFolder(parentLocation(path));
  if (Object.values(others).includes(path) && ((await look(others.report)) || (await look(others.claim)))) {
    throw new CliError('usage', `${shown(path)} belongs to another job.`, { hint });
  }
  await mustBeNew(path, { inputs, force });
}

function shown(path: string): string {
  return shownPath(path, { cwd: process.cwd() });
}
