import { readLines, readWhole, StorageError } from '../storage';
import type { PartFolder } from './part-folder';
import type { PassOptions } from './progress';
import { isLineProblem, parseRequestLine, type RequestLine } from './request-line';

const ORDINAL_BYTES = 4;

/** A request of a part, as it lies in the job's own copy. */
export interface PartRequest {
  /** In the part, from 0. */
  position: number;
  request: RequestLine;
  /** The whole line, without its line feed. */
  line: Buffer;
}

/**
 * Reads a part's requests in order, those of one chunk together.
 * @throws StorageError `changed` where the copy is not what was written.
 */
export async function* readPartRequests(folder: PartFolder, options: PassOptions = {}): AsyncGenerator<PartRequest[], void, undefined> {
  let position = 0;
  let bytes = 0;
  for await (const lines of readLines(folder.requests, options)) {
    const requests: PartRequest[] = [];
    for (const { bytes: line, offset } of lines) {
      const request = parseRequestLine(line);
      if (isLineProblem(request)) throw partChanged(folder.requests, `request ${position + 1} cannot be read (${request.message})`);
      requests.push({ position: position++, request, line });
      bytes = offset + line.length;
    }
    options.onProgress?.({ lines: position, bytes });
    yield requests;
  }
}

/** The part's custom_ids and the position of each in the part, from 0. */
export async function readCustomIds(folder: PartFolder, options: PassOptions = {}): Promise<Map<string, number>> {
  const positions = new Map<string, number>();
  for await (const requests of readPartRequests(folder, options)) {
    for (const { position, request } of requests) positions.set(request.customId, position);
  }
  return positions;
}

/**
 * For each request of the part its position among the requests of the whole input.
 * @param requests how many the part has.
 */
export async function readOrdinals(folder: PartFolder, requests: number): Promise<Uint32Array> {
  const bytes = await readWhole(folder.ordinals);
  if (bytes.length !== requests * ORDINAL_BYTES) throw partChanged(folder.ordinals, `it should have ${requests * ORDINAL_BYTES} bytes`);
  const ordinals = new Uint32Array(requests);
  for (let position = 0; position < ordinals.length; position++) ordinals[position] = bytes.readUInt32LE(position * ORDINAL_BYTES);
  return ordinals;
}

export function partChanged(path: string, what: string): StorageError {
  return new StorageError('changed', path, `${path} is not what this job wrote: ${what}.`, 'Put the file back from a copy. Nothing of a changed part is sent.');
}
