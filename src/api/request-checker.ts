/** Checks the serialized requests of one create, line by line: what the API would answer with 400, and what it would not take. */
import { isUtf8 } from 'node:buffer';
import { CUSTOM_ID_PATTERN, MAX_REQUESTS_PER_BATCH } from '../contract/limits';
import { CustomIdSet } from './custom-id-set';
import { InvalidRequestError } from './errors';
import { scanRequest } from './request-scan';
import { isObject } from './shapes';
import { UnfinishedRequest } from './unfinished-request';

export class RequestChecker {
  readonly #ids = new CustomIdSet();
  #requests = 0;

  /** @param parsesAll whether every line is parsed; or else the first one, and those that are not of the usual form (see `scanRequest`) */
  constructor(private readonly parsesAll = false) {}

  /** Requests that began so far. */
  get requests(): number {
    return this.#requests;
  }

  /**
   * Counts a request.
   * @throws InvalidRequestError where it is one too many
   */
  begin(line: number): void {
    if (++this.#requests > MAX_REQUESTS_PER_BATCH) {
      throw refusal(line, `holds request number ${this.#requests}, but a batch may have at most ${MAX_REQUESTS_PER_BATCH}`, 'Cut the requests into more batches.');
    }
  }

  /**
   * Checks the request that was begun last.
   * @param bytes holds it from `start`, where its first brace should be, to `end`
   * @throws InvalidRequestError with the number of the line and what is wrong
   */
  check(bytes: Buffer, start: number, end: number, line: number): void {
    if (!this.#isParsed && scanRequest(bytes, start, end, this.#ids)) this.#ids.add(line);
    else this.#parse(bytes.subarray(start, end), line);
  }

  /** For the request that was begun last, where it goes on in another block. Once it `isHopeless`, it need not be read to its end. */
  unfinished(): UnfinishedRequest {
    return new UnfinishedRequest(this.#isParsed, this.#ids);
  }

  /** Like `check`. */
  checkUnfinished(request: UnfinishedRequest, line: number): void {
    const whole = request.whole();
    if (whole) this.check(whole, 0, whole.length, line);
    else if (request.scan()) this.#ids.add(line);
    else throw refusal(line, `(${request.bytes} bytes) is cut off or not of the form {"custom_id":"…","params":{…}}`, 'Write it so, with nothing beside it; so long a line is not parsed.');
  }

  /**
   * Looks for custom_ids that came more than once; for after each block.
   * @throws InvalidRequestError with both lines
   */
  checkIds(): void {
    const duplicate = this.#ids.findDuplicate();
    if (!duplicate) return;
    throw refusal(duplicate.line, `has the same custom_id "${duplicate.customId}" as line ${duplicate.earlierLine}`, 'Give each request one of its own.');
  }

  /** @throws InvalidRequestError where there was no request at all */
  end(): void {
    if (this.#requests === 0) throw new InvalidRequestError('create: jsonl holds no request, but a batch holds at least one. No batch was made.');
  }

  /** A file of another kind shows in its first request. */
  get #isParsed(): boolean {
    return this.parsesAll || this.#requests === 1;
  }

  #parse(bytes: Buffer, line: number): void {
    const request = parseObject(bytes, line);
    const id = request['custom_id'];
    if (id === undefined && 'requests' in request) {
      throw refusal(line, 'is a whole body, {"requests":[…]}', 'Write each of its requests on a line of its own, or hand over { requests }.');
    }
    if (typeof id !== 'string') throw refusal(line, 'has no custom_id', 'A line is {"custom_id":"…","params":{…}}; give each request a custom_id of its own.');
    if (!CUSTOM_ID_PATTERN.test(id)) throw refusal(line, `has the custom_id ${quote(id)}`, 'It must be 1 to 64 letters, digits, "_" or "-".');
    const unknown = Object.keys(request).find((key) => key !== 'custom_id' && key !== 'params');
    if (unknown !== undefined) throw refusal(line, `("${id}") has the field ${quote(unknown)}`, 'The API takes custom_id and params: what is for the model belongs inside params, and anything else must not be sent.');
    if (!isObject(request['params'])) throw refusal(line, `("${id}") has no params`, 'They are an object: {"custom_id":"…","params":{…}}.');
    this.#ids.read(Buffer.from(id), 0);
    this.#ids.add(line);
  }
}

const ONE_A_LINE = 'Write one request, {"custom_id":"…","params":{…}}, on each line.';

function parseObject(bytes: Buffer, line: number): Record<string, unknown> {
  if (bytes.includes(0)) throw refusal(line, 'is not UTF-8', 'It may be UTF-16: save the file as UTF-8.');
  if (!isUtf8(bytes)) throw refusal(line, 'is not UTF-8', 'Save the file as UTF-8.');
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString());
  } catch {
    // Never the parser's own words: they repeat the text.
    throw notJson(line);
  }
  if (!isObject(value)) throw refusal(line, `is ${Array.isArray(value) ? 'an array' : 'JSON'}, but no object`, ONE_A_LINE);
  return value;
}

function notJson(line: number): InvalidRequestError {
  return refusal(line, 'is not whole, valid JSON', ONE_A_LINE);
}

/** What is wrong with a line, and what to do. @param problem in words, without a word of a prompt */
export function refusal(line: number, problem: string, advice: string): InvalidRequestError {
  return new InvalidRequestError(`create: line ${line} ${problem}. No batch was made. ${advice}`);
}

function quote(text: string): string {
  return JSON.stringify(text.slice(0, 80));
}
