import { MAX_BATCH_BODY_BYTES, MAX_REQUESTS_PER_BATCH } from '../contract';
import type { LineProblem, RequestLine } from './request-line';

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

/** Bytes of the bodies of some parts beyond those of their requests. */
export function bodyOverhead(requests: number, parts: number): number {
  return parts * EMPTY_BODY_BYTES + (requests - parts) * BODY_SEPARATOR.length;
}

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

/** What parts may cost, in any unit. */
export interface PartBudget {
  /** Of one request. @param use `bytes` of the request as it is sent. */
  costOf(use: { model: string; bytes: number; maxTokens: number }): number;
  /** What a part may cost; a single request may exceed it. */
  mostOf(part: number): number;
}

/** A part is closed when the next request does not fit. */
export class PartSize {
  requests = 0;
  bodyBytes = EMPTY_BODY_BYTES;
  private cost = 0;

  constructor(
    readonly part: number,
    private readonly limits: PartLimits,
    private readonly budget?: PartBudget,
  ) {}

  /** @returns false, and counts nothing, where the request does not fit any more. */
  take({ sent, facts }: Pick<RequestLine, 'sent' | 'facts'>): boolean {
    const bodyBytes = this.bodyBytes + sent.length + (this.requests > 0 ? BODY_SEPARATOR.length : 0);
    const cost = this.budget ? this.cost + this.budget.costOf({ model: facts.model ?? '', bytes: sent.length, maxTokens: facts.maxTokens }) : 0;
    const isFull = this.requests >= this.limits.maxRequests || bodyBytes > this.limits.maxBodyBytes || (this.budget !== undefined && cost > this.budget.mostOf(this.part));
    if (isFull && this.requests > 0) return false;
    this.requests++;
    this.bodyBytes = bodyBytes;
    this.cost = cost;
    return true;
  }
}
