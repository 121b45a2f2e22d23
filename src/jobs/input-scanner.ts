import { createHash } from 'node:crypto';
import { MAX_PROBLEM_EXAMPLES } from '../contract';
import { isBlankLine, type Line } from '../jsonl';
import { type Found, isS3, isSystemError, linesOf, look, readChunks, readLines, StorageError } from '../storage';
import { DuplicateIds, inputId } from './duplicate-ids';
import type { GeneratedIds } from './generated-ids';
import { InputError, type InputProblem } from './input-error';
import { setOf } from './part-cutter';
import { type PartLimits, sizeProblem } from './part-size';
import type { PassOptions } from './progress';
import { isLineProblem, type LineProblem, parseRequestLine, type ParseOptions, type RequestLine } from './request-line';

/** A request of the input and where it stands. */
export interface ScannedRequest {
  /** Position among the requests of the input, from 0. */
  ordinal: number;
  /** Number of its line, from 1, blank ones counted. */
  lineNumber: number;
  request: RequestLine;
  /** The whole line, without its line feed. */
  line: Buffer;
}

/** What a whole pass over an input has shown. */
export interface InputScan {
  /** Of the decompressed bytes, hex. */
  sha256: string;
  /** Decompressed. */
  bytes: number;
  requests: number;
  /** The first twenty, by line. */
  problems: InputProblem[];
  problemCount: number;
}

/** For each set of betas a part is open while requests are cut into parts. */
const MOST_BETA_SETS = 32;

/** A line may be longer than what is sent of it, by its metadata and white space. */
const NOT_SENT_BYTES = 1024 * 1024;

/**
 * One pass over an input, for those who check it and those who plan it: the same lines are good for both.
 * First `requests()` to its end, then `finish()`.
 */
export class InputScanner {
  private readonly hash = createHash('sha256');
  private readonly inputIds = new DuplicateIds();
  private readonly problems: InputProblem[] = [];
  private problemCount = 0;
  private duplicates = 0;
  private bytes = 0;
  private lines = 0;
  private requestCount = 0;
  private readonly betaSets = new Set<string>();
  private readonly parsing: ParseOptions;

  /** @param ids gives ids to requests whose own the API would refuse. Without, these are problems. */
  constructor(
    private readonly path: string,
    private readonly limits: PartLimits,
    private readonly options: PassOptions,
    private readonly ids?: GeneratedIds,
  ) {
    this.parsing = ids ? { makeId: () => ids.make(this.requestCount) } : {};
  }

  /**
   * The good requests in the order of the input, those of about 1 MB together.
   * @throws InputError for what is wrong with the file as a whole; the signal's reason as it is.
   */
  async *requests(): AsyncGenerator<ScannedRequest[], void, undefined> {
    await mustBeFile(this.path);
    try {
      for await (const lines of this.readLines()) {
        const good = this.check(lines);
        this.options.onProgress?.({ lines: this.lines, bytes: this.bytes });
        if (good.length > 0) yield good;
      }
    } catch (error) {
      if (!(error instanceof StorageError) || error.passing) throw error;
      if (error.code !== 'line_too_long') throw inputError(error, this.path);
      this.addProblem(this.lines + 1, `Longer than a whole batch may be (${this.limits.maxBodyBytes} bytes).`, 'Write one request on each line.');
    }
  }

  /** Compares suspected duplicates, which takes a second pass where there are any. */
  async finish(): Promise<InputScan> {
    if (this.inputIds.suspected) await this.findDuplicates();
    const { bytes, requestCount: requests, problemCount } = this;
    if (requests === 0 && problemCount === 0) {
      throw new InputError('input_empty', `${this.path} holds no requests.`, 'Write one request on each line: {"custom_id": "…", "params": {…}}.');
    }
    const problems = this.problems.sort((a, b) => a.line - b.line).slice(0, MAX_PROBLEM_EXAMPLES);
    return { sha256: this.hash.digest('hex'), bytes, requests, problems, problemCount };
  }

  private readLines(): AsyncGenerator<Line[], void, undefined> {
    return linesOf(this.path, this.hashed(readChunks(this.path, this.options)), { maxLineBytes: this.limits.maxBodyBytes + NOT_SENT_BYTES });
  }

