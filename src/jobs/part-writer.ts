import { createHash } from 'node:crypto';
import type { NewFile, NewFolder } from '../storage';
import { BodyAssembler } from './body-assembler';
import type { PartFolder } from './part-folder';
import { type PartLimits, PartSize } from './part-size';
import type { RequestLine } from './request-line';
import type { PlannedPart } from './round-plan';

const LINE_FEED = Buffer.from('\n');
const ORDINAL_BYTES = 4;

/** Writes the job's own copy of the requests of one part. */
class PartWriter {
  private readonly body = new BodyAssembler();
  private readonly hash = createHash('sha256');
  private readonly ordinals: number[] = [];
  private customIds = '';

  private constructor(
    private readonly round: NewFolder,
    private readonly folder: PartFolder,
    private readonly size: PartSize,
    private readonly file: NewFile,
  ) {}

  static async begin(round: NewFolder, folder: PartFolder, limits: PartLimits): Promise<PartWriter> {
    await round.makeFolder(folder.folder);
    return new PartWriter(round, folder, new PartSize(limits), await round.openFile(folder.requests));
  }

  fits(sent: Buffer): boolean {
    return this.size.fits(sent.length);
  }

  async add(ordinal: number, line: Buffer, { customId, sent }: RequestLine): Promise<void> {
    this.size.add(sent.length);
    this.ordinals.push(ordinal);
    this.customIds += `${customId}\n`;
    const chunk = this.body.add(sent);
    if (chunk) this.hash.update(chunk);
    await this.file.append(line);
    await this.file.append(LINE_FEED);
  }

  /** All of it survives a power loss afterwards. */
  async finish(): Promise<PlannedPart> {
    await this.file.finish();
    await this.writeOrdinals();
    await this.round.writeFile(this.folder.customIds, Buffer.from(this.customIds));
    await this.round.syncFolder(this.folder.folder);
    const bodySha256 = this.hash.update(this.body.end()).digest('hex');
    return { part: this.folder.part, requests: this.size.requests, bodyBytes: this.size.bodyBytes, bodySha256 };
  }

  abandon(): Promise<void> {
    return this.file.abandon();
  }

  private async writeOrdinals(): Promise<void> {
    const bytes = Buffer.allocUnsafe(this.ordinals.length * ORDINAL_BYTES);
    for (const [position, ordinal] of this.ordinals.entries()) bytes.writeUInt32LE(ordinal, position * ORDINAL_BYTES);
    await this.round.writeFile(this.folder.ordinals, bytes);
  }
}

/** Writes requests into parts, one after another, each as full as the limits allow. */
export class PartsWriter {
  private readonly parts: PlannedPart[] = [];
  private current: PartWriter | undefined;

  /**
   * @param round the round's folder.
   * @param folderOf where in it a part goes.
   */
  constructor(
    private readonly round: NewFolder,
    private readonly folderOf: (part: number) => PartFolder,
    private readonly limits: PartLimits,
  ) {}

  /**
   * @param ordinal the request's position in the whole input.
   * @param line its input line, as it was.
   * @param request what that line says.
   */
  async add(ordinal: number, line: Buffer, request: RequestLine): Promise<void> {
    if (!this.current?.fits(request.sent)) {
      await this.finishCurrent();
      this.current = await PartWriter.begin(this.round, this.folderOf(this.parts.length + 1), this.limits);
    }
    await this.current.add(ordinal, line, request);
  }

  async finish(): Promise<PlannedPart[]> {
    await this.finishCurrent();
    return this.parts;
  }

  /** Closes what is open, where the plan comes to nothing. */
  async abandon(): Promise<void> {
    await this.current?.abandon();
  }

  private async finishCurrent(): Promise<void> {
    if (this.current) this.parts.push(await this.current.finish());
    this.current = undefined;
  }
}
