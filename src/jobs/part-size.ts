import { MAX_BATCH_BODY_BYTES, MAX_REQUESTS_PER_BATCH } from '../contract';
import type { LineProblem } from './request-line';

/** What one part may hold. */
export interface PartLimits {
  maxRequests: number;
  /** Of the create body. */
  maxBodyBytes: number;
}

export const BODY_START = Buffer.from('{"requests":[');
export const BODY_SEPARATOR = Buffer.from(',');
export const BODY_END = Buffer.from(']}');
const EMPTY_BODY_BYTES = BODY_START.length + BODY_END.length;

/** The API's limits where no smaller ones are given. */
export function partLimits(options: Partial<PartLimits>): PartLimits {
  return {
    maxRequests: Math.min(options.maxRequests ?? MAX_REQUESTS_PER_BATCH, MAX_REQUESTS_PER_BATCH),
    maxBodyBytes: Math.min(options.maxBodyBytes ?? MAX_BATCH_BODY_BYTES, MAX_BATCH_BODY_BYTES),
  };
}

/** What is wrong with a request that fits no part; undefined where it fits one. */
export function sizeProblem(sentBytes: number, { maxBodyBytes }: PartLimits): LineProblem | undefined {
  if (sentBytes + EMPTY_BODY_BYTES <= maxBodyBytes) return undefined;
  return { message: `The request has ${sentBytes} bytes; a batch may have ${maxBodyBytes} in all.`, hint: 'Shorten it, or upload large content and refer to it.' };
}

/** Cuts requests into parts in their order: a part is closed when the next request does not fit. */
export class PartSize {
  requests = 0;
  bodyBytes = EMPTY_BODY_BYTES;

  constructor(private readonly limits: PartLimits) {}

  fits(sentBytes: number): boolean {
    return this.requests < this.limits.maxRequests && this.grown(sentBytes) <= this.limits.maxBodyBytes;
  }

  add(sentBytes: number): void {
    this.bodyBytes = this.grown(sentBytes);
    this.requests++;
  }

  private grown(sentBytes: number): number {
    return this.bodyBytes + sentBytes + (this.requests > 0 ? BODY_SEPARATOR.length : 0);
  }
}
