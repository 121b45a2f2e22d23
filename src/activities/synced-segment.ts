/** A segment that is synced beside the writing, so that neither waits for the other. */
import type { LedgerBuilder } from '../jobs';
import { type SegmentWriter, SupersededError } from '../storage';
import type { StoreProgress } from './payloads';

/** With one sync under way, and as much again waiting for the next, a kill costs at most 16 MB of repeated work. */
const SYNC_EVERY_BYTES = 8 * 1024 * 1024;
/** Or a second: a sync under way and the wait for the next. */
const SYNC_EVERY_MS = 500;

/** What is stored up to some byte. */
type Stored = Required<Pick<StoreProgress, 'lines' | 'bytes' | 'crc32' | 'outcomes'>>;

export class SyncedSegment {
  /** What was appended and is not yet known to be synced, oldest first. */
  private appended: Stored[] = [];
  private unsyncedBytes = 0;
  private syncedAt = performance.now();
  private underWay: Promise<void> | undefined;
  private error: unknown;
  /** For a body that stands still: what has come of it is made safe meanwhile. */
  private readonly timer = setInterval(() => this.syncIfDue(), SYNC_EVERY_MS / 2);

  /** @param told of what is safe. */
  constructor(
    private readonly writer: SegmentWriter,
    private readonly told: (stored: Stored) => void,
  ) {}

  /**
   * Appends whole lines that the ledger has taken.
   * @throws StorageError, also of an earlier sync; SupersededError
   */
  async append(pieces: Buffer[], { lines, crc32, outcomes }: LedgerBuilder): Promise<void> {
    if (this.error !== undefined) throw this.error;
    await this.writer.append(...pieces);
    for (const piece of pieces) this.unsyncedBytes += piece.length;
    this.appended.push({ lines, bytes: this.writer.end, crc32, outcomes: { ...outcomes } });
    // The disk is slower than the source.
    if (this.underWay && this.unsyncedBytes >= SYNC_EVERY_BYTES) await this.underWay;
    this.syncIfDue();
  }

  /** The source has ended: all of it is safe, and counts. @throws as `append` */
  async finish({ lines, crc32, outcomes }: LedgerBuilder): Promise<void> {
    try {
      await this.settle();
      const bytes = await this.writer.finish();
      this.told({ lines, bytes, crc32, outcomes: { ...outcomes } });
      await this.mustNotBeSuperseded();
    } finally {
      await this.writer.close();
    }
  }

  /** Something went wrong: keeps what can be kept. @returns whether it counts: nobody has gone on in this one's stead. */
  async abandon(): Promise<boolean> {
    try {
      await this.settle();
      this.tell(await this.writer.finish());
      return !(await this.writer.superseded());
    } catch {
      // What went wrong first is what a person needs to know.
      return false;
    } finally {
      await this.writer.close().catch(() => undefined);
    }
  }

  private syncIfDue(): void {
    if (this.underWay || this.unsyncedBytes === 0 || this.error !== undefined) return;
    if (this.unsyncedBytes < SYNC_EVERY_BYTES && performance.now() - this.syncedAt < SYNC_EVERY_MS) return;
    this.underWay = this.sync()
      .catch((error: unknown) => void (this.error = error))
      .finally(() => (this.underWay = undefined));
  }

  private async sync(): Promise<void> {
    this.unsyncedBytes = 0;
    this.syncedAt = performance.now();
    this.tell(await this.writer.sync());
    await this.mustNotBeSuperseded();
  }

  /** Tells of the last lines that end before `bytes`, which is safe. */
  private tell(bytes: number): void {
    const waiting = this.appended.findIndex((stored) => stored.bytes > bytes);
    const safe = this.appended.splice(0, waiting === -1 ? this.appended.length : waiting);
    const last = safe.at(-1);
    if (last) this.told(last);
  }

  private async settle(): Promise<void> {
    clearInterval(this.timer);
    await this.underWay;
    if (this.error !== undefined) throw this.error;
  }

  private async mustNotBeSuperseded(): Promise<void> {
    if (await this.writer.superseded()) throw new SupersededError();
  }
}
