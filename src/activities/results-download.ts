/** One download of a batch's results: from what is stored of them to the end of the body. */
import { Context } from '@temporalio/activity';
import type { ResultsStream } from '../api';
import { ApiError, InvalidAnswerError } from '../api';
import type { ApiCounts, KnownBytes, LedgerRecord, PartFolder } from '../jobs';
import { fileNameOf, LedgerBuilder } from '../jobs';
import { LineSplitter } from '../jsonl';
import { joinLocation, openSegments, StorageError, SupersededError } from '../storage';
import type { Segments } from '../storage';
import type { ActivityDependencies } from './dependencies';
import { jobFolder, partFolderOf, recordStore } from './dependencies';
import type { PartReference, StoreProgress } from './payloads';
import { SyncedSegment } from './synced-segment';

const LINE_FEED = 0x0a;
const LINE_END = Buffer.from([LINE_FEED]);

/** A longer line is an error, not a lot of memory. No answer of a model is near it. */
const LONGEST_LINE = 64 * 1024 * 1024;

export interface DownloadOptions {
  deps: ActivityDependencies;
  ref: PartReference;
  batchId: string;
  /** How many the part has. */
  requests: number;
  /** The API's own counts, where its word on the end of the batch is on record. */
  apiCounts: ApiCounts | undefined;
  /** Fewer lines of results are not all of them. */
  expected: number;
  /** Told of what is stored and synced; the heartbeat sends it. */
  progress: StoreProgress;
}

/** `source-g0001.json` beside the segments: what the server said of the entity that a generation is made of. */
interface SourceRecord {
  batch_id: string;
  /** Its strong validator: with it, and with it alone, a download may go on at an offset. */
  entity_tag: string | null;
  /** What an attempt that ended in order had stored. */
  stored?: KnownBytes;
}

/** What comes behind the bytes that are stored. */
interface Rest {
  /** What has come of it with them. */
  first: Buffer | undefined;
  body: AsyncIterator<Buffer>;
  entityTag: string | undefined;
}

export class ResultsDownload {
  private readonly folder: PartFolder;
  private readonly signal = Context.current().cancellationSignal;

  constructor(private readonly options: DownloadOptions) {
    this.folder = partFolderOf(options.ref);
  }

  /**
   * Stores what is not stored yet and, where the results are all there, closes the ledger.
   * @param isTheTruth a body that ends early is believed: nothing more will come.
   * @returns the closed ledger; undefined where the body ended before its time. What came of it is kept.
   * @throws StorageError, errors of the API client, the signal's reason
   */
  async run(isTheTruth: boolean): Promise<LedgerRecord | undefined> {
    for (;;) {
      const segments = await openSegments(this.folder.segments);
      const outcome = await this.continue(segments, isTheTruth);
      if (outcome !== 'changed') return outcome === 'short' ? undefined : outcome;
      // A new generation begins with what is there now; what was stored before stays where it is and does not count.
      await segments.newGeneration();
    }
  }

  /** Closes the ledger with what is stored, as nothing more will come. @throws as `run` */
  async closeStored(): Promise<LedgerRecord> {
    const outcome = await this.continue(await openSegments(this.folder.segments), true, { fetches: false });
    if (typeof outcome !== 'object') throw new StorageError('changed', this.folder.segments, `What was stored of the results of ${this.options.batchId} was changed.`, 'Bring the files back from a copy, then resume.');
    return outcome;
  }

  private async continue(segments: Segments, isTheTruth: boolean, { fetches = true } = {}): Promise<LedgerRecord | 'short' | 'changed'> {
    const { requests, batchId } = this.options;
    const { generation } = segments;
    const builder = await LedgerBuilder.open({ partFolder: this.folder, requests, batchId, generation, signal: this.signal });
    try {
      if (!(await builder.takeStored(segments, await this.knownBytes(generation)))) return 'changed';
      this.tell(generation, builder, segments.checkpoint);
      const whole = fetches && (await this.fetchRest(segments, builder, isTheTruth));
      if (whole === 'changed') return whole;
      if (!whole && !isTheTruth) return 'short';
      await this.mustBeThePartsBatch();
      return await builder.close(() => openSegments(this.folder.segments, { generation, synced: builder.bytes }), this.options.apiCounts);
    } finally {
      await builder.discard();
    }
  }

