import { Context } from '@temporalio/activity';
import { ApplicationFailure, ApplicationFailureCategory } from '@temporalio/common';
import type { ResultsStream } from '../api';
import { InvalidAnswerError } from '../api';
import { countLineFeeds } from '../jsonl';
import { openSegments, type Segments } from '../storage';
import type { SegmentWriter } from '../storage';
import type { ActivityDependencies } from './dependencies';
import { jobFolder, partFolderOf } from './dependencies';
import { runActivity } from './failures';
import type { PartReference, StoredResults, StoreProgress } from './payloads';

const LINE_FEED = 0x0a;

/** A kill costs at most this much repeated work: whichever comes first. */
const SYNC_EVERY_BYTES = 16 * 1024 * 1024;
const SYNC_EVERY_MS = 1_000;

/** How often one attempt fetches a body that ends before every request has a line. */
const SHORT_BODY_TRIES = 3;

/** So many attempts, two minutes in all, are made before a short body counts as the truth. */
const SHORT_BODY_ATTEMPTS = 8;

const LONGEST_RETRY_MS = 60_000;

/**
 * Streams a batch's results to segment files: raw bytes, whole lines, each byte once.
 *
 * What is synced on disk is the checkpoint; the heartbeat only tells of it. So an attempt that was
 * killed, frozen or cut off costs a second of work, and two that run at once cannot harm each other.
 */
export function storeResultsActivity(deps: ActivityDependencies) {
  return async function storeResults(ref: PartReference, batchId: string, requests: number): Promise<StoredResults> {
    let last = Context.current().info.heartbeatDetails as StoreProgress | undefined;
    const body = async (): Promise<StoredResults> => {
      const expected = await expectedLines(deps, ref, batchId, requests);
      for (let tries = 1; ; tries++) {
        const download = new ResultsDownload(deps, ref, batchId, last, (progress) => (last = progress));
        const stored = await download.run();
        // A body that was cut at a line boundary can look complete; the count of lines tells.
        if (stored.lines >= expected) return stored;
        if (tries === SHORT_BODY_TRIES) return acceptShort(stored, expected);
      }
    };
    return runActivity(deps, body, () => last);
  };
}

/** What the API itself counted when the batch ended, or where that is not known what was sent. */
async function expectedLines(deps: ActivityDependencies, ref: PartReference, batchId: string, requests: number): Promise<number> {
  const ended = await jobFolder(deps, ref.jobId).part(ref.round, ref.part).readEnded();
  if (ended?.batch_id !== batchId) return requests;
  const { processing, succeeded, errored, canceled, expired } = ended.counts;
  return processing + succeeded + errored + canceled + expired || requests;
}

/** Results may be complete a little later than the batch has ended: a short body is believed only after a while. */
function acceptShort(stored: StoreProgress, expected: number): StoreProgress {
  const { attempt } = Context.current().info;
  if (attempt >= SHORT_BODY_ATTEMPTS) return stored;
  throw ApplicationFailure.create({
    type: 'ResultsIncomplete',
    message: `The results end after ${stored.lines} of ${expected} lines; those are kept, and the rest is asked for again`,
    nonRetryable: false,
    nextRetryDelay: Math.min(1_000 * 2 ** (attempt - 1), LONGEST_RETRY_MS),
    category: ApplicationFailureCategory.BENIGN,
  });
}

/** One download, from the checkpoint on disk to the end of the body. */
class ResultsDownload {
  private progress: StoreProgress = { generation: 0, lines: 0, bytes: 0 };

  /** @param synced told of what is safe on disk. */
  constructor(
    private readonly deps: ActivityDependencies,
    private readonly ref: PartReference,
    private readonly batchId: string,
    private readonly last: StoreProgress | undefined,
    private readonly synced: (progress: StoreProgress) => void,
  ) {}

  async run(): Promise<StoreProgress> {
    const segments = await openSegments(partFolderOf(this.ref).segments);
    await this.resumeAt(segments);
    // Only where the server has proved that it can go on at an offset of the same entity.
    const entityTag = this.last?.generation === segments.generation ? this.last.entityTag : undefined;
    const stream = await this.deps.api.results(this.batchId, {
      betas: this.ref.betas,
      ...(entityTag === undefined ? {} : { offset: segments.checkpoint, ifRange: entityTag }),
      signal: Context.current().cancellationSignal,
    });
    this.progress.entityTag = stream.entityTag;
    const body = stream.body[Symbol.asyncIterator]();
    try {
      const rest = await skipStored(stream, body, segments);
      if (rest === 'differs') {
        // The source has changed since: a new generation begins with what is there now.
        await body.return?.();
        await segments.newGeneration();
        return await new ResultsDownload(this.deps, this.ref, this.batchId, undefined, this.synced).run();
      }
      await this.append(await segments.begin(), rest, body);
    } finally {
      await body.return?.();
    }
    await this.mustBeStored();
    return this.progress;
  }