  private async *hashed(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, undefined> {
    for await (const chunk of chunks) {
      this.hash.update(chunk);
      this.bytes += chunk.length;
      yield chunk;
    }
  }

  private check(lines: Line[]): ScannedRequest[] {
    const good: ScannedRequest[] = [];
    for (const { bytes: line } of lines) {
      this.lines++;
      if (isBlankLine(line)) continue;
      const request = parseRequestLine(line, this.parsing);
      if (isLineProblem(request)) {
        this.addProblem(this.lines, request.message, request.hint);
        continue;
      }
      const problem = sizeProblem(request.sent.length, this.limits) ?? this.betasProblem(request);
      if (problem) {
        this.addProblem(this.lines, problem.message, problem.hint);
        continue;
      }
      const id = inputId(request);
      if (id !== undefined) this.inputIds.add(id);
      if (!request.own) this.ids?.see(request.customId);
      good.push({ ordinal: this.requestCount++, lineNumber: this.lines, request, line });
    }
    return good;
  }

  private betasProblem(request: RequestLine): LineProblem | undefined {
    if (!request.betas) return undefined;
    const set = setOf(request);
    if (this.betaSets.size < MOST_BETA_SETS) this.betaSets.add(set);
    if (this.betaSets.has(set)) return undefined;
    return { message: `More than ${MOST_BETA_SETS} different sets of betas stand in one input.`, hint: 'Each set needs batches of its own: use fewer, or several jobs.' };
  }

  private async findDuplicates(): Promise<void> {
    const lines = readLines(this.path, this.options);
    const parsing = this.ids ? { makeId: () => '' } : {};
    const parse = (line: Buffer) => parseRequestLine(line, parsing);
    const found = this.inputIds.find(lines, parse, (seen) => this.options.onProgress?.({ lines: seen, bytes: this.bytes }));
    for await (const { line, customId, firstLine } of found) this.addDuplicate(line, customId, firstLine);
    this.problemCount += this.inputIds.uncompared;
  }

  private addDuplicate(line: number, customId: string, first: number): void {
    this.problemCount++;
    // These come after all others: kept beside them until the first twenty of all are known.
    if (this.duplicates++ >= MAX_PROBLEM_EXAMPLES) return;
    this.problems.push({
      line,
      message: `custom_id ${JSON.stringify(customId)} stands on line ${first} already.`,
      hint: 'Give each request a custom_id of its own: it is all that links a result to its request.',
    });
  }

  private addProblem(line: number, message: string, hint: string): void {
    this.problemCount++;
    if (this.problems.length < MAX_PROBLEM_EXAMPLES) this.problems.push({ line, message, hint });
  }
}

/** @throws InputError where `path` is no file that could be read; `kind` is what should be named. */
export async function mustBeFile(path: string, kind = 'a JSONL file, plain or .gz'): Promise<void> {
  const found = await lookAt(path);
  if (!found) {
    const where = isS3(path) ? 'object' : 'file';
    const hint = isS3(path) ? 'Look at the bucket and the key.' : 'Look at the path: relative ones begin at the folder that the command is run in.';
    throw new InputError('input_not_found', `There is no ${where} ${path}.`, hint);
  }
  if (found.kind !== 'file') {
    throw new InputError('input_not_a_file', `${path} is ${found.kind === 'folder' ? 'a folder' : 'not a regular file'}.`, `Name ${kind}.`);
  }
}

async function lookAt(path: string): Promise<Found | undefined> {
  try {
    return await look(path);
  } catch (error) {
    if (!(error instanceof StorageError) || !isSystemError(error.cause)) throw error;
    if (error.cause.code === 'ENOTDIR') return undefined;
    throw notReadable(path, error.cause.code);
  }
}

/** What a store says, as a problem of the input. */
export function inputError(error: StorageError, path: string): InputError {
  switch (error.code) {
    case 'damaged':
      return new InputError('input_damaged', error.message, error.hint, { cause: error });
    case 'not_permitted':
      return isS3(path) ? new InputError('input_not_readable', error.message, error.hint, { cause: error }) : notReadable(path, 'permission denied');
    default:
      return new InputError('input_not_readable', error.message, error.hint, { cause: error });
  }
}

function notReadable(path: string, reason: string): InputError {
  return new InputError('input_not_readable', `${path} cannot be read: ${reason}.`, 'Give this user permission to read it.');
}
