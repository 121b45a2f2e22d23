/** Holds the results of a part against its requests: every request gets exactly one outcome. */
import { API_OUTCOMES, type OutcomeCounts, type Problem, type TokenUsage } from '../contract';
import { isBlankLine, type Line, splitLines } from '../jsonl';
import { readRecord, replaceRecord, type Segments } from '../storage';
import { addUsage, noOutcomes, noUsage } from './counts';
import { Ledger } from './ledger-file';
import type { PartFolder } from './part-folder';
import { partChanged, readCustomIds } from './part-requests';
import { ProblemList } from './problems';
import type { PassOptions } from './progress';
import { Quarantine } from './quarantine';
import { parseResultLine, type ResultLine } from './result-line';

/** What the results of a part came to, held against its requests. */
export interface LedgerSummary {
  /** Adds up to the part's requests. */
  outcomes: OutcomeCounts;
  /** Requests that ended for a passing reason and may be sent again: expired, overloaded and the like. */
  retryable: number;
  /** Of succeeded results, each once. */
  usage: TokenUsage;
  /**
   * Kinds: `malformed_line`, `unknown_custom_id`, `unknown_result_type`, `duplicate_result`, `conflicting_result`,
   * `missing_result`, `counts_differ`.
   */
  problems: Problem[];
  /** Requests for which a result was found. */
  matched: number;
  /** Lines whose custom_id is none of the part's. */
  unknownIds: number;
  /** Lines of results, blank ones not counted. */
  lines: number;
  /** Bytes of results. */
  bytes: number;
  /** The outcomes are those of the API's request_counts; true where these were not given. */
  countsAgree: boolean;
}

/** `request_counts` of an ended batch. */
export interface ApiCounts {
  processing: number;
  succeeded: number;
  errored: number;
  canceled: number;
  expired: number;
}

export interface CloseLedgerOptions extends PassOptions {
  partFolder: PartFolder;
  /** How many requests the plan says that the part has. */
  requests: number;
  segments: Segments;
  apiCounts?: ApiCounts;
}

/** `ledger.json`: the mark that a part's ledger is closed, and of which stored results it speaks. */
export interface LedgerRecord {
  /** Generation of the segments; 0 where nothing was sent. */
  generation: number;
  lines: number;
  bytes: number;
  outcomes: OutcomeCounts;
  usage: TokenUsage;
  problems: Problem[];
  /** Lines in the part's quarantine.jsonl. */
  quarantined: number;
}

/**
 * Reads the stored results of a part, each line once, and writes `ledger.bin`, `quarantine.jsonl` (where lines are
 * put aside) and, last, `ledger.json`. Can be run again at any time; what is written takes the place of the earlier.
 *
 * Of several results of one request the first counts. Requests without a result are `missing`.
 * @throws StorageError; the signal's reason as it is.
 */
export async function closeLedger(options: CloseLedgerOptions): Promise<LedgerSummary> {
  const { partFolder: folder, requests, segments, apiCounts } = options;
  const noLineYet = () => options.onProgress?.({ lines: 0, bytes: 0 });
  const positions = await readCustomIds(folder, { signal: options.signal, onProgress: noLineYet });
  if (positions.size !== requests) throw partChanged(folder.requests, `it holds ${positions.size} requests, ${requests} were planned`);
  const matcher = new ResultMatcher(folder, positions, segments);
  try {
    for await (const lines of splitLines(segments.read())) {
      options.signal?.throwIfAborted();
      for (const line of lines) await matcher.take(line);
      options.onProgress?.({ lines: matcher.lines, bytes: matcher.bytes });
    }
    const summary = matcher.summary(apiCounts);
    await matcher.quarantine.save();
    await matcher.ledger.save(folder);
    await writeSummary(folder, segments.generation, summary, matcher.quarantine.lines);
    return summary;
  } finally {
    await matcher.quarantine.discard();
  }
}

/** Closes the ledger of a part that the API certainly never accepted: all its requests are `unsent`. */
export async function markUnsent(folder: PartFolder, requests: number): Promise<LedgerSummary> {
  const outcomes = { ...noOutcomes(), unsent: requests };
  const summary: LedgerSummary = {
    outcomes,
    retryable: 0,
    usage: noUsage(),
    problems: [],
    matched: 0,
    unknownIds: 0,
    lines: 0,
    bytes: 0,
    countsAgree: true,
  };
  await new Quarantine(folder).save();
  await Ledger.blank(requests, 'unsent').save(folder);
  await writeSummary(folder, 0, summary, 0);
  return summary;
}

/** What `closeLedger` or `markUnsent` put on record; undefined where neither has. */
export function readLedgerRecord(folder: PartFolder): Promise<LedgerRecord | undefined> {
  return readRecord<LedgerRecord>(folder.summary);
}

