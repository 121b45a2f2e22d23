import { createHash } from 'node:crypto';
import { CUSTOM_ID_PATTERN } from '../../contract';
import { isBlankLine } from '../../jsonl';
import { linesOf, readChunks, StorageError } from '../../storage';
import { InputError } from '../input-error';
import { membersOf, trimJson } from '../json-members';

/** A request of a job's input. */
export interface InputRequest {
  customId: string;
  /** JSON, byte for byte as the input has it. */
  params: Buffer;
  metadata?: Buffer;
}

/** The input that a job was made of. */
export interface InputSource {
  /** Plain or gzip. */
  path: string;
  /** Of the decompressed bytes, hex. */
  sha256: string;
}

/**
 * The requests of a finished job's input in its order, those of one chunk together. That it is the input which the job
 * was made of is known at its end only.
 * @throws InputError `input_not_found`; `input_changed`, which may come after requests. StorageError.
 */
export async function* readInputRequests({ path, sha256 }: InputSource, options: { signal?: AbortSignal } = {}): AsyncGenerator<InputRequest[], void, undefined> {
  const hash = createHash('sha256');
  const hashed = async function* (chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, undefined> {
    for await (const chunk of chunks) {
      hash.update(chunk);
      yield chunk;
    }
  };
  try {
    for await (const lines of linesOf(path, hashed(readChunks(path, options)))) {
      yield lines.filter(({ bytes }) => !isBlankLine(bytes)).map(({ bytes }) => requestOf(bytes) ?? refuse(path));
    }
  } catch (error) {
    if (!(error instanceof StorageError) || error.code !== 'changed') throw error;
    throw new InputError('input_not_found', `The input ${path} is not there any more.`, 'Name the place where it, or a copy of it, lies now: --input FILE.', { cause: error });
  }
  if (hash.digest('hex') !== sha256) refuse(path);
}

function requestOf(line: Buffer): InputRequest | undefined {
  const bytes = trimJson(line);
  const members = membersOf(bytes);
  const valueOf = (name: string) => {
    const member = members.find(({ key }) => key === name);
    return member && bytes.subarray(member.start, member.end);
  };
  const [id, params, metadata] = [valueOf('custom_id'), valueOf('params'), valueOf('metadata')];
  const customId = id && idOf(id);
  return customId !== undefined && params ? { customId, params, metadata } : undefined;
}

function idOf(json: Buffer): string | undefined {
  try {
    const id = JSON.parse(json.toString('utf8')) as unknown;
    return typeof id === 'string' && CUSTOM_ID_PATTERN.test(id) ? id : undefined;
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
