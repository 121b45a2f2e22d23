/** Ids that look like the API's own. */
import { randomBytes } from 'node:crypto';

const ALPHABET = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';

export function newBatchId(): string {
  return `msgbatch_01${randomText(22)}`;
}

export function newRequestId(): string {
  return `req_01${randomText(22)}`;
}

/** Id of the message that answers one request of a batch: the same whenever the same results are made again. */
export function messageId(batchId: string, index: number): string {
  return `msg_01${batchId.slice(-16)}${index.toString(36).padStart(6, '0')}`;
}

/** Id that an errored result of a batch carries. */
export function resultRequestId(batchId: string, index: number): string {
  return `req_01${batchId.slice(-16)}${index.toString(36).padStart(6, '0')}`;
}

function randomText(length: number): string {
  let text = '';
  for (const byte of randomBytes(length)) text += ALPHABET[byte % ALPHABET.length];
  return text;
}