async function writeSummary(folder: PartFolder, generation: number, summary: LedgerSummary, quarantined: number): Promise<void> {
  const { lines, bytes, outcomes, usage, problems } = summary;
  await replaceRecord(folder.summary, { generation, lines, bytes, outcomes, usage, problems, quarantined } satisfies LedgerRecord);
}

/** Takes the lines of a part's results one after another. */
class ResultMatcher {
  readonly ledger: Ledger;
  readonly quarantine: Quarantine;
  lines = 0;
  bytes = 0;
  private lineNumber = 0;
  private unknownIds = 0;
  private readonly usage = noUsage();
  private readonly problems = new ProblemList();
  /** Of each request's first result. */
  private readonly lineNumbers: Uint32Array;
  /** Positions whose first result lies in the quarantine beside those that differ from it. */
  private readonly conflicting = new Set<number>();

  constructor(
    folder: PartFolder,
    /** custom_id → position in the part. */
    private readonly positions: Map<string, number>,
    private readonly segments: Segments,
  ) {
    this.ledger = Ledger.blank(positions.size, 'missing');
    this.quarantine = new Quarantine(folder);
    this.lineNumbers = new Uint32Array(positions.size);
  }

  async take(line: Line): Promise<void> {
    this.lineNumber++;
    this.bytes = line.offset + line.bytes.length + (line.terminated ? 1 : 0);
    if (isBlankLine(line.bytes)) return;
    this.lines++;
    const parsed = parseResultLine(line.bytes);
    if (parsed.kind === 'malformed') return this.putAside('malformed_line', line, parsed.reason);
    const position = this.positions.get(parsed.customId);
    if (position === undefined) {
      this.unknownIds++;
      return this.putAside('unknown_custom_id', line, `custom_id ${quoted(parsed.customId)}`);
    }
    if (parsed.kind === 'unknown_type') return this.putAside('unknown_result_type', line, `type ${quoted(parsed.type)} for custom_id ${quoted(parsed.customId)}`);
    const first = this.ledger.entry(position);
    if (first.length > 0) return this.takeAnother(line, parsed, position, first);
    this.lineNumbers[position] = this.lineNumber;
    this.ledger.set(position, { outcome: parsed.outcome, retryable: parsed.retryable, offset: line.offset, length: line.bytes.length });
    if (parsed.outcome === 'succeeded') addUsage(this.usage, parsed.usage);
  }

  summary(apiCounts: ApiCounts | undefined): LedgerSummary {
    const outcomes = noOutcomes();
    let retryable = 0;
    for (const [customId, position] of this.positions) {
      const entry = this.ledger.entry(position);
      outcomes[entry.outcome]++;
      if (entry.retryable) retryable++;
      if (entry.outcome === 'missing') this.problems.add('missing_result', `request ${position + 1} of the part, custom_id ${quoted(customId)}`);
    }
    const countsAgree = !apiCounts || API_OUTCOMES.every((outcome) => outcomes[outcome] === apiCounts[outcome]);
    if (apiCounts && !countsAgree) {
      const differing = API_OUTCOMES.filter((outcome) => outcomes[outcome] !== apiCounts[outcome]);
      this.problems.add('counts_differ', differing.map((outcome) => `${outcomes[outcome]} ${outcome} found, the API counts ${apiCounts[outcome]}`).join('; '));
    }
    return {
      outcomes,
      retryable,
      usage: this.usage,
      problems: this.problems.list(),
      matched: this.positions.size - outcomes.missing,
      unknownIds: this.unknownIds,
      lines: this.lines,
      bytes: this.bytes,
      countsAgree,
    };
  }

  /** A second result of the same request. */
  private async takeAnother(line: Line, parsed: ResultLine & { kind: 'result' }, position: number, first: { offset: number; length: number }): Promise<void> {
    const firstBytes = await this.segments.readBytes(first.offset, first.offset + first.length);
    const what = `custom_id ${quoted(parsed.customId)}, first at byte ${first.offset}`;
    if (firstBytes.equals(line.bytes)) return this.problems.add('duplicate_result', this.place(line, what));
    if (!this.conflicting.has(position)) {
      this.conflicting.add(position);
      await this.quarantine.add('conflicting_result', this.lineNumbers[position]!, { bytes: firstBytes, offset: first.offset });
    }
    await this.putAside('conflicting_result', line, what);
  }

  private async putAside(problem: string, line: Line, what: string): Promise<void> {
    this.problems.add(problem, this.place(line, what));
    await this.quarantine.add(problem, this.lineNumber, line);
  }

  private place(line: Line, what: string): string {
    return `line ${this.lineNumber} of the results (byte ${line.offset}): ${what}`;
  }
}

/** In quotes and of bounded length. */
function quoted(text: string): string {
  return JSON.stringify(text.slice(0, 80));
}
