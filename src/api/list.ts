/** Pages of batches, newest first, and all of them in the direction asked for. */
import type { MessageBatch } from '@anthropic-ai/sdk/resources/messages/batches';
import type { Answer } from './answer';
import { BATCHES_PATH, encodeId, type Call, type CallOptions } from './call';
import { InvalidAnswerError, InvalidRequestError } from './errors';
import { isMessageBatchPage, type MessageBatchPage } from './shapes';
import type { Transport } from './transport';

export interface ListParams {
  /** Batches on one page, 1 to 1,000; the API's default is 20. */
  limit?: number;
  /** The page right after this batch: older ones. */
  afterId?: string;
  /** The page right before this batch: newer ones. */
  beforeId?: string;
}

const MAX_LIMIT = 1000;

/** @see MessageBatchesApi.list */
export async function listPage(transport: Transport, params: ListParams = {}, options: CallOptions = {}): Promise<Answer<MessageBatchPage>> {
  const call: Call = {
    name: 'list',
    method: 'GET',
    path: BATCHES_PATH + query(params),
    headers: transport.settings.headers(options, { accept: 'application/json' }),
    signal: options.signal,
  };
  return transport.call(call, isMessageBatchPage);
}

/** @see MessageBatchesApi.listAll */
export async function* listAll(transport: Transport, params: ListParams = {}, options: CallOptions = {}): AsyncGenerator<MessageBatch, void, undefined> {
  const newer = params.beforeId !== undefined;
  const seen = new Set<string>([params.beforeId ?? params.afterId ?? '']);
  let next = params;
  for (let number = 1; ; number++) {
    const { data: page, requestId } = await listPage(transport, next, options);
    yield* page.data;
    if (!page.has_more) return;
    const cursor = newer ? (page.first_id ?? page.data[0]?.id) : (page.last_id ?? page.data.at(-1)?.id);
    // Going on would ask for the same page for ever.
    const problem = page.data.length === 0 ? 'is empty' : cursor === undefined || seen.has(cursor) ? `leads back to ${cursor}` : undefined;
    if (problem !== undefined) {
      const request = requestId === undefined ? '' : ` (request ${requestId})`;
      throw new InvalidAnswerError(`list: page ${number} says that there are more batches but ${problem}${request}. Stopped there; what was listed before is good.`, { requestId });
    }
    seen.add(cursor!);
    next = { limit: params.limit, ...(newer ? { beforeId: cursor } : { afterId: cursor }) };
  }
}

function query({ limit, afterId, beforeId }: ListParams): string {
  if (limit !== undefined && !(Number.isInteger(limit) && limit >= 1 && limit <= MAX_LIMIT)) {
    throw new InvalidRequestError(`list: limit is a whole number from 1 to ${MAX_LIMIT}.`);
  }
  if (afterId !== undefined && beforeId !== undefined) throw new InvalidRequestError('list: only one of afterId and beforeId can be given, for they name opposite directions.');
  const parts: string[] = [];
  if (limit !== undefined) parts.push(`limit=${limit}`);
  if (afterId !== undefined) parts.push(`after_id=${encodeId(afterId, 'afterId')}`);
  if (beforeId !== undefined) parts.push(`before_id=${encodeId(beforeId, 'beforeId')}`);
  return parts.length === 0 ? '' : `?${parts.join('&')}`;
}
