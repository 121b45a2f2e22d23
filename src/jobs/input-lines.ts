/** Lines of the input out of the parts of a round, in the order of the input, whichever part each has gone to. */
import { readLines } from '../storage';
import type { PartFolder } from './part-folder';
import { readOrdinals } from './part-requests';
import type { PassOptions } from './progress';

interface Source {
  folder: PartFolder;
  /** How many the part has. */
  requests: number;
}

/**
 * In each part the requests stand in the order of the input; parts of different requests may overlap. Few parts are open at once: as
 * many as were open while the round was planned, which are bounded.
 * @param isWanted by the position in the input.
 * @throws StorageError
 */
export async function* inputLines(sources: readonly Source[], isWanted: (ordinal: number) => boolean, options: PassOptions): AsyncGenerator<Buffer, void, undefined> {
  const waiting = await wantedParts(sources, isWanted);
  let open: PartLines[] = [];
  for (;;) {
    open = open.filter((part) => part.ordinal !== undefined);
    const first = open.reduce((least, part) => Math.min(least, part.ordinal!), Infinity);
    if (waiting.length > 0 && waiting[0]!.first <= first) {
      const part = new PartLines(waiting.shift()!, isWanted, options);
      await part.advance();
      open.push(part);
      continue;
    }
    const next = open.find((part) => part.ordinal === first);
    if (!next) return;
    yield next.line;
    await next.advance();
  }
}

/** With the position of the first wanted request in the input, in that order. */
async function wantedParts(sources: readonly Source[], isWanted: (ordinal: number) => boolean): Promise<(Source & { first: number })[]> {
  const parts: (Source & { first: number })[] = [];
  for (const source of sources) {
    const first = (await readOrdinals(source.folder, source.requests)).find(isWanted);
    if (first !== undefined) parts.push({ ...source, first });
  }
  return parts.sort((a, b) => a.first - b.first);
}

/** The wanted lines of one part. */
class PartLines {
  /** Of the line that it stands at; undefined at the end. */
  ordinal: number | undefined;
  line: Buffer = Buffer.alloc(0);
  private ordinals: Uint32Array | undefined;
  private position = 0;
  private lines: Buffer[] = [];
  private taken = 0;
  private chunks: AsyncIterator<{ bytes: Buffer }[]> | undefined;

  constructor(
    private readonly source: Source,
    private readonly isWanted: (ordinal: number) => boolean,
    private readonly options: PassOptions,
  ) {}

  /** Goes to the next wanted line. */
  async advance(): Promise<void> {
    this.ordinals ??= await readOrdinals(this.source.folder, this.source.requests);
    this.ordinal = undefined;
    while (this.ordinal === undefined && (this.taken < this.lines.length || (await this.readMore()))) {
      const ordinal = this.ordinals[this.position++]!;
      this.line = this.lines[this.taken++]!;
      if (this.isWanted(ordinal)) this.ordinal = ordinal;
    }
  }

  private async readMore(): Promise<boolean> {
    this.chunks ??= readLines(this.source.folder.requests, { signal: this.options.signal });
    const next = await this.chunks.next();
    if (next.done) return false;
    this.lines = next.value.map(({ bytes }) => bytes);
    this.taken = 0;
    this.options.onProgress?.({ lines: this.lines.length, bytes: 0 });
    return true;
  }
}
