/** JSONL in a file, as the source of a create's body. */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { InvalidRequestError } from './errors';

const CHUNK_BYTES = 256 * 1024;

/** Which file a source reads: it is then read straight into the memory that is sent. */
const paths = new WeakMap<object, string>();

export interface JsonlFile {
  /** Opens the file anew each time. */
  jsonl: () => AsyncIterable<Uint8Array>;
  /** Size of the file when this was made; a create fails, and no batch is made, where it is another by then. */
  bytes: number;
}

/**
 * One serialized request a line, from a file: `api.create(await jsonlFile(path))`. The file is read while it is sent, once, and never held in memory.
 * @throws InvalidRequestError where there is no regular file that could be measured
 */
export async function jsonlFile(path: string): Promise<JsonlFile> {
  const stats = await stat(path).catch((error: NodeJS.ErrnoException) => {
    throw new InvalidRequestError(`The file ${path} cannot be read (${error.code ?? error.name}). No batch was made.`);
  });
  if (!stats.isFile()) {
    throw new InvalidRequestError(`${path} is ${stats.isDirectory() ? 'a directory' : 'no regular file'}, so its bytes cannot be counted beforehand. No batch was made; write the requests to a file.`);
  }
  const jsonl = () => createReadStream(path, { highWaterMark: CHUNK_BYTES });
  paths.set(jsonl, path);
  return { jsonl, bytes: stats.size };
}

/** Path of the file, where the source was made by `jsonlFile`. */
export function pathOf(source: object): string | undefined {
  return paths.get(source);
}
