import { ByteBlocks } from './byte-blocks';
import { BODY_END, BODY_SEPARATOR, BODY_START } from './part-size';

/** Puts requests together to a create body, in chunks. What is hashed when a part is planned and what is sent come from here. */
export class BodyAssembler {
  private readonly blocks: ByteBlocks;
  private requests = 0;

  /** @param reusing a chunk is the caller's only until it adds more. */
  constructor(reusing = false) {
    this.blocks = new ByteBlocks(reusing);
    this.blocks.add(BODY_START);
  }

  /** Adds a request. @returns a chunk of the body once there is enough for one. */
  add(sent: Buffer): Buffer | undefined {
    return this.requests++ > 0 ? this.blocks.add(BODY_SEPARATOR, sent) : this.blocks.add(sent);
  }

  /** @returns the last chunk. */
  end(): Buffer {
    const full = this.blocks.add(BODY_END);
    const rest = this.blocks.end();
    return full ? Buffer.concat([full, rest]) : rest;
  }
}
