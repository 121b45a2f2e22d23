/** Holds the results of a part against its requests, line by line as they come: every request gets exactly one outcome. */
import { crc32 } from 'node:zlib';
import { addModelUsage, addUsage, API_OUTCOMES, LONG_PROMPT_TOKENS, MAX_PROBLEM_EXAMPLES, noOutcomes, noUsage, promptTokens, type TokenUsage } from '../contract';
import { isBlankLine, type Line, LineSplitter } from '../jsonl';
import type { Segments } from '../storage';
import type { CustomIdTable } from './custom-id-table';
import { Ledger, type LedgerEntry, type LedgerRecord, readLedgerRecord } from './ledger-file';
import type { PartFolder } from './part-folder';
import { customIdsOf, readCustomIds } from './part-requests';
import { ProblemList } from './problems';
import type { PassOptions } from './progress';
import { Quarantine } from './quarantine';
import { parseResultLine, type ResultLine } from './result-line';

/** `request_counts` of an ended batch. */
export interface ApiCounts {
  processing: number;
  succeeded: number;
  errored: number;
  canceled: number;
  expired: number;
}

export interface LedgerBuilderOptions extends PassOptions {
  partFolder: PartFolder;
  /** How many requests the plan says that the part has. */
  requests: number;
  batchId: string;
  /** Of the segments whose lines it will be given. */
  generation: number;
}

/** The first bytes of the results, and their CRC-32. */
export interface KnownBytes {
  bytes: number;
  crc32: number;
}

/** A further result of a request that has one, to be compared with the first when both can be read. */
interface FurtherResult {
  position: number;
  customId: string;
  line: number;
  offset: number;
  length: number;
}

/** So many further results wait to be compared; what comes beyond them is put aside without. */
const MOST_COMPARED = 100_000;

const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);

export class LedgerBuilder {
  /** Lines of results so far, blank ones not counted. */
  lines = 0;
  /** Bytes of results so far. */
  bytes = 0;
  /** Results of requests so far, by their outcome. */
  readonly outcomes = noOutcomes();
  /** Of the bytes so far. */
  crc32 = 0;
  private lineNumber = 0;
  private unknownIds = 0;
  private retryable = 0;
  private readonly models: LedgerRecord['models'] = {};
  private readonly longPrompts: LedgerRecord['models'] = {};
  private readonly problems = new ProblemList();
  private readonly further: FurtherResult[] = [];
  private furtherLines = 0;
  private readonly ledger: Ledger;
  private readonly quarantine: Quarantine;

  private constructor(
    private readonly options: LedgerBuilderOptions,
    private readonly positions: CustomIdTable,
  ) {
    this.ledger = Ledger.blank(options.requests, 'missing');
    this.quarantine = new Quarantine(options.partFolder, options.generation);
  }

  /** Reads the part's custom_ids. @throws StorageError; the signal's reason as it is. */
  static async open(options: LedgerBuilderOptions): Promise<LedgerBuilder> {
    const { partFolder, requests, signal, onProgress } = options;
    return new LedgerBuilder(options, await readCustomIds(partFolder, requests, { signal, onProgress }));
  }

  /** How many requests have a result so far. */
  get matched(): number {
    return API_OUTCOMES.reduce((sum, outcome) => sum + this.outcomes[outcome], 0);
  }

  /** @returns a promise where there is something to wait for: the line is put aside. */
  private take(line: Line): Promise<void> | undefined {
    this.lineNumber++;
    this.bytes = line.offset + line.bytes.length + (line.terminated ? 1 : 0);
    const { bytes, offset } = line.offset === 0 ? withoutByteOrderMark(line) : line;
    if (isBlankLine(bytes)) return undefined;
    this.lines++;
    const parsed = parseResultLine(bytes);
    if (parsed.kind === 'malformed') return this.putAside('malformed_line', bytes, offset, parsed.reason);
    const position = this.positions.positionOf(parsed.customId);
    if (position === -1) {
      this.unknownIds++;
      return this.putAside('unknown_custom_id', bytes, offset, `custom_id ${quoted(parsed.customId)}`);
    }
    if (parsed.kind === 'unknown_type') {
      return this.putAside('unknown_result_type', bytes, offset, `type ${quoted(parsed.type)} for custom_id ${quoted(parsed.customId)}`);
    }
    if (this.ledger.hasResult(position)) return this.takeFurther(bytes, offset, parsed.customId, position);
    this.takeFirst(parsed, position, offset, bytes.length);
    return undefined;
  }

  /** Lines so far, without those that are further results of one request: as many as there are requests to hope for. */
  get distinctLines(): number {
    return this.lines - this.furtherLines;
  }

