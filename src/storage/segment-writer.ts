import type { FileWriter } from './file-writer';

const LINE_FEED = 0x0a;

/**
 * Appends whole lines of the source, from the checkpoint on, for one attempt.
 *
 * What `append` takes is not stored yet. `sync` stores what can be stored at any moment: in a file all of it, in S3
 * only whole objects, whose ends follow from the source. `finish` stores all of it. What neither has stored when the
 * process ends, or when `close` is called, is fetched again by the next attempt.
 */
export interface SegmentWriter {
  /** Source offset of the first byte that is appended. */
  readonly start: number;
  /** The file, or in S3 the folder, that is written to. */
  readonly path: string;
  /** Source offset of the end of what was appended. */
  readonly end: number;
  /**
   * Appends whole lines, the last one with its line feed too. Waits where the store is slower than the source.
   * The bytes must not be changed afterwards.
   * @param pieces one after another; the last one ends with a line feed.
   * @throws StorageError
   */
  append(...pieces: Buffer[]): Promise<void>;
  /**
   * Makes what can be stored now survive a power loss; more may be appended meanwhile.
   * @returns the source offset up to which all is stored. A checkpoint or heartbeat may tell of no more.
   * @throws StorageError; after that nothing appended since the last good sync can be trusted.
   */
  sync(): Promise<number>;
  /**
   * Makes all that was appended survive a power loss. For the end of the source, and for an attempt that ends early
   * but knows that what it appended is right. Nothing is appended after it.
   * @returns the source offset of its end.
   * @throws StorageError, as `sync`.
   */
  finish(): Promise<number>;
  /** True once another attempt has gone on in its stead: this one has to stop, what it still appends will not count. */
  superseded(): Promise<boolean>;
  /** Lets go of what it holds. Without a `finish` before it, what `sync` has not stored may be lost. */
  close(): Promise<void>;
}

/** Another attempt has gone on with the same results: this one has to stop, and what it still appends does not count. */
export class SupersededError extends Error {
  override readonly name = 'SupersededError';

  constructor() {
    super('Another worker has gone on with these results; this one stops');
  }
}

/** @throws TypeError where the last piece does not end with a line feed: segments take whole lines only. */
export function mustBeWholeLines(pieces: readonly Buffer[]): void {
  const last = pieces.findLast((piece) => piece.length > 0);
  if (last && last[last.length - 1] !== LINE_FEED) throw new TypeError('A segment takes whole lines only');
}

/** Appends to a segment file that no other attempt writes to. */
export class FileSegmentWriter implements SegmentWriter {
  /** Not for callers: `Segments.begin()` makes them. */
  constructor(
    private readonly file: FileWriter,
    readonly start: number,
    private readonly laterExists: () => Promise<boolean>,
  ) {}

  get path(): string {
    return this.file.path;
  }

  get end(): number {
    return this.start + this.file.bytes;
  }

  async append(...pieces: Buffer[]): Promise<void> {
    mustBeWholeLines(pieces);
    for (const piece of pieces) await this.file.append(piece);
  }

  async sync(): Promise<number> {
    const { end } = this;
    await this.file.sync();
    return end;
  }

  finish(): Promise<number> {
    return this.sync();
  }

  superseded(): Promise<boolean> {
    return this.laterExists();
  }

  close(): Promise<void> {
    return this.file.close();
  }
}
