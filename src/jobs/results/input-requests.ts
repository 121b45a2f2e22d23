import { createHash } from 'node:crypto';
import { CUSTOM_ID_PATTERN } from '../../contract';
import { isBlankLine } from '../../jsonl';
import { linesOf, readChunks, StorageError } from '../../storage';
import { generatedId } from '../generated-ids';
import { InputError } from '../input-error';
import { membersOf, trimJson } from '../json-members';

/** A request of a job's input. */
export interface InputRequest {
  customId: string;
  /** JSON of an id of the input's own that the API would have refused; absent for all others. */
  ownId?: Buffer;
  /** JSON, byte for byte as the input has it. */
  params: Buffer;
  metadata?: Buffer;
}

/** A request, and the line that it stands in. */
export interface RequestInLine extends InputRequest {
  /** Without its line feed. */
  line: Buffer;
}

/** The input that a job was made of. */
export interface InputSource {
  /** Plain or gzip. */
  path: string;
  /** Of the decompressed bytes, hex. */
  sha256: string;
  /** What the ids begin with that were made for its requests; absent where none was. */
  generatedIds?: string;
}

/**
 * The requests of a finished job's input in its order, those of one chunk together. That it is the input which the job
 * was made of is known at its end only.
 * @throws InputError `input_not_found`; `input_changed`, which may come after requests. StorageError.
 */
export async function* readInputRequests({ path, sha256, generatedIds }: InputSource, options: { signal?: AbortSignal } = {}): AsyncGenerator<RequestInLine[], void, undefined> {
  const hash = createHash('sha256');
  const hashed = async function* (chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, undefined> {
    for await (const chunk of chunks) {
      hash.update(chunk);
      yield chunk;
    }
  };
  let ordinal = 0;
  try {
    for await (const lines of linesOf(path, hashed(readChunks(path, options)))) {
      yield lines.filter(({ bytes }) => !isBlankLine(bytes)).map(({ bytes }) => requestOf(bytes, ordinal++, generatedIds) ?? refuse(path));
    }
  } catch (error) {
    if (!(error instanceof StorageError) || error.code !== 'changed') throw error;
    throw new InputError('input_not_found', `The input ${path} is not there any more.`, 'Name the place where it, or a copy of it, lies now: --input FILE.', { cause: error });
  }
  if (hash.digest('hex') !== sha256) refuse(path);
}

function requestOf(line: Buffer, ordinal: number, generatedIds: string | undefined): RequestInLine | undefined {
  const bytes = trimJson(line);
  const members = membersOf(bytes);
  const valueOf = (name: string) => {
    const member = members.find(({ key }) => key === name);
    return member && bytes.subarray(member.start, member.end);
  };
  const [params, metadata] = [valueOf('params'), valueOf('metadata')];
  const id = idOf(valueOf('custom_id'), ordinal, generatedIds);
  return id && params ? { ...id, line, params, metadata } : undefined;
}

/** @returns undefined where no request of the job has such an id. */
function idOf(json: Buffer | undefined, ordinal: number, generatedIds: string | undefined): Pick<InputRequest, 'customId' | 'ownId'> | undefined {
  const id = json && parsed(json);
  if (typeof id === 'string' && CUSTOM_ID_PATTERN.test(id)) return { customId: id };
  if (generatedIds === undefined) return undefined;
  if (id === undefined || id === null) return { customId: generatedId(generatedIds, ordinal) };
  if (typeof id === 'string') return { customId: id, ownId: json };
  return typeof id === 'number' ? { customId: json!.toString(), ownId: json } : undefined;
}

function parsed(json: Buffer): unknown {
  try {
    return JSON.parse(json.toString('utf8'));
  } catch {
    return undefined;
  }
}

function refuse(path: string): never {
  throw new InputError(
    'input_changed',
    `${path} is not the input that this job was made of: it has changed since. Requests and results do not belong together.`,
    'Bring the file back as it was, or name a copy of it: --input FILE. Results without their requests need no input.',
  );
}
