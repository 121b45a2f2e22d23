/** A piece of a list: bytes, and how many follow-ups stand there. */
export interface ListSlice {
  offset: number;
  length: number;
  count: number;
}

/** Follow-ups of one shard. */
const MOST_FOLLOW_UPS = 1_000;

/** What the follow-ups of a shard are started with stands in its history, which Temporal bounds. */
const MOST_BYTES = 2_000_000;

/** Cuts a list into shards as its lines pass by: each of at most 1,000 follow-ups, and of 2 MB that these are started with. */
export class ShardCutter {
  readonly shards: ListSlice[] = [];
  private offset = 0;
  private startedWith = 0;

  /** @param argsBytes that every follow-up is started with besides its line. */
  constructor(private readonly argsBytes: number) {}

  /** @param lineBytes with the line feed. */
  add(lineBytes: number): void {
    const bytes = lineBytes + this.argsBytes;
    let shard = this.shards.at(-1);
    if (!shard || shard.count >= MOST_FOLLOW_UPS || this.startedWith + bytes > MOST_BYTES) {
      shard = { offset: this.offset, length: 0, count: 0 };
      this.shards.push(shard);
      this.startedWith = 0;
    }
    shard.length += lineBytes;
    shard.count++;
    this.startedWith += bytes;
    this.offset += lineBytes;
  }
}