  /** What was appended counts only where no other attempt has begun before its end. */
  private async mustBeStored(): Promise<void> {
    const { generation, checkpoint } = await openSegments(partFolderOf(this.ref).segments);
    if (generation === this.progress.generation && checkpoint === this.progress.bytes) return;
    throw new Error(`${this.progress.bytes} bytes of results were stored, but ${checkpoint} count: another worker has gone on with them`);
  }

  private async resumeAt(segments: Segments): Promise<void> {
    this.progress = { generation: segments.generation, lines: 0, bytes: segments.checkpoint };
    if (this.last?.generation === segments.generation && this.last.bytes === segments.checkpoint) {
      this.progress.lines = this.last.lines;
    } else {
      for await (const chunk of segments.read()) this.progress.lines += countLineFeeds(chunk);
    }
    this.synced({ ...this.progress });
  }

  private async append(writer: SegmentWriter, first: Buffer | undefined, body: AsyncIterator<Buffer>): Promise<void> {
    let held: Buffer[] = [];
    let unsyncedBytes = 0;
    let syncedAt = Date.now();
    const linesBefore = this.progress.lines;
    // What is stored may be less than what has come.
    const tell = (storedUpTo: number): void => {
      this.progress.bytes = storedUpTo;
      this.progress.lines = linesBefore + writer.storedLines;
      unsyncedBytes = 0;
      syncedAt = Date.now();
      this.synced({ ...this.progress });
    };
    const sync = async (): Promise<void> => tell(await writer.sync());
    const take = async (chunk: Buffer): Promise<void> => {
      const end = chunk.lastIndexOf(LINE_FEED) + 1;
      if (end > 0) {
        const lines = held.length > 0 ? Buffer.concat([...held, chunk.subarray(0, end)]) : chunk.subarray(0, end);
        held = [];
        await writer.append(lines);
        unsyncedBytes += lines.length;
      }
      if (end < chunk.length) held.push(chunk.subarray(end));
      if (unsyncedBytes >= SYNC_EVERY_BYTES || Date.now() - syncedAt >= SYNC_EVERY_MS) {
        await sync();
        if (await writer.superseded()) throw new Error('Another worker has gone on with these results; this one stops');
      }
    };
    try {
      if (first && first.length > 0) await take(first);
      for (let next = body.next(); ; ) {
        const arrived = await orUndefinedAfter(SYNC_EVERY_MS, next);
        if (arrived?.done) break;
        if (arrived) {
          await take(arrived.value);
          next = body.next();
        } else if (unsyncedBytes > 0) {
          // The body stands still: what has come of it is made safe meanwhile.
          await sync();
        }
      }
      if (held.length > 0) await take(lastLine(Buffer.concat(held), () => (held = [])));
    } finally {
      // Whatever ended it, what arrived as whole lines is kept: the next attempt goes on from there.
      await writer
        .finish()
        .then(tell)
        .finally(() => writer.close());
    }
  }
}

/** A last line without a line feed is whole if it is JSON; else the body was cut. */
function lastLine(bytes: Buffer, taken: () => void): Buffer {
  try {
    JSON.parse(bytes.toString('utf8'));
  } catch {
    throw invalidResults('The results ended in the middle of a line');
  }
  taken();
  return Buffer.concat([bytes, Buffer.from([LINE_FEED])]);
}

/**
 * Where the server began at zero though something is stored, reads as many bytes and compares them.
 *
 * @returns what of the last chunk lies beyond the checkpoint, or `differs`.
 */
async function skipStored(stream: ResultsStream, body: AsyncIterator<Buffer>, segments: Segments): Promise<Buffer | undefined | 'differs'> {
  if (stream.offset === segments.checkpoint) return undefined;
  if (stream.offset !== 0) throw invalidResults(`Asked for results from byte ${segments.checkpoint}, got them from byte ${stream.offset}`);
  let chunk: Buffer = Buffer.alloc(0);
  for await (const stored of segments.read()) {
    let compared = 0;
    while (compared < stored.length) {
      if (chunk.length === 0) {
        const next = await body.next();
        // The source does not become shorter: this body was cut.
        if (next.done) throw invalidResults(`The results ended before the ${segments.checkpoint} bytes that are stored of them`);
        chunk = next.value;
      }
      const length = Math.min(chunk.length, stored.length - compared);
      if (chunk.compare(stored, compared, compared + length, 0, length) !== 0) return 'differs';
      chunk = chunk.subarray(length);
      compared += length;
    }
  }
  return chunk;
}

/** What a promise resolves to, or undefined where it takes longer than `ms`. */
async function orUndefinedAfter<T>(ms: number, promise: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<undefined>((resolve) => (timer = setTimeout(resolve, ms, undefined)));
  try {
    return await Promise.race([promise, timeout]);
  } finally {
    clearTimeout(timer);
  }
}

function invalidResults(message: string): InvalidAnswerError {
  return new InvalidAnswerError(message, { outcomeKnown: true, retryable: true });
}
