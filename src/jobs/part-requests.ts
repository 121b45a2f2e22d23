import { look, readChunks, readLines, readWhole, StorageError } from '../storage';
import { CustomIdTable } from './custom-id-table';
import type { PartFolder } from './part-folder';
import type { PassOptions } from './progress';
import { isLineProblem, parseRequestLine, type RequestLine } from './request-line';

const ORDINAL_BYTES = 4;
const LINE_FEED = 0x0a;

/** A request of a part, as it lies in the job's own copy. */
export interface PartRequest {
  /** In the part, from 0. */
  position: number;
  request: RequestLine;
  /** The whole line, without its line feed. */
  line: Buffer;
  /** Where it begins in the file. */
  offset: number;
}

/**
 * Reads a part's requests in order, those of one chunk together.
 * @throws StorageError `changed` where the copy is not what was written.
 */
export async function* readPartRequests(folder: PartFolder, options: PassOptions = {}): AsyncGenerator<PartRequest[], void, undefined> {
  let position = 0;
  let bytes = 0;
  const sentIds = await idsOfOurs(folder, options);
  const parsing = sentIds ? { makeId: () => sentIds[position] ?? '' } : {};
  for await (const lines of readLines(folder.requests, options)) {
    const requests: PartRequest[] = [];
    for (const { bytes: line, offset } of lines) {
      const request = parseRequestLine(line, parsing);
      if (isLineProblem(request)) throw partChanged(folder.requests, `request ${position + 1} cannot be read (${request.message})`);
      requests.push({ position: position++, request, line, offset });
      bytes = offset + line.length;
    }
    options.onProgress?.({ lines: position, bytes });
    yield requests;
  }
}

/** The ids that the part's requests are sent under, where some of these are ours. */
async function idsOfOurs(folder: PartFolder, options: PassOptions): Promise<string[] | undefined> {
  if (!(await look(folder.ownIds))?.size) return undefined;
  const sentIds: string[] = [];
  for await (const ids of customIdsOf(folder, { signal: options.signal })) for (const id of ids) sentIds.push(id);
  return sentIds;
}

/**
 * For each request of a part the JSON of its own id, where it is sent under one of ours; empty for all others.
 * @param requests how many the part has.
 * @returns undefined where all of them are sent under their own, or have none.
 * @throws StorageError `changed`
 */
export async function readOwnIds(folder: PartFolder, requests: number): Promise<Buffer[] | undefined> {
  if (!(await look(folder.ownIds))?.size) return undefined;
  const bytes = await readWhole(folder.ownIds);
  const ids: Buffer[] = [];
  let from = 0;
  for (let end = bytes.indexOf(LINE_FEED); end !== -1; end = bytes.indexOf(LINE_FEED, from)) {
    ids.push(bytes.subarray(from, end));
    from = end + 1;
  }
  if (ids.length !== requests) throw partChanged(folder.ownIds, `it should have ${requests} lines`);
  return ids;
}

/**
 * The part's custom_ids and the position of each.
 * @param requests how many the part has.
 * @throws StorageError `changed` where it holds others.
 */
export async function readCustomIds(folder: PartFolder, requests: number, options: PassOptions = {}): Promise<CustomIdTable> {
  const table = new CustomIdTable(requests);
  let found = 0;
  for await (const ids of customIdsOf(folder, options)) {
    for (const id of ids) if (++found <= requests && !table.add(id)) throw partChanged(folder.requests, 'two of its requests have the same custom_id');
  }
  if (found !== requests) throw partChanged(folder.requests, `it holds ${found} requests, ${requests} were planned`);
  return table;
}

/** The part's custom_ids in order, those of one chunk together. @throws StorageError */
export async function* customIdsOf(folder: PartFolder, options: PassOptions = {}): AsyncGenerator<string[], void, undefined> {
  try {
    let cut = '';
    for await (const chunk of readChunks(folder.customIds, options)) {
      const ids = (cut + chunk.toString('latin1')).split('\n');
      cut = ids.pop() ?? '';
      yield ids;
    }
  } catch (error) {
    if (!(error instanceof StorageError) || error.code !== 'changed') throw error;
    // Not there: an older release has planned the part.
    for await (const requests of readPartRequests(folder, options)) yield requests.map(({ request }) => request.customId);
  }
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
