import type { FollowUpInput, FollowUpSliceInput } from '../../contract';
import { openReplacement, type Replacement } from '../../storage';
import type { FollowUpFiles } from './files';
import { type ListSlice, ShardCutter } from './shard-cutter';

/** Writes the list of a part's follow-ups: a line for each result, or for each slice of results, which then lie in a file beside it. */
export class FollowUpListWriter {
  private readonly cutter: ShardCutter;
  private slice: FollowUpSliceInput | undefined;
  private slices = 0;
  private resultsBytes = 0;

  private constructor(
    private readonly files: FollowUpFiles,
    private readonly common: Omit<FollowUpSliceInput, 'slice' | 'count' | 'results'>,
    private readonly perSlice: number | undefined,
    args: readonly unknown[],
    private readonly list: Replacement,
    private readonly results: Replacement | undefined,
  ) {
    this.cutter = new ShardCutter(args.length === 0 ? 0 : Buffer.byteLength(JSON.stringify(args)));
  }

  /** @param perSlice how many results a follow-up is for; undefined where it is for one. @throws StorageError */
  static async open(files: FollowUpFiles, common: Omit<FollowUpSliceInput, 'slice' | 'count' | 'results'>, perSlice: number | undefined, args: readonly unknown[]): Promise<FollowUpListWriter> {
    const list = await openReplacement(files.list);
    try {
      const results = perSlice === undefined ? undefined : await openReplacement(files.results);
      return new FollowUpListWriter(files, common, perSlice, args, list, results);
    } catch (error) {
      await list.discard();
      throw error;
    }
  }

  async add(input: FollowUpInput): Promise<void> {
    if (!this.results) return this.write(input);
    const bytes = lineOf(input);
    await this.results.writer.append(bytes);
    this.slice ??= { ...this.common, slice: ++this.slices, count: 0, results: { uri: this.files.results, offset: this.resultsBytes, length: 0 } };
    this.slice.count++;
    this.slice.results.length! += bytes.length;
    this.resultsBytes += bytes.length;
    if (this.slice.count === this.perSlice) await this.endSlice();
  }

  /** Makes it survive a power loss, and appear. @returns its shards. */
  async commit(): Promise<ListSlice[]> {
    await this.endSlice();
    // First what the list speaks of.
    await this.results?.commit();
    await this.list.commit();
    return this.cutter.shards;
  }

  /** Throws it away; does nothing after `commit`. */
  async discard(): Promise<void> {
    await this.list.discard();
    await this.results?.discard();
  }

  private async endSlice(): Promise<void> {
    if (!this.slice) return;
    await this.write(this.slice);
    this.slice = undefined;
  }

  private async write(line: FollowUpInput | FollowUpSliceInput): Promise<void> {
    const bytes = lineOf(line);
    await this.list.writer.append(bytes);
    this.cutter.add(bytes.length);
  }
}

function lineOf(value: unknown): Buffer {
  return Buffer.from(`${JSON.stringify(value)}\n`);
}