  /** A worker that was frozen may have been told of a batch that was disproved since. */
  private async mustBeThePartsBatch(): Promise<void> {
    const { deps, ref, batchId } = this.options;
    const disproved = await jobFolder(deps, ref.jobId).part(ref.round, ref.part).creates.disprovedIds();
    if (disproved.has(fileNameOf(batchId))) throw new SupersededError();
  }

  /** @returns whether the results are all there. */
  private async fetchRest(segments: Segments, builder: LedgerBuilder, isTheTruth: boolean): Promise<boolean | 'changed'> {
    const stream = await this.open(segments);
    const body = stream.body[Symbol.asyncIterator]();
    try {
      const rest = await skipStored(stream, body, segments);
      if (rest === 'differs') return 'changed';
      // The source does not become shorter: this body was cut.
      if (rest === 'short') return false;
      await this.rememberSource(segments.generation, stream.entityTag);
      return await this.append(segments, builder, { first: rest, body, entityTag: stream.entityTag }, isTheTruth);
    } finally {
      await body.return?.();
    }
  }

  /** From the checkpoint on, where the server has proved that it can go on at an offset of the same entity. */
  private async open(segments: Segments): Promise<ResultsStream> {
    const { deps, batchId, ref } = this.options;
    const known = segments.checkpoint > 0 ? await this.source(segments.generation) : undefined;
    const range = known?.entity_tag ? { offset: segments.checkpoint, ifRange: known.entity_tag } : { ifRange: undefined };
    const options = { betas: ref.betas, signal: this.signal };
    try {
      return await deps.api.results(batchId, { ...options, ...range });
    } catch (error) {
      // It has no bytes there: it became shorter, or the last line feed is our own. Reading it from its beginning tells.
      if (!range.ifRange || !(error instanceof ApiError) || error.status !== 416) throw error;
      return deps.api.results(batchId, options);
    }
  }

  /** What an earlier attempt has stored, as far as it could say so. */
  private async knownBytes(generation: number): Promise<KnownBytes | undefined> {
    const { progress } = this.options;
    if (progress.generation === generation && progress.crc32 !== undefined) return { bytes: progress.bytes, crc32: progress.crc32 };
    return (await this.source(generation))?.stored;
  }

  /** For whoever goes on without the heartbeats of this attempt. That it could not be written is no reason to fail for another one. */
  private async rememberStored(generation: number, entityTag: string | undefined): Promise<void> {
    const { bytes, crc32 } = this.options.progress;
    if (crc32 === undefined) return;
    await this.writeSource(generation, { entity_tag: entityTag ?? null, stored: { bytes, crc32 } }).catch(() => undefined);
  }

  /** On record before anything of it is stored, and not in the heartbeat alone: a person may let the job go on much later. */
  private async rememberSource(generation: number, entityTag: string | undefined): Promise<void> {
    const known = await this.source(generation);
    if (known && (known.entity_tag ?? undefined) === entityTag) return;
    await this.writeSource(generation, { entity_tag: entityTag ?? null });
  }

  private writeSource(generation: number, source: Omit<SourceRecord, 'batch_id'>): Promise<void> {
    const record: SourceRecord = { batch_id: this.options.batchId, ...source };
    return recordStore(this.options.deps).replace(this.sourceRecord(generation), record);
  }

  private async source(generation: number): Promise<SourceRecord | undefined> {
    const record = await recordStore(this.options.deps).read<SourceRecord>(this.sourceRecord(generation));
    return record?.batch_id === this.options.batchId ? record : undefined;
  }

  private sourceRecord(generation: number): string {
    return joinLocation(this.folder.segments, `source-g${String(generation).padStart(4, '0')}.json`);
  }

