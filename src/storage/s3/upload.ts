import { parseS3 } from '../location';
import type { ByteSink, Replacement } from '../store';
import { call, putObject, typeOf } from './objects';

/** Bytes of one part. At most two are in memory: one on its way, one that is being filled. */
const PART_BYTES = 8 * 1024 * 1024;
/** After so many parts they become twice as long, since S3 takes 10,000 at most: some 300 GB in all. */
const PARTS_OF_ONE_LENGTH = 2_500;

/** Begins to write an object that appears, whole, when it is committed. What is short is one call, what is long a multipart upload. */
export function openObjectReplacement(location: string): Replacement {
  const upload = new ObjectUpload(location);
  return { writer: upload, commit: () => upload.commit(), discard: () => upload.discard() };
}

/** The bytes of an object as they come. An error of a part comes out of the next call, and of all after it. */
export class ObjectUpload implements ByteSink {
  private pending: Buffer[] = [];
  private pendingBytes = 0;
  private readonly parts: { PartNumber: number; ETag: string | undefined }[] = [];
  private begun = 0;
  private uploadId: string | undefined;
  private underWay: Promise<void> = Promise.resolve();
  private error: unknown;
  private ended = false;

  bytes = 0;

  constructor(private readonly location: string) {}

  async append(bytes: Buffer): Promise<void> {
    this.bytes += bytes.length;
    this.pending.push(bytes);
    this.pendingBytes += bytes.length;
    if (this.pendingBytes >= PART_BYTES * 2 ** Math.floor(this.begun / PARTS_OF_ONE_LENGTH)) await this.startPart();
    else this.throwIfFailed();
  }

  /** Makes the object appear, in place of an earlier one. */
  async commit(): Promise<void> {
    if (this.begun === 0) {
      await putObject(this.location, this.take());
      this.ended = true;
      return;
    }
    if (this.pendingBytes > 0) await this.startPart();
    await this.underWay;
    this.throwIfFailed();
    const { bucket, key } = parseS3(this.location);
    await call('write', this.location, ({ client, sdk }) =>
      client.send(new sdk.CompleteMultipartUploadCommand({ Bucket: bucket, Key: key, UploadId: this.uploadId, MultipartUpload: { Parts: this.parts } })),
    );
    this.ended = true;
  }

  /** Takes back what is uploaded; does nothing after `commit`. Never rejects: what stays, a lifecycle rule of the bucket can remove. */
  async discard(): Promise<void> {
    if (this.ended) return;
    this.ended = true;
    this.take();
    await this.underWay;
    if (this.uploadId === undefined) return;
    const { bucket, key } = parseS3(this.location);
    await call('write', this.location, ({ client, sdk }) => client.send(new sdk.AbortMultipartUploadCommand({ Bucket: bucket, Key: key, UploadId: this.uploadId }))).catch(() => undefined);
  }

  /** Waits for the part under way, then sends the next one without waiting for it. */
  private async startPart(): Promise<void> {
    await this.underWay;
    this.throwIfFailed();
    const number = ++this.begun;
    const bytes = this.take();
    this.underWay = this.sendPart(number, bytes).catch((error: unknown) => {
      this.error = error;
    });
  }

  private async sendPart(number: number, body: Buffer): Promise<void> {
    const { bucket, key } = parseS3(this.location);
    await call('write', this.location, async ({ client, sdk }) => {
      this.uploadId ??= (await client.send(new sdk.CreateMultipartUploadCommand({ Bucket: bucket, Key: key, ContentType: typeOf(key) }))).UploadId;
      const sent = await client.send(new sdk.UploadPartCommand({ Bucket: bucket, Key: key, UploadId: this.uploadId, PartNumber: number, Body: body }));
      // The server may ask for the part's checksum again at the end, where the SDK has sent one.
      this.parts.push({ PartNumber: number, ETag: sent.ETag, ...checksumsOf(sent) });
    });
  }

  private take(): Buffer {
    const bytes = this.pending.length === 1 ? this.pending[0]! : Buffer.concat(this.pending, this.pendingBytes);
    this.pending = [];
    this.pendingBytes = 0;
    return bytes;
  }

  private throwIfFailed(): void {
    if (this.error !== undefined) throw this.error;
  }
}

interface Checksums {
  ChecksumCRC32?: string;
  ChecksumCRC32C?: string;
  ChecksumCRC64NVME?: string;
  ChecksumSHA1?: string;
  ChecksumSHA256?: string;
}

function checksumsOf({ ChecksumCRC32, ChecksumCRC32C, ChecksumCRC64NVME, ChecksumSHA1, ChecksumSHA256 }: Checksums): Checksums {
  return { ChecksumCRC32, ChecksumCRC32C, ChecksumCRC64NVME, ChecksumSHA1, ChecksumSHA256 };
}
