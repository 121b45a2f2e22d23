import type { FollowUpEnd } from '../activities';

/** So many ends, or bytes of them as JSON, are put on record together. */
const ENDS_PER_RECORD = 250;
const BYTES_PER_RECORD = 128 * 1024;

/** How many ends there were, and what they have brought. */
export interface EndsTotal {
  ends: number;
  /** As JSON, with values and failures that are too large to be kept: these stand in the history all the same. */
  bytes: number;
}

/** Puts the ends of follow-ups on record, in bunches, while others run. */
export class FollowUpRecords {
  private ends: FollowUpEnd[] = [];
  private bytes = 0;
  private records = 0;
  private written: Promise<unknown> = Promise.resolve();

  /**
   * @param write puts them on record under a number from 1, however long it takes.
   * @param total of the ends of earlier runs.
   */
  constructor(
    private readonly write: (number: number, ends: FollowUpEnd[]) => Promise<void>,
    readonly total: EndsTotal = { ends: 0, bytes: 0 },
  ) {}

  /** What an end brings, as JSON; 0 before there was one. */
  get meanBytes(): number {
    return this.total.ends === 0 ? 0 : this.total.bytes / this.total.ends;
  }

  /** @param failureBytes what its failure, of which less is put on record, takes of the history. */
  add(end: FollowUpEnd, failureBytes = 0): void {
    const bytes = JSON.stringify(end).length;
    this.ends.push(end);
    this.bytes += bytes;
    this.total.ends++;
    this.total.bytes += Math.max(bytes, end.value_bytes ?? 0, failureBytes);
    if (this.ends.length >= ENDS_PER_RECORD || this.bytes >= BYTES_PER_RECORD) this.begin();
  }

  /** All of them are on record once this has resolved. */
  async flush(): Promise<void> {
    this.begin();
    await this.written;
  }

  /** Puts on record what there is, without waiting for it. */
  begin(): void {
    if (this.ends.length === 0) return;
    const { ends } = this;
    this.ends = [];
    this.bytes = 0;
    // One at a time: many at once, after an outage of workers, would be more than fits one message to the server.
    const number = ++this.records;
    this.written = this.written.then(() => this.write(number, ends));
    // `flush` hears of a failure.
    this.written.catch(() => undefined);
  }
}
