import { createHash } from 'node:crypto';
import type { ByteSink } from '../storage';

/** Passes bytes on, and knows the hash of all that went through. */
export class HashedSink implements ByteSink {
  private readonly hash = createHash('sha256');

  constructor(private readonly sink: ByteSink) {}

  get bytes(): number {
    return this.sink.bytes;
  }

  append(bytes: Buffer): Promise<void> {
    this.hash.update(bytes);
    return this.sink.append(bytes);
  }

  /** Hex SHA-256, in the end. */
  sha256(): string {
    return this.hash.digest('hex');
  }
}
