/** Puts the results of all rounds and parts together: one final outcome for each request of the input. */
import { crc32 } from 'node:zlib';
import { addModelUsage, addUsage, noOutcomes, noUsage, type OutcomeCounts, OUTCOMES, type Problem, type TokenUsage, totalOf } from '../contract';
import { type ByteSink, joinLocation, openReplacement, openSegments, readChunks, removeDurably, type Replacement } from '../storage';
import { type FinalResult, ResultLines, ResultRanges } from './final-results';
import { inputLines } from './input-lines';
import { writeFollowUps, type WrittenFollowUps } from './follow-ups/write-follow-ups';
import { HashedSink } from './hashed-sink';
import { changedResults, type LedgerRecord, readLedger, readLedgerRecord } from './ledger-file';
import { outputFolder } from './output-folder';
import { partFolder, type PartFolder, quarantineFile } from './part-folder';
import { batchesOf } from './part-record';
import { readOrdinals, readOwnIds } from './part-requests';
import type { PlannedPart, RoundPlan } from './round-plan';
import { ProblemList } from './problems';
import type { PassOptions } from './progress';
import { writeRequestsIndex } from './reuse/requests-index';
import { ResultsIndexWriter } from './results/index-writer';

export interface MergeSummary {
  /** Final outcome of every request of the input; adds up to their number. */
  outcomes: OutcomeCounts;
  /**
   * Of all results of all rounds, which is what was paid. That of the final results is the same: only succeeded
   * results use tokens, and a request that has succeeded is never sent again.
   */
  usage: TokenUsage;
  /** The same by model. */
  models: Record<string, TokenUsage>;
  /** Of `models`, that of requests with long prompts. */
  longPrompts: Record<string, TokenUsage>;
  /** Those of all ledgers together, by kind. */
  problems: Problem[];
  /** Lines in results.jsonl. */
  results: number;
  /** results.jsonl as it was written: its bytes, and their SHA-256 in hex. */
  resultsFile: { bytes: number; sha256: string };
  /** Lines in failed-requests.jsonl. */
  failedRequests: number;
  /** Lines in missing-requests.jsonl. */
  missingRequests: number;
  /** Lines in quarantine.jsonl. */
  quarantined: number;
  /** follow-ups.jsonl as it was written; absent where no part has follow-ups. */
  followUps?: WrittenFollowUps;
}

export interface MergeOptions extends PassOptions {
  /** Whose follow-ups those of the parts are; without it none are looked for. */
  jobId?: string;
  workFolder: string;
  /** All rounds, from round 1. Every part of every round has a closed ledger. */
  rounds: RoundPlan[];
  /** The job's output folder. */
  output: string;
}

const LINE_FEED = Buffer.from('\n');
const SUCCEEDED = codeOf('succeeded');
const UNSENT = codeOf('unsent');
const MISSING = codeOf('missing');

/**
 * Writes `results.jsonl` and `results.index`, and where there are any `failed-requests.jsonl`, `missing-requests.jsonl`,
 * `quarantine.jsonl` and `follow-ups.jsonl`, into the output folder: each whole or as it was before, and safe from a power loss.
 * Can be run again after a kill.
 *
 * The final outcome of a request is that of the latest round that really sent it. Memory: two bytes a request.
 * @throws StorageError where working data was changed; the signal's reason as it is.
 */
export async function mergeJob(options: MergeOptions): Promise<MergeSummary> {
  const merge = new Merge(options);
  await merge.decide();
  const { lines: results, ...resultsFile } = await merge.writeResults();
  await merge.writeRequestsIndex();
  const failedRequests = await merge.writeFailedRequests();
  const missingRequests = await merge.writeMissingRequests();
  const quarantined = await merge.writeQuarantine();
  const followUps = await merge.writeFollowUps();
  return { ...merge.summary(), results, resultsFile, failedRequests, missingRequests, quarantined, ...(followUps && { followUps }) };
}

class Merge {
  /** By the request's position in the input: its final outcome (index in OUTCOMES + 1), and the round that gave it. */
  private readonly outcomes: Uint8Array;
  private readonly rounds: Uint8Array;
  private readonly usage = noUsage();
  private readonly models: Record<string, TokenUsage> = {};
  private readonly longPrompts: Record<string, TokenUsage> = {};
  private readonly problems = new ProblemList();
  private readonly progress = { lines: 0, bytes: 0 };

  constructor(private readonly options: MergeOptions) {
    const requests = options.rounds[0]?.requests ?? 0;
    this.outcomes = new Uint8Array(requests);
    this.rounds = new Uint8Array(requests);
  }