  /**
   * Takes all lines that are stored.
   * @param known what an earlier attempt has stored of them, where that is known.
   * @returns false where those bytes are others now.
   * @throws StorageError; the signal's reason as it is.
   */
  async takeStored(segments: Segments, known?: KnownBytes, onProgress?: PassOptions['onProgress']): Promise<boolean> {
    const splitter = new LineSplitter();
    let read = 0;
    for await (const chunk of segments.read()) {
      this.options.signal?.throwIfAborted();
      const knownHere = known && known.bytes > read && known.bytes <= read + chunk.length ? known.bytes - read : undefined;
      if (knownHere !== undefined && crc32(chunk.subarray(0, knownHere), this.crc32) !== known!.crc32) return false;
      await this.takeBlock(splitter.push(chunk), [chunk]);
      read += chunk.length;
      onProgress?.({ lines: this.lines, bytes: this.bytes });
    }
    return true;
  }

  /**
   * Takes the next lines.
   * @param pieces the bytes that they come from, one after another: what is summed up in `crc32`.
   */
  async takeBlock(lines: readonly Line[], pieces: readonly Buffer[]): Promise<void> {
    for (const piece of pieces) this.crc32 = crc32(piece, this.crc32);
    for (const line of lines) {
      const aside = this.take(line);
      if (aside) await aside;
    }
  }

  /**
   * Of several results of one request the first counts; requests without a result are `missing`. Writes the
   * quarantine, where lines were put aside, and then the ledger.
   * @param stored gives the segments with all lines that were taken; asked for only where a request has several results.
   * @throws StorageError; the signal's reason as it is.
   */
  async close(stored: () => Promise<Segments>, apiCounts: ApiCounts | undefined): Promise<LedgerRecord> {
    const { generation } = this.options;
    if (this.further.length > 0) await this.compareFurther(await stored());
    const missing = this.options.requests - this.matched;
    this.outcomes.missing = missing;
    if (missing > 0) await this.nameMissing(missing);
    if (generation > 1) this.nameEarlierGenerations(generation);
    if (apiCounts) this.compareCounts(apiCounts);
    const record: LedgerRecord = {
      format: 2,
      batch_id: this.options.batchId,
      generation,
      lines: this.lines,
      bytes: this.bytes,
      crc32: this.crc32,
      requests: this.options.requests,
      outcomes: this.outcomes,
      retryable: this.retryable,
      usage: this.totalUsage(),
      models: this.models,
      ...(Object.keys(this.longPrompts).length > 0 && { long_prompts: this.longPrompts }),
      problems: this.problems.list(),
      unknown_ids: this.unknownIds,
      quarantined: this.quarantine.lines,
    };
    await this.save(record);
    return record;
  }

  /** Throws away what was not closed. */
  discard(): Promise<void> {
    return this.quarantine.discard();
  }

  private takeFirst(result: Extract<ResultLine, { kind: 'result' }>, position: number, offset: number, length: number): void {
    const { outcome, retryable, model, usage } = result;
    this.ledger.set(position, { outcome, retryable, offset, length });
    this.outcomes[outcome]++;
    if (retryable) this.retryable++;
    if (outcome !== 'succeeded') return;
    const name = typeof model === 'string' ? model : undefined;
    addModelUsage(this.models, name, usage);
    if (promptTokens(usage) > LONG_PROMPT_TOKENS) addModelUsage(this.longPrompts, name, usage);
  }

  private takeFurther(bytes: Buffer, offset: number, customId: string, position: number): Promise<void> | undefined {
    this.furtherLines++;
    if (this.further.length >= MOST_COMPARED) return this.putAside('duplicate_result', bytes, offset, `custom_id ${quoted(customId)}, not compared`);
    this.further.push({ position, customId, line: this.lineNumber, offset, length: bytes.length });
    return undefined;
  }

  private async compareFurther(segments: Segments): Promise<void> {
    const conflicts: FurtherResult[] = [];
    for (const further of this.further) {
      this.options.signal?.throwIfAborted();
      const first = this.ledger.entry(further.position);
      const isSame = first.length === further.length && (await readEntry(segments, first)).equals(await readEntry(segments, further));
      if (!isSame) conflicts.push(further);
      const example = `line ${further.line} of the results (byte ${further.offset}): custom_id ${quoted(further.customId)}, first at byte ${first.offset}`;
      this.problems.add(isSame ? 'duplicate_result' : 'conflicting_result', example);
    }
    if (conflicts.length > 0) await this.putAsideConflicts(segments, conflicts);
  }

