import { joinLocation, type NewFolder, ScratchFile } from '../../storage';
import { GrowingBytes } from '../growing-bytes';
import type { PartFolder } from '../part-folder';
import { HASH_BYTES } from '../request-hash';
import type { PlannedPart } from '../round-plan';

const LINE_FEED = Buffer.from('\n');
/** Bytes of a uint32. */
const WORD = 4;
/** Lines read at once from where they wait. */
const WRITE_BYTES = 1024 * 1024;

/** Positions of the requests of one kind: those that have succeeded, whose lines nobody asks for any more, and all others. */
class Group {
  readonly ordinals = new GrowingBytes();
  readonly positions = new GrowingBytes();

  get requests(): number {
    return this.ordinals.length / WORD;
  }
}

/** The name of what says where a part's requests stood in the earlier job: uint32 LE each. */
export const POSITIONS_FILE = 'reused.bin';

/**
 * Collects the requests whose outcomes are taken over while a round is planned, and writes their parts: nothing of these is sent.
 * Holds 8 bytes a request.
 */
export class ReusedRequests {
  private succeeded = new Group();
  private others = new Group();
  /** Of the others, one after another. */
  private lengths = new GrowingBytes();
  private bytes = 0;
  private pending: Buffer[] = [];
  private pendingBytes = 0;

  private constructor(
    private readonly jobId: string,
    /** Of all requests of the earlier job; undefined where it has none. */
    private readonly hashes: Buffer | undefined,
    private readonly scratch: ScratchFile,
  ) {}

  /** @param workFolder beside what the lines wait. */
  static async begin(workFolder: string, jobId: string, hashes: Buffer | undefined): Promise<ReusedRequests> {
    return new ReusedRequests(jobId, hashes, await ScratchFile.open(joinLocation(workFolder, 'reused')));
  }

  /** Begins anew, where the requests are read once more. */
  reset(): void {
    this.succeeded = new Group();
    this.others = new Group();
    this.lengths = new GrowingBytes();
    this.bytes = this.pendingBytes = 0;
    this.pending = [];
  }

  /**
   * @param ordinal the request's position in the input of this job.
   * @param position that in the input of the earlier one.
   * @param line its input line; undefined where it has succeeded and the line is not known.
   */
  async add(ordinal: number, position: number, succeeded: boolean, line?: Buffer): Promise<void> {
    const group = succeeded ? this.succeeded : this.others;
    group.ordinals.addUint32(ordinal);
    group.positions.addUint32(position);
    if (succeeded || !line) return;
    this.lengths.addUint32(line.length);
    this.pending.push(line, LINE_FEED);
    this.pendingBytes += line.length + LINE_FEED.length;
    if (this.pendingBytes >= WRITE_BYTES) await this.flush();
  }

  /**
   * Writes the parts into the folder of the round.
   * @param firstPart number of the first of them.
   * @param most requests in one part.
   */
  async writeParts(round: NewFolder, folderOf: (part: number) => PartFolder, firstPart: number, most: number): Promise<PlannedPart[]> {
    await this.flush();
    const parts: PlannedPart[] = [];
    let lineBytes = 0;
    for (const group of [this.succeeded, this.others]) {
      for (let from = 0; from < group.requests; from += most) {
        const to = Math.min(from + most, group.requests);
        const part = firstPart + parts.length;
        const folder = folderOf(part);
        await round.makeFolder(folder.folder);
        const positions = group.positions.view().subarray(from * WORD, to * WORD);
        await round.writeFile(folder.ordinals, group.ordinals.view().subarray(from * WORD, to * WORD));
        await round.writeFile(joinLocation(folder.folder, POSITIONS_FILE), positions);
        if (this.hashes) await round.writeFile(folder.hashes, hashesAt(this.hashes, positions));
        if (group === this.others) lineBytes = await this.writeLines(round, folder, lineBytes, from, to);
        await round.syncFolder(folder.folder);
        parts.push({ part, requests: to - from, bodyBytes: 0, bodySha256: '', reused: { jobId: this.jobId } });
      }
    }
    return parts;
  }

  /** To be called in the end in any case. */
  async discard(): Promise<void> {
    await this.scratch.discard();
  }

  private async writeLines(round: NewFolder, folder: PartFolder, at: number, from: number, to: number): Promise<number> {
    const lengths = this.lengths.view();
    let end = at;
    for (let index = from; index < to; index++) end += lengths.readUInt32LE(index * WORD) + LINE_FEED.length;
    const file = await round.openFile(folder.requests);
    try {
      for (let done = at; done < end; ) {
        const bytes = await this.scratch.read(done, Math.min(WRITE_BYTES, end - done));
        await file.append(bytes);
        done += bytes.length;
      }
      await file.finish();
    } finally {
      await file.abandon();
    }
    return end;
  }

  private async flush(): Promise<void> {
    const bytes = Buffer.concat(this.pending, this.pendingBytes);
    this.pending = [];
    this.pendingBytes = 0;
    await this.scratch.write(bytes, this.bytes);
    this.bytes += bytes.length;
  }
}

function hashesAt(hashes: Buffer, positions: Buffer): Buffer {
  const found = Buffer.allocUnsafe((positions.length / WORD) * HASH_BYTES);
  for (let at = 0; at < positions.length; at += WORD) {
    const position = positions.readUInt32LE(at);
    hashes.copy(found, (at / WORD) * HASH_BYTES, position * HASH_BYTES, (position + 1) * HASH_BYTES);
  }
  return found;
}
