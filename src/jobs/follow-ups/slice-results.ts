/** The results of a slice, one after another, by reference and in bounded memory. */
import type { FollowUpInput, FollowUpSliceInput } from '../../contract';
import { readLines, StorageError } from '../../storage';
import { goneError, readReference } from '../read-reference';
import { readStoredRequest, type StoredRequest } from '../stored-request';
import { ReferencedFiles } from './read-together';

// Type-only, and without its name in an import: the SDK is no dependency at run time.
type MessageBatchResult = import('@anthropic-ai/sdk/resources/messages/batches').MessageBatchResult;

/** Results that are held in memory at once, but for one that is longer. */
const HELD_BYTES = 4 * 1024 * 1024;
const HELD_RESULTS = 250;

/** A stored result, with what is known of its request. */
export interface FollowUpResult<Metadata = Record<string, unknown>> extends Pick<FollowUpInput<Metadata>, 'customId' | 'outcome' | 'metadata'> {
  result: MessageBatchResult;
  /** The result's line byte for byte as the API has sent it, without its line feed. */
  line: Buffer;
  /** Reads the request as the input has it. @throws StorageError `changed` where there is none any more. */
  request(): Promise<StoredRequest>;
}

/**
 * @param options.signal stops the reading; its reason is thrown as it is.
 * @throws StorageError `changed` where list or results are not there any more, or are others.
 */
export async function* sliceResults<Metadata = Record<string, unknown>>(input: FollowUpSliceInput, options: { signal?: AbortSignal } = {}): AsyncGenerator<FollowUpResult<Metadata>, void, undefined> {
  for await (const each of sliceLines<Metadata>(input, options)) yield resultOf(each.input, each.line);
}

/** As `sliceResults`, of results that need not be JSON: `resultOf` reads one. */
export async function* sliceLines<Metadata = Record<string, unknown>>(input: FollowUpSliceInput, options: { signal?: AbortSignal } = {}): AsyncGenerator<{ input: FollowUpInput<Metadata>; line: Buffer }, void, undefined> {
  const { signal } = options;
  const files = new ReferencedFiles();
  let count = 0;
  try {
    for await (const inputs of groupsOf(listed<Metadata>(input, signal))) {
      signal?.throwIfAborted();
      const lines = await files.read(inputs.map(({ result }) => result));
      for (const [index, each] of inputs.entries()) {
        signal?.throwIfAborted();
        count++;
        yield { input: each, line: lines[index]! };
      }
    }
  } finally {
    await files.close();
  }
  if (count !== input.count) throw goneError(input.results.uri, `${input.results.uri} lists ${count} results of slice ${input.round}.${input.part}.${input.slice}, which has ${input.count}.`);
}

/** Reads the result that a follow-up was started for. @throws StorageError `changed` where it is not there any more. */
export async function readFollowUpResult<Metadata = Record<string, unknown>>(input: FollowUpInput<Metadata>): Promise<FollowUpResult<Metadata>> {
  return resultOf(input, await readReference(input.result));
}

/** Reads the request of a follow-up as the input has it. @throws StorageError `changed` where there is none any more. */
export async function readFollowUpRequest(input: Pick<FollowUpInput, 'jobId' | 'customId' | 'request' | 'result'>): Promise<StoredRequest> {
  if (!input.request) throw goneError(input.result.uri, `The request ${input.customId} of job ${input.jobId} is not kept any more.`);
  return readStoredRequest(input.request, input.customId);
}

async function* listed<Metadata>({ results }: FollowUpSliceInput, signal?: AbortSignal): AsyncGenerator<FollowUpInput<Metadata>, void, undefined> {
  const { uri, offset, length } = results;
  try {
    for await (const lines of readLines(uri, { offset, length, signal })) {
      for (const line of lines) if (line.bytes.length > 0) yield parse(uri, line.offset, line.bytes) as FollowUpInput<Metadata>;
    }
  } catch (error) {
    throw error instanceof StorageError && error.missing ? goneError(uri, error.message, { cause: error, missing: true }) : error;
  }
}

async function* groupsOf<Metadata>(inputs: AsyncIterable<FollowUpInput<Metadata>>): AsyncGenerator<FollowUpInput<Metadata>[], void, undefined> {
  let group: FollowUpInput<Metadata>[] = [];
  let bytes = 0;
  for await (const input of inputs) {
    const length = input.result.length ?? 0;
    if (group.length > 0 && (group.length === HELD_RESULTS || bytes + length > HELD_BYTES)) {
      yield group;
      group = [];
      bytes = 0;
    }
    group.push(input);
    bytes += length;
  }
  if (group.length > 0) yield group;
}

/** What a line says that lies where the input of a follow-up has its result. @throws StorageError `changed` where it is no such result */
export function resultOf<Metadata>(input: FollowUpInput<Metadata>, line: Buffer): FollowUpResult<Metadata> {
  const { customId, outcome, metadata } = input;
  const { result } = parse(input.result.uri, input.result.offset ?? 0, line) as { result?: MessageBatchResult };
  if (result?.type !== outcome) throw goneError(input.result.uri, `There is no ${outcome} result of ${customId} at byte ${input.result.offset ?? 0} of ${input.result.uri}.`);
  return { customId, outcome, metadata, result, line, request: () => readFollowUpRequest(input) };
}

function parse(uri: string, offset: number, bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8')) as unknown;
  } catch {
    throw goneError(uri, `There is no line of JSON at byte ${offset} of ${uri}.`);
  }
}