  /** Of each request the first result too, which counts, beside those that differ from it. */
  private async putAsideConflicts(segments: Segments, conflicts: FurtherResult[]): Promise<void> {
    const firsts = new Map(conflicts.map(({ position }) => [position, this.ledger.entry(position)]));
    const numbers = await lineNumbersAt(segments, [...firsts.values()].map(({ offset }) => offset));
    for (const { position, line, offset, length } of conflicts) {
      this.options.signal?.throwIfAborted();
      const first = firsts.get(position);
      if (first) await this.quarantine.add('conflicting_result', numbers.get(first.offset)!, { bytes: await readEntry(segments, first), offset: first.offset });
      firsts.delete(position);
      await this.quarantine.add('conflicting_result', line, { bytes: await readEntry(segments, { offset, length }), offset });
    }
  }

  /** Names the first of the missing requests. Their ids are read again: in memory are only hashes. */
  private async nameMissing(count: number): Promise<void> {
    const { partFolder, signal } = this.options;
    const examples: string[] = [];
    let position = 0;
    for await (const ids of customIdsOf(partFolder, { signal })) {
      for (const id of ids) {
        if (!this.ledger.hasResult(position++)) examples.push(`request ${position} of the part, custom_id ${quoted(id)}`);
        if (examples.length === Math.min(count, MAX_PROBLEM_EXAMPLES)) break;
      }
      if (examples.length === Math.min(count, MAX_PROBLEM_EXAMPLES)) break;
    }
    this.problems.addAll([{ kind: 'missing_result', count, examples }]);
  }

  private nameEarlierGenerations(generation: number): void {
    const example = `what was stored differed from what came later, because somebody changed it or the API gave others; these results are those of download ${generation} alone`;
    this.problems.add('results_changed', example);
  }

  private compareCounts(apiCounts: ApiCounts): void {
    const differing = API_OUTCOMES.filter((outcome) => this.outcomes[outcome] !== apiCounts[outcome]);
    if (differing.length === 0) return;
    this.problems.add('counts_differ', differing.map((outcome) => `${this.outcomes[outcome]} ${outcome} found, the API counts ${apiCounts[outcome]}`).join('; '));
  }

  private totalUsage(): TokenUsage {
    const total = noUsage();
    for (const usage of Object.values(this.models)) addUsage(total, usage);
    return total;
  }

  /** An attempt that was frozen, and wakes up when a later generation or more of the same one is closed, leaves that as it is. */
  private async save(record: LedgerRecord): Promise<void> {
    const known = await readLedgerRecord(this.options.partFolder);
    if (known && known.batch_id === record.batch_id && isLater(known, record)) return;
    await this.quarantine.save();
    await this.ledger.save(this.options.partFolder, record);
  }

  private putAside(problem: string, bytes: Buffer, offset: number, what: string): Promise<void> {
    this.problems.add(problem, `line ${this.lineNumber} of the results (byte ${offset}): ${what}`);
    return this.quarantine.add(problem, this.lineNumber, { bytes, offset });
  }
}

function isLater(a: LedgerRecord, b: LedgerRecord): boolean {
  return a.generation > b.generation || (a.generation === b.generation && a.bytes > b.bytes);
}

function withoutByteOrderMark({ bytes, offset }: Line): Pick<Line, 'bytes' | 'offset'> {
  if (!bytes.subarray(0, BYTE_ORDER_MARK.length).equals(BYTE_ORDER_MARK)) return { bytes, offset };
  return { bytes: bytes.subarray(BYTE_ORDER_MARK.length), offset: offset + BYTE_ORDER_MARK.length };
}

function readEntry(segments: Segments, { offset, length }: Pick<LedgerEntry, 'offset' | 'length'>): Promise<Buffer> {
  return segments.readBytes(offset, offset + length);
}

/** The numbers of the lines that stand at some offsets, from 1, in one pass. */
async function lineNumbersAt(segments: Segments, offsets: readonly number[]): Promise<Map<number, number>> {
  const wanted = [...offsets].sort((a, b) => a - b);
  const numbers = new Map<number, number>();
  let next = 0;
  let number = 1;
  let at = 0;
  for await (const chunk of segments.read()) {
    const take = (end: number): void => {
      for (; next < wanted.length && wanted[next]! < end; next++) numbers.set(wanted[next]!, number);
    };
    for (let lineFeed = chunk.indexOf(0x0a); lineFeed !== -1; lineFeed = chunk.indexOf(0x0a, lineFeed + 1)) {
      take(at + lineFeed);
      number++;
    }
    at += chunk.length;
    take(at);
    if (next === wanted.length) break;
  }
  return numbers;
}

/** In quotes and of bounded length. */
function quoted(text: string): string {
  // Parsed byte by byte, see `parseResultLine`.
  const readable = /[\x80-\xff]/.test(text) ? Buffer.from(text, 'latin1').toString('utf8') : text;
  return JSON.stringify(readable.slice(0, 80));
}