  /** Finds the final outcome of each request. */
  async decide(): Promise<void> {
    for (const part of this.parts()) {
      const record = await mustReadRecord(part.folder);
      addUsage(this.usage, record.usage);
      for (const [model, usage] of Object.entries(record.models)) addModelUsage(this.models, model, usage);
      for (const [model, usage] of Object.entries(record.long_prompts ?? {})) addModelUsage(this.longPrompts, model, usage);
      this.problems.addAll(record.problems);
      const ledger = await readLedger(part.folder, part.planned.requests);
      const ordinals = await readOrdinals(part.folder, part.planned.requests);
      for (const [position, ordinal] of ordinals.entries()) {
        const outcome = codeOf(ledger.entry(position).outcome);
        // Not sent again after all: what an earlier round found stands.
        if (outcome === UNSENT && this.outcomes[ordinal] !== 0) continue;
        this.outcomes[ordinal] = outcome;
        this.rounds[ordinal] = part.folder.round;
      }
    }
    const undecided = this.outcomes.indexOf(0);
    if (undecided !== -1) throw new Error(`Request ${undecided + 1} of the input is in no part of round 1`);
  }

  summary(): Pick<MergeSummary, 'outcomes' | 'usage' | 'models' | 'longPrompts' | 'problems'> {
    const outcomes = noOutcomes();
    for (const code of this.outcomes) outcomes[OUTCOMES[code - 1]!]++;
    if (totalOf(outcomes) !== this.outcomes.length) throw new Error('The outcomes do not add up to the requests');
    return { outcomes, usage: this.usage, models: this.models, longPrompts: this.longPrompts, problems: this.problems.list() };
  }

  /** The API's own lines, byte for byte (but for ids of ours, which give way to the input's own), part by part in the order they came, and where each of them lies. */
  async writeResults(): Promise<{ lines: number; bytes: number; sha256: string }> {
    const { results, resultsIndex } = outputFolder(this.options.output);
    const index = await ResultsIndexWriter.begin(this.outcomes.length, joinLocation(this.options.workFolder, 'results.index'));
    try {
      let written = { bytes: 0, sha256: '' };
      const lines = await replaceFile(results, true, async (replacement) => {
        const file = new HashedSink(replacement.writer);
        let count = 0;
        for (const part of this.parts()) {
          const final = await this.finalResults(part);
          count += final.length;
          if (final.length > 0) await this.copyResults(file, part.folder, final, index);
          await index.endRun();
        }
        written = { bytes: file.bytes, sha256: file.sha256() };
        // Before the results have their name, so that none are without. Beside others it shows at a look that it is not theirs.
        await index.save(resultsIndex, { resultsBytes: file.bytes, outcomes: this.outcomes });
        return count;
      });
      return { lines, ...written };
    } finally {
      await index.discard();
    }
  }

  /** By which a later job finds the requests that are the same. */
  async writeRequestsIndex(): Promise<void> {
    const { requestsIndex } = outputFolder(this.options.output);
    const parts = this.parts().filter(({ folder }) => folder.round === 1);
    await writeRequestsIndex(requestsIndex, parts.map(({ folder, planned }) => ({ folder, requests: planned.requests })), this.outcomes.length, joinLocation(this.options.workFolder, 'requests.index'));
  }

  /** The input's own lines of all that did not succeed and are free to be sent again. */
  writeFailedRequests(): Promise<number> {
    const { failedRequests } = outputFolder(this.options.output);
    return this.writeRequests(failedRequests, (outcome) => outcome !== SUCCEEDED && outcome !== MISSING);
  }

  /** Apart from those that failed: they may have been paid, and sending them again is a person's decision. */
  writeMissingRequests(): Promise<number> {
    const { missingRequests } = outputFolder(this.options.output);
    return this.writeRequests(missingRequests, (outcome) => outcome === MISSING);
  }

  writeQuarantine(): Promise<number> {
    const { quarantine } = outputFolder(this.options.output);
    return replaceFile(quarantine, false, async (file) => {
      let lines = 0;
      for (const { folder } of this.parts()) {
        const { quarantined, generation } = await mustReadRecord(folder);
        if (quarantined === 0) continue;
        for await (const chunk of readChunks(quarantineFile(folder, generation), this.options)) await file.writer.append(chunk);
        lines += quarantined;
      }
      return lines;
    });
  }

