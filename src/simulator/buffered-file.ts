/** A new file that is written in large pieces, whatever it is given. */
import { open, type FileHandle } from 'node:fs/promises';

const FLUSH_BYTES = 128 * 1024;
/** The operating system takes at most 1,024 pieces in one call. */
const MAX_PIECES = 1024;

export class BufferedFile {
  private pieces: Buffer[] = [];
  private bytes = 0;
  private writing: Promise<void> = Promise.resolve();

  private constructor(private readonly file: FileHandle) {}

  /** @throws if the file exists. */
  static async create(path: string): Promise<BufferedFile> {
    return new BufferedFile(await open(path, 'wx', 0o600));
  }

  append(piece: Buffer): void {
    this.pieces.push(piece);
    this.bytes += piece.length;
  }

  /** Begins to write where much has gathered; waits only for the piece before, so that disk and caller work side by side. */
  async flushIfLarge(): Promise<void> {
    if (this.bytes >= FLUSH_BYTES) await this.beginWriting();
  }

  /** Writes what is left and closes. */
  async close(): Promise<void> {
    await this.beginWriting();
    await this.writing;
    await this.file.close();
  }

  /** Closes without writing what is left. */
  async abandon(): Promise<void> {
    await this.writing.catch(() => undefined);
    await this.file.close();
  }

  private async beginWriting(): Promise<void> {
    await this.writing;
    const { pieces, bytes } = this;
    this.pieces = [];
    this.bytes = 0;
    if (bytes === 0) return;
    this.writing = writeFully(this.file, pieces.length > MAX_PIECES ? [Buffer.concat(pieces, bytes)] : pieces, bytes);
    // Whoever waits next gets the error; until then it is not unhandled.
    this.writing.catch(() => undefined);
  }
}

async function writeFully(file: FileHandle, pieces: Buffer[], bytes: number): Promise<void> {
  const { bytesWritten } = await file.writev(pieces);
  if (bytesWritten === bytes) return;
  // Short writes are rare (a disk that fills up, a signal); FileHandle.writeFile goes on from the current position until done.
  await file.writeFile(Buffer.concat(pieces, bytes).subarray(bytesWritten));
}
