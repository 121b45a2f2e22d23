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

  /**
   * Appends whole lines, the last one with its line feed too. Waits when the disk is slower than the source.
   * The bytes must not be changed afterwards.
   * @throws StorageError
   */
  async append(bytes: Buffer): Promise<void> {
    if (bytes.length === 0) return;
    if (bytes[bytes.length - 1] !== LINE_FEED) throw new TypeError('A segment takes whole lines only');
    await this.file.append(bytes);
  }

  /**
   * Makes all that was appended survive a power loss.
   * @returns the source offset of its end.
   * @throws StorageError; after that nothing appended since the last good sync can be trusted.
   */
  async sync(): Promise<number> {
    const end = this.start + this.file.bytes;
    await this.file.sync();
    return end;
  }

  /** True once another attempt has begun a later segment: this one has to stop, what it still appends will not count. */
  superseded(): Promise<boolean> {
    return this.laterExists();
  }

  /** Writes what is held back and closes the file. */
  close(): Promise<void> {
    return this.file.close();
  }
}
