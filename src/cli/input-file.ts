import { createHash, randomBytes } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { absoluteLocation } from '../storage';
import { CliError } from './cli-error';
import { spoolFolder } from './spooled-inputs';

/** What a command was given as INPUT. */
export interface InputFile {
  /** Absolute path, or `s3://bucket/key`. */
  path: string;
  /** Where the outputs go by default, without the suffix that says what they are. */
  outputBase: string;
}

/**
 * Resolves INPUT. Standard input (`-`) is kept in a file named by its content, because a job must be able to
 * read its input again after a crash.
 */
export async function openInput(input: string, homeFolder: string): Promise<InputFile> {
  if (input !== '-') {
    const path = absoluteLocation(input);
    return { path, outputBase: path.replace(/\.gz$/, '').replace(/\.(jsonl|ndjson|json)$/, '') };
  }
  if (process.stdin.isTTY) {
    throw new CliError('no_input', 'INPUT is "-", but nothing is piped in.', { hint: 'For example: make-requests | message-batches run -' });
  }
  const path = await spool(process.stdin, spoolFolder(homeFolder));
  return { path, outputBase: resolve(`stdin-${basename(path).slice(0, 8)}`) };
}

async function spool(source: Readable, folder: string): Promise<string> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const temporary = join(folder, `.${randomBytes(6).toString('hex')}.tmp`);
  const hash = createHash('sha256');
  try {
    await pipeline(
      source,
      async function* (chunks: AsyncIterable<unknown>) {
        for await (const chunk of chunks) {
          hash.update(chunk as Buffer);
          yield chunk;
        }
      },
      createWriteStream(temporary, { mode: 0o600, flush: true }),
    );
    const path = join(folder, `${hash.digest('hex')}.jsonl`);
    await rename(temporary, path);
    return path;
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
