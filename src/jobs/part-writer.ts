import { createHash } from 'node:crypto';
import { look, type NewFile, type NewFolder } from '../storage';
import { BodyAssembler } from './body-assembler';
import { ByteBlocks } from './byte-blocks';
import { ExpectedUses } from './expected-use';
import { GrowingBytes } from './growing-bytes';
import { type CutOptions, PartCutter, type PartGroup, setOf } from './part-cutter';
import type { PartFolder } from './part-folder';
import type { PartSize } from './part-size';
import { RequestHash } from './request-hash';
import type { OwnId, RequestLine } from './request-line';
import type { PlannedPart } from './round-plan';

const LINE_FEED = 0x0a;
const LINE_END = Buffer.from('\n');

/** Writes the job's own copy of the requests of one part. Holds up to 120 bytes of each, and no more than 512 KB of what it copies. */
export class PartWriter {
  private requests = 0;
  private bodyBytes = 0;
  /** Each request is sent as its line is. */
  private isPlain = true;
  private readonly body = new BodyAssembler(true);
  private readonly bodyHash = createHash('sha256');
  private readonly lines = new ByteBlocks();
  private readonly ordinals = new GrowingBytes();
  private readonly customIds = new GrowingBytes();
  private readonly hashes = new GrowingBytes();
  private readonly hash = new RequestHash();
  private readonly uses = new ExpectedUses();
  private ownIds: GrowingBytes | undefined;

  private constructor(
    private readonly parent: NewFolder,
    private readonly folder: PartFolder,
    private readonly group: PartGroup,
    private readonly file: NewFile,
  ) {}

  /** @param parent the folder that is being written, which holds the part's or is it. */
  static async begin(parent: NewFolder, folder: PartFolder, group: PartGroup): Promise<PartWriter> {
    if (folder.folder !== parent.location) await parent.makeFolder(folder.folder);
    return new PartWriter(parent, folder, group, await parent.openFile(folder.requests));
  }

  /** @returns a promise where there is something to wait for. */
  add(ordinal: number, line: Buffer, request: RequestLine): Promise<void> | undefined {
    this.takeOwnId(request.own);
    this.requests++;
    this.ordinals.addUint32(ordinal);
    this.customIds.addAscii(request.customId);
    this.customIds.addByte(LINE_FEED);
    this.hash.of(request);
    for (const word of this.hash.words) this.hashes.addUint32(word);
    this.uses.add(request);
    this.isPlain &&= request.own === undefined && request.sent.length === line.length;
    const chunk = this.body.add(request.sent);
    if (chunk) this.takeBody(chunk);
    const block = this.lines.add(line, LINE_END);
    return block && this.file.append(block);
  }

  /** All of it survives a power loss afterwards. */
  async finish(): Promise<PlannedPart> {
    const { folder, parent } = this;
    await this.file.append(this.lines.end());
    await this.file.finish();
    const written = await Promise.allSettled([
      parent.writeFile(folder.ordinals, this.ordinals.view()),
      parent.writeFile(folder.customIds, this.customIds.view()),
      parent.writeFile(folder.hashes, this.hashes.view()),
      this.writeOwnIds(),
    ]);
    const failed = written.find((write) => write.status === 'rejected');
    if (failed) throw failed.reason;
    await parent.syncFolder(folder.folder);
    this.takeBody(this.body.end());
    return {
      part: folder.part,
      requests: this.requests,
      bodyBytes: this.bodyBytes,
      bodySha256: this.bodyHash.digest('hex'),
      ...this.group,
      ...(this.isPlain && { plain: true }),
      expected: this.uses.list(),
    };
  }

  abandon(): Promise<void> {
    return this.file.abandon();
  }

  private async writeOwnIds(): Promise<void> {
    const { folder, parent, ownIds } = this;
    // In S3 that of an attempt may lie there which was made with other options, and came to nothing.
    if (ownIds || (await look(folder.ownIds))) await parent.writeFile(folder.ownIds, ownIds?.view() ?? Buffer.alloc(0));
  }

  private takeBody(chunk: Buffer): void {
    this.bodyHash.update(chunk);
    this.bodyBytes += chunk.length;
  }

  private takeOwnId(own: OwnId | undefined): void {
    if (own && !this.ownIds) {
      this.ownIds = new GrowingBytes();
      for (let request = 0; request < this.requests; request++) this.ownIds.addByte(LINE_FEED);
    }
    if (own?.json) this.ownIds?.add(own.json);
    this.ownIds?.addByte(LINE_FEED);
  }
}

/** Writes requests into parts, each as full as the limits allow. For each set of betas one part is open. */
export class PartsWriter {
  private readonly finished: PlannedPart[] = [];
  private readonly open = new Map<string, { writer: PartWriter; size: PartSize }>();
  /** The part that was closed last, while it is being made safe: meanwhile the next one grows. */
  private closing: Promise<unknown> = Promise.resolve();
  private readonly cutter: PartCutter;

  /**
   * @param round the round's folder.
   * @param folderOf where in it a part goes.
   */
  constructor(
    private readonly round: NewFolder,
    private readonly folderOf: (part: number) => PartFolder,
    cut: CutOptions,
    private readonly options: { firstPart: number; warm?: true },
  ) {
    this.cutter = new PartCutter(cut, options.firstPart);
  }

  /**
   * @param ordinal the request's position in the whole input.
   * @param line its input line, as it was.
   * @param request what that line says.
   * @returns a promise where there is something to wait for.
   */
  add(ordinal: number, line: Buffer, request: RequestLine): Promise<void> | undefined {
    const size = this.cutter.place(request);
    const open = this.open.get(setOf(request));
    return open?.size === size ? open.writer.add(ordinal, line, request) : this.addToNext(size, ordinal, line, request);
  }

  /** @returns the parts by their numbers. */
  async finish(): Promise<PlannedPart[]> {
    for (const key of this.open.keys()) await this.close(key);
    await this.closing;
    return this.finished.sort((a, b) => a.part - b.part);
  }

  /** Closes what is open, where the plan comes to nothing. */
  async abandon(): Promise<void> {
    await this.closing.catch(() => undefined);
    for (const { writer } of this.open.values()) await writer.abandon();
  }

  private async addToNext(size: PartSize, ordinal: number, line: Buffer, request: RequestLine): Promise<void> {
    await this.close(setOf(request));
    const group: PartGroup = { ...(request.betas && { betas: request.betas }), ...(this.options.warm && { warm: true as const }) };
    const writer = await PartWriter.begin(this.round, this.folderOf(size.part), group);
    this.open.set(setOf(request), { writer, size });
    await writer.add(ordinal, line, request);
  }

  private async close(key: string): Promise<void> {
    const open = this.open.get(key);
    if (!open) return;
    await this.closing;
    this.open.delete(key);
    const finish = async (): Promise<void> => {
      try {
        this.finished.push(await open.writer.finish());
      } finally {
        await open.writer.abandon();
      }
    };
    this.closing = finish();
    // Its error comes out where it is waited for.
    this.closing.catch(() => undefined);
  }
}
