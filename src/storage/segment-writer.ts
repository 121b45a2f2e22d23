import type { FileWriter } from './file-writer';

const LINE_FEED = 0x0a;

/** Appends whole lines of the source to a segment that no other attempt writes to. */
export class SegmentWriter {
  /** Not for callers: `Segments.begin()` makes them. */
  constructor(
    private readonly file: FileWriter,
    /** Source offset of the segment's first byte. */
    readonly start: number,
    private readonly laterExists: () => Promise<boolean>,
  ) {}

  get path(): string {
    return this.file.path;
  }

  /** Source offset of the end of what was appended. */
  get end(): number {
    return this.start + this.file.bytes;
  }

  /**
   * Appends whole lines, the last one with its line feed too. Waits when the disk is slower than the source.
   * The bytes must not be changed afterwards.
   * @param pieces one after another; the last one ends with a line feed.
   * @throws StorageError
   */
  async append(...pieces: Buffer[]): Promise<void> {
    const last = pieces.at(-1);
    if (last === undefined || last.length === 0) return;
    if (last[last.length - 1] !== LINE_FEED) throw new TypeError('A segment takes whole lines only');
    for (const piece of pieces) await this.file.append(piece);
  }

  /**
   * Makes what was appended so far survive a power loss; more may be appended meanwhile.
   * @returns the source offset of the end of what does.
   * @throws StorageError; after that nothing appended since the last good sync can be trusted.
   */
  async sync(): Promise<number> {
    const { end } = this;
    await this.file.sync();
    return end;
  }

  /**
   * The source has ended: makes all that was appended survive a power loss.
   * @returns the source offset of its end.
   * @throws StorageError
   */
  finish(): Promise<number> {
    return this.sync();
  }

  /** True once another attempt has begun a later segment: this one has to stop, what it still appends will not count. */
  superseded(): Promise<boolean> {
    return this.laterExists();
  }

  /** Lets go of the segment; what was not synced may be there or not. */
  close(): Promise<void> {
    return this.file.close();
  }
}