  async writeFollowUps(): Promise<WrittenFollowUps | undefined> {
    const { jobId, signal, output } = this.options;
    if (jobId === undefined) return undefined;
    const parts = this.parts().map(({ folder, planned }) => ({ folder, requests: planned.requests }));
    const isFinal = (round: number, ordinal: number): boolean => this.rounds[ordinal] === round;
    return writeFollowUps(outputFolder(output).followUps, { jobId, parts, isFinal, signal });
  }

  /** Where the final results of a part's requests lie in its segments, in that order. */
  private async finalResults(part: MergedPart): Promise<FinalResult[]> {
    const ledger = await readLedger(part.folder, part.planned.requests);
    const ordinals = await readOrdinals(part.folder, part.planned.requests);
    const found: FinalResult[] = [];
    const ownIds = await readOwnIds(part.folder, part.planned.requests);
    for (const [position, ordinal] of ordinals.entries()) {
      const { offset, length } = ledger.entry(position);
      if (length === 0 || this.rounds[ordinal] !== part.folder.round) continue;
      const ownId = ownIds?.[position];
      found.push({ ordinal, offset, length, ...(ownId && ownId.length > 0 && { ownId }) });
    }
    return found.sort((a, b) => a.offset - b.offset);
  }

  /** The input's own lines of some final outcomes, in its order: the parts of round 1 hold every request. */
  private writeRequests(path: string, isWanted: (outcome: number) => boolean): Promise<number> {
    return replaceFile(path, false, async (file) => {
      let lines = 0;
      const parts = this.parts().filter(({ folder }) => folder.round === 1);
      const wanted = (ordinal: number) => isWanted(this.outcomes[ordinal]!);
      const found = inputLines(parts.map(({ folder, planned }) => ({ folder, requests: planned.requests })), wanted, {
        ...this.options,
        onProgress: (seen) => this.report(seen.lines, 0),
      });
      for await (const line of found) {
        await file.writer.append(line);
        await file.writer.append(LINE_FEED);
        lines++;
      }
      return lines;
    });
  }

  private async copyResults(file: ByteSink, folder: PartFolder, results: FinalResult[], index: ResultsIndexWriter): Promise<void> {
    const { generation, bytes, crc32: expected, batch_id: batchId } = await mustReadRecord(folder);
    const segments = await openSegments(folder.segments, { generation, synced: bytes });
    if (segments.checkpoint < bytes) {
      throw changedResults(folder, batchId, `Results stored in ${folder.segments} are gone: ${segments.checkpoint} of ${bytes} bytes are left.`);
    }
    const isAsItCame = results.every(({ ownId }) => ownId === undefined);
    const copier = isAsItCame ? new ResultRanges(results) : undefined;
    const lines = new ResultLines(results, file.bytes, index);
    let found = 0;
    for await (const chunk of segments.read(0, bytes)) {
      this.options.signal?.throwIfAborted();
      found = crc32(chunk, found);
      const pieces = copier?.take(chunk) ?? [];
      lines.take(chunk, copier ? undefined : pieces);
      for (const piece of pieces) await file.append(piece);
      this.report(0, chunk.length);
    }
    if (found !== expected) throw changedResults(folder, batchId, `Results stored in ${folder.segments} were changed: they are not those that were held against the requests.`);
    if (!lines.isDone) throw new Error(`${folder.segments}: a result is not where its ledger says`);
  }

  private parts(): MergedPart[] {
    return this.options.rounds.flatMap(({ round, parts }) =>
      batchesOf({ parts }).map((planned) => ({ planned, folder: partFolder(this.options.workFolder, round, planned.part) })),
    );
  }

  private report(lines: number, bytes: number): void {
    this.progress.lines += lines;
    this.progress.bytes += bytes;
    this.options.onProgress?.({ ...this.progress });
  }
}

interface MergedPart {
  folder: PartFolder;
  planned: PlannedPart;
}

function codeOf(outcome: (typeof OUTCOMES)[number]): number {
  return OUTCOMES.indexOf(outcome) + 1;
}

async function mustReadRecord(folder: PartFolder): Promise<LedgerRecord> {
  const record = await readLedgerRecord(folder);
  if (!record) throw new Error(`The ledger of round ${folder.round}, part ${folder.part} is not closed`);
  return record;
}

/**
 * Writes a file in place of an earlier one.
 * @param write returns how many lines it wrote; where that is none and `keepEmpty` is not set, there is no file then.
 */
async function replaceFile(path: string, keepEmpty: boolean, write: (file: Replacement) => Promise<number>): Promise<number> {
  const file = await openReplacement(path);
  try {
    const lines = await write(file);
    if (lines > 0 || keepEmpty) await file.commit();
    else await removeDurably(path);
    return lines;
  } finally {
    await file.discard();
  }
}