  private async append(segments: Segments, builder: LedgerBuilder, { first, body, entityTag }: Rest, isTheTruth: boolean): Promise<boolean> {
    const { generation, checkpoint } = segments;
    const splitter = new LineSplitter(checkpoint);
    const segment = new SyncedSegment(await segments.begin(), (stored) => Object.assign(this.options.progress, { generation, ...stored }));
    let isWhole = true;
    try {
      if (first && first.length > 0) await this.take(first, splitter, builder, segment);
      for (let next = await body.next(); !next.done; next = await body.next()) await this.take(next.value, splitter, builder, segment);
      const last = splitter.end();
      // A last line without a line feed is whole if it is JSON; else the body was cut, and the line will come again.
      isWhole = last === undefined || isJson(last.bytes);
      if (last && (isWhole || isTheTruth)) {
        const pieces = [last.bytes, LINE_END];
        await builder.takeBlock([{ ...last, terminated: true }], pieces);
        await segment.append(pieces, builder);
      }
    } catch (error) {
      // What arrived as whole lines is kept: the next attempt goes on from there. Where it does not count, its folder may be gone, or another batch's.
      if (await segment.abandon()) await this.rememberStored(generation, entityTag);
      throw error;
    }
    await segment.finish(builder);
    return isWhole && builder.distinctLines >= this.options.expected;
  }

  private async take(chunk: Buffer, splitter: LineSplitter, builder: LedgerBuilder, segment: SyncedSegment): Promise<void> {
    const isCutBefore = splitter.heldBytes > 0;
    const lines = splitter.push(chunk);
    if (splitter.heldBytes > LONGEST_LINE) throw this.lineTooLong(builder.bytes);
    if (lines.length === 0) return;
    // The first line may have begun in earlier chunks; all others lie in this one.
    const from = isCutBefore ? chunk.indexOf(LINE_FEED) + 1 : 0;
    const rest = chunk.subarray(from, chunk.length - splitter.heldBytes);
    const pieces = isCutBefore ? [lines[0]!.bytes, LINE_END, rest] : [rest];
    await builder.takeBlock(lines, pieces);
    await segment.append(pieces, builder);
  }

  private tell(generation: number, { lines, crc32, outcomes }: LedgerBuilder, bytes: number): void {
    Object.assign(this.options.progress, { generation, lines, bytes, crc32, outcomes: { ...outcomes } });
  }

  private lineTooLong(offset: number): StorageError {
    const message = `A line of the results of ${this.options.batchId} (at byte ${offset}) has more than ${LONGEST_LINE} bytes, which no result has.`;
    return new StorageError('line_too_long', this.folder.segments, message, 'What came before it is kept. Look at what stands between here and the API, then resume.');
  }
}

function isJson(bytes: Buffer): boolean {
  try {
    JSON.parse(bytes.toString('utf8'));
    return true;
  } catch {
    return false;
  }
}

/**
 * Where the server began at zero though something is stored, reads as many bytes and compares them.
 *
 * @returns what of the last chunk lies beyond the checkpoint; `differs`; or `short` where the body ends before it.
 */
async function skipStored(stream: ResultsStream, body: AsyncIterator<Buffer>, segments: Segments): Promise<Buffer | undefined | 'differs' | 'short'> {
  if (stream.offset === segments.checkpoint) return undefined;
  if (stream.offset !== 0) {
    throw new InvalidAnswerError(`Asked for results from byte ${segments.checkpoint}, got them from byte ${stream.offset}`, { outcomeKnown: true, retryable: true });
  }
  let chunk: Buffer = Buffer.alloc(0);
  let left = segments.checkpoint;
  for await (const stored of segments.read()) {
    let compared = 0;
    while (compared < stored.length) {
      if (chunk.length === 0) {
        const next = await body.next();
        // The line feed after the last line is our own where the source has none.
        if (next.done) return left === 1 && stored.at(-1) === LINE_FEED ? undefined : 'short';
        chunk = next.value;
      }
      const length = Math.min(chunk.length, stored.length - compared);
      if (chunk.compare(stored, compared, compared + length, 0, length) !== 0) return 'differs';
      chunk = chunk.subarray(length);
      compared += length;
      left -= length;
    }
  }
  return chunk;
}
