import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import type { Payload, PayloadCodec } from '@temporalio/common';

const ENCRYPTED = 'binary/encrypted';

/**
 * Of a worker of somebody else's. What is `{"encoding", "data"}` goes out with that encoding and those bytes, as from converters that only
 * other languages have; what says `secret` is encrypted, and nobody else has the key.
 */
export class ForeignCodec implements PayloadCodec {
  private readonly key = randomBytes(32);

  async encode(payloads: Payload[]): Promise<Payload[]> {
    return payloads.map((payload) => {
      const text = Buffer.from(payload.data ?? []).toString();
      if (text.startsWith('{"encoding"')) {
        const { encoding, data } = JSON.parse(text) as { encoding: string; data: string };
        return { metadata: { encoding: Buffer.from(encoding) }, data: Buffer.from(data) };
      }
      return text.includes('secret') ? this.encrypted(text) : payload;
    });
  }

  async decode(payloads: Payload[]): Promise<Payload[]> {
    return payloads.map((payload) => (Buffer.from(payload.metadata?.['encoding'] ?? []).toString() === ENCRYPTED ? this.decrypted(payload) : payload));
  }

  private encrypted(text: string): Payload {
    const iv = randomBytes(12);
    const cipher = createCipheriv('aes-256-gcm', this.key, iv);
    const data = Buffer.concat([iv, cipher.update(text), cipher.final(), cipher.getAuthTag()]);
    return { metadata: { encoding: Buffer.from(ENCRYPTED) }, data };
  }

  private decrypted(payload: Payload): Payload {
    const data = Buffer.from(payload.data ?? []);
    const cipher = createDecipheriv('aes-256-gcm', this.key, data.subarray(0, 12)).setAuthTag(data.subarray(-16));
    return { metadata: { encoding: Buffer.from('json/plain') }, data: Buffer.concat([cipher.update(data.subarray(12, -16)), cipher.final()]) };
  }
}
