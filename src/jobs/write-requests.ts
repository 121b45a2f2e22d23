import { createHash } from 'node:crypto';
import type { DataReference } from '../contract';
import { absoluteLocation, joinLocation, openReplacement, readLines, ScratchFile } from '../storage';
import { DuplicateIds } from './duplicate-ids';
import { InputError } from './input-error';
import { partLimits, sizeProblem } from './part-size';
import type { PassOptions } from './progress';
import { isLineProblem, type LineProblem, parseRequestLine } from './request-line';

/** A request made by a program; `BatchCreateParams.Request` of the official SDK is one. */
export interface ProgramRequest {
  /** Letters, digits, `_` and `-`, 64 at most; no two requests have the same. */
  custom_id: string;
  /** The body of a Messages API request. */
  params: object;
  /** Yours: never sent, handed to joins and follow-ups. At most 4 KB. */
  metadata?: object;
}

export interface WriteRequestsOptions extends PassOptions {
  /** Where the file goes; made where it is missing. The worker of the job must see it under the same path. */
  folder: string;
}

/** One write for so many bytes. */
const WRITE_BYTES = 1024 * 1024;
const LIMITS = partLimits({});

/**
 * Writes requests that a program makes to a file, and gives the reference that `startJob` and `batchJobWorkflow` take.
 * The file's name follows from its content: an activity that is tried again gives the same reference. It appears whole
 * and safe from a power loss, or not at all. Takes one request after another, as fast as the disk does, and holds about
 * 16 bytes of each in memory.
 *
 * ```ts
 * const requests = await writeRequests(questionsOf(database), { folder: '/data/requests' });
 * await batches.startJob({ id: 'grades-2026-11', requests });
 * ```
 * @param requests any iterable; asynchronous ones are not asked for more than is written.
 * @returns `uri` (an absolute path), `length` in bytes and `sha256`.
 * @throws InputError `input_invalid`, whose message names the bad request by its index, and `input_empty`; StorageError;
 *   what the iterable throws, and the signal's reason, as they are. No file is left then.
 */
export async function writeRequests(
  requests: Iterable<ProgramRequest> | AsyncIterable<ProgramRequest>,
  { folder, ...options }: WriteRequestsOptions,
): Promise<Required<Pick<DataReference, 'uri' | 'length' | 'sha256'>>> {
  const dir = absoluteLocation(folder);
  const scratch = await ScratchFile.open(joinLocation(dir, 'requests.jsonl'));
  try {
    const { length, sha256 } = await spool(requests, scratch, options);
    const uri = joinLocation(dir, `requests-${sha256.slice(0, 16)}.jsonl`);
    await copy(scratch, uri);
    return { uri, length, sha256 };
  } finally {
    await scratch.discard();
  }
}

async function spool(requests: Iterable<ProgramRequest> | AsyncIterable<ProgramRequest>, scratch: ScratchFile, { signal, onProgress }: PassOptions) {
  const hash = createHash('sha256');
  const ids = new DuplicateIds();
  let count = 0;
  let length = 0;
  let pending: Buffer[] = [];
  let pendingBytes = 0;
  const write = async (): Promise<void> => {
    const bytes = Buffer.concat(pending, pendingBytes);
    pending = [];
    pendingBytes = 0;
    hash.update(bytes);
    await scratch.write(bytes, length);
    length += bytes.length;
    onProgress?.({ lines: count, bytes: length });
  };
  for await (const request of requests) {
    signal?.throwIfAborted();
    const line = lineOf(request, count);
    ids.add(line.customId);
    pending.push(line.bytes);
    pendingBytes += line.bytes.length;
    count++;
    if (pendingBytes >= WRITE_BYTES) await write();
  }
  if (count === 0) throw new InputError('input_empty', 'There are no requests to write.', 'Make at least one: {"custom_id": "…", "params": {…}}.');
  await write();
  if (ids.suspected) await refuseDuplicates(ids, scratch);
  return { length, sha256: hash.digest('hex') };
}

function lineOf(request: ProgramRequest, index: number): { customId: string; bytes: Buffer } {
  const bytes = Buffer.from(`${jsonOf(request, index)}\n`);
  const parsed = parseRequestLine(bytes);
  if (isLineProblem(parsed)) throw badRequest(index, parsed);
  const tooLarge = sizeProblem(parsed.sent.length, LIMITS);
  if (tooLarge) throw badRequest(index, tooLarge);
  return { customId: parsed.customId, bytes };
}

function jsonOf(request: ProgramRequest, index: number): string {
  try {
    return JSON.stringify(request) ?? 'null';
  } catch (error) {
    throw badRequest(index, { message: 'It cannot be written as JSON.', hint: 'Use plain values: no BigInt, and no object that holds itself.' }, error);
  }
}

async function refuseDuplicates(ids: DuplicateIds, scratch: ScratchFile): Promise<void> {
  // A line is a request.
  for await (const { customId, line, firstLine } of ids.find(readLines(scratch.path), parseRequestLine)) {
    const message = `requests[${firstLine - 1}] has the custom_id "${customId}" already.`;
    throw badRequest(line - 1, { message, hint: 'Give each request a custom_id of its own: it is all that links a result to its request.' });
  }
}

function badRequest(index: number, { message, hint }: LineProblem, cause?: unknown): InputError {
  return new InputError('input_invalid', `requests[${index}]: ${message}`, hint, { cause, problems: [{ line: index + 1, message, hint }] });
}

async function copy(scratch: ScratchFile, path: string): Promise<void> {
  const file = await openReplacement(path);
  try {
    for await (const chunk of scratch.chunks()) await file.writer.append(chunk);
    await file.commit();
  } finally {
    await file.discard();
  }
}
