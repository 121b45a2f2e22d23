import { BODY_END, BODY_SEPARATOR, BODY_START } from './part-size';

/** Large enough for few calls, small enough to hold little back. */
const CHUNK_BYTES = 256 * 1024;

/** Puts requests together to a create body, in chunks. What is hashed when a part is planned and what is sent come from here. */
export class BodyAssembler {
  private pieces: Buffer[] = [BODY_START];
  private pieceBytes = BODY_START.length;
  private requests = 0;

  /** Adds a request. @returns a chunk of the body once there is enough for one. */
  add(sent: Buffer): Buffer | undefined {
    if (this.requests++ > 0) this.push(BODY_SEPARATOR);
    this.push(sent);
    return this.pieceBytes >= CHUNK_BYTES ? this.take() : undefined;
  }

  /** @returns the last chunk. */
  end(): Buffer {
    this.push(BODY_END);
    return this.take();
  }

  private push(piece: Buffer): void {
    this.pieces.push(piece);
    this.pieceBytes += piece.length;
  }

  private take(): Buffer {
    const chunk = Buffer.concat(this.pieces, this.pieceBytes);
    this.pieces = [];
    this.pieceBytes = 0;
    return chunk;
  }
}
