import { joinLocation } from '../location';
import { mustBeWholeLines, type SegmentWriter } from '../segment-writer';
import { createObject } from './objects';
import { readWholeObject } from './read-object';
import { boundaryAfter, objectName } from './segment-objects';
import { beginGeneration } from './segment-series';

const LINE_FEED = 0x0a;

/**
 * Writes whole lines as objects that end at boundaries of the source. At most two objects are in memory: one on its
 * way, one that is being filled. An error of one comes out of the next call, and of all after it.
 */
export class ObjectSegmentWriter implements SegmentWriter {
  private pending: Buffer[] = [];
  private pendingBytes = 0;
  /** Source offset of the first byte that is held back. */
  private position: number;
  private stored: number;
  private underWay: Promise<void> = Promise.resolve();
  private error: unknown;

  /**
   * Not for callers: `Segments.begin()` makes them.
   * @param path folder of the series.
   */
  constructor(
    readonly path: string,
    private readonly generation: number,
    readonly start: number,
    private readonly somethingElseCounts: () => Promise<boolean>,
  ) {
    this.position = this.stored = start;
  }

  get end(): number {
    return this.position + this.pendingBytes;
  }

  async append(...pieces: Buffer[]): Promise<void> {
    mustBeWholeLines(pieces);
    this.throwIfFailed();
    for (const piece of pieces) await this.take(piece);
  }

  /** Objects are stored when they are whole; this waits for the one that is on its way. */
  async sync(): Promise<number> {
    await this.underWay;
    this.throwIfFailed();
    return this.stored;
  }

  async finish(): Promise<number> {
    this.throwIfFailed();
    if (this.pendingBytes > 0) await this.startObject();
    return this.sync();
  }

  superseded(): Promise<boolean> {
    return this.somethingElseCounts();
  }

  async close(): Promise<void> {
    this.pending = [];
    this.pendingBytes = 0;
    await this.underWay;
  }

  private async take(bytes: Buffer): Promise<void> {
    for (let rest = bytes; rest.length > 0; ) {
      const end = this.endOfObject(rest);
      this.hold(end === undefined ? rest : rest.subarray(0, end));
      if (end === undefined) return;
      await this.startObject();
      rest = rest.subarray(end);
    }
  }

  /** Where in the next bytes the object ends that is being filled; undefined where it goes beyond them. */
  private endOfObject(bytes: Buffer): number | undefined {
    // A line ends there where its line feed is the last byte before, or any after.
    const last = boundaryAfter(this.position) - (this.position + this.pendingBytes) - 1;
    const lineFeed = last < bytes.length ? bytes.indexOf(LINE_FEED, Math.max(last, 0)) : -1;
    return lineFeed === -1 ? undefined : lineFeed + 1;
  }

  private hold(bytes: Buffer): void {
    this.pending.push(bytes);
    this.pendingBytes += bytes.length;
  }

  /** Waits for the object under way, then sends the next one without waiting for it. */
  private async startObject(): Promise<void> {
    await this.underWay;
    this.throwIfFailed();
    const body = Buffer.concat(this.pending, this.pendingBytes);
    const start = this.position;
    const end = start + body.length;
    this.pending = [];
    this.pendingBytes = 0;
    this.position = end;
    this.underWay = this.store(start, end, body).catch((error: unknown) => {
      this.error = error;
    });
  }

  private async store(start: number, end: number, body: Buffer): Promise<void> {
    const { generation } = this;
    const location = joinLocation(this.path, objectName({ generation, start, end }));
    if (!(await createObject(location, body)) && !(await readWholeObject(location))?.equals(body)) {
      await beginGeneration(this.path, generation + 1);
      throw new Error(`Another attempt has stored other results for bytes ${start} to ${end}; all of them are fetched anew`);
    }
    this.stored = end;
  }

  private throwIfFailed(): void {
    if (this.error !== undefined) throw this.error;
  }
}
