/** Pages of batches, newest first, and all of them in the direction asked for. */
import type { MessageBatch } from '@anthropic-ai/sdk/resources/messages/batches';
import type { Answer } from './answer';
import { BATCHES_PATH, buildCall, checkId, type CallOptions, type CallShape } from './call';
import { refuseUnknown } from './known-options';
import { InvalidAnswerError, InvalidRequestError } from './errors';
import type { Query } from './query';
import type { ResponseHeaders } from './retry-hints';
import { isMessageBatchPage, type MessageBatchPage } from './shapes';
import type { Transport } from './transport';

export interface ListParams {
  /** Batches on one page, 1 to 1,000; the API's default is 20. */
  limit?: number | undefined;
  /** The page right after this batch: older ones. */
  afterId?: string | undefined;
  /** The page right before this batch: newer ones. */
  beforeId?: string | undefined;
}

const MAX_LIMIT = 1000;

/** One page of batches, newest first, and the way to the pages after it in the direction that was asked for. */
export class MessageBatchesPage implements Answer<MessageBatchPage>, AsyncIterable<MessageBatch> {
  readonly data: MessageBatchPage;
  declare readonly requestId?: string;
  declare readonly serverTime?: Date;
  declare readonly retryAfterMs?: number;
  readonly simulated: boolean;
  readonly headers: ResponseHeaders;
  readonly #listing: Listing;
  readonly #number: number;

  /** @param number of this page in its listing, from 1 */
  constructor(answer: Answer<MessageBatchPage>, listing: Listing, number: number) {
    const { data, simulated, headers, ...told } = answer;
    this.data = data;
    this.simulated = simulated;
    this.headers = headers;
    Object.assign(this, told);
    this.#listing = listing;
    this.#number = number;
  }

  /** Whether the API says that there are more batches in this direction. */
  hasNextPage(): boolean {
    return this.data.has_more;
  }

  /**
   * The page after this one: older batches, or with `beforeId` newer ones.
   * @throws InvalidAnswerError where this page promises more and leads nowhere; InvalidRequestError where it is the last
   */
  async getNextPage(): Promise<MessageBatchesPage> {
    if (!this.hasNextPage()) throw new InvalidRequestError('list: there is no further page; ask hasNextPage() first.');
    return this.#listing.page(this.#number + 1, this.#nextCursor());
  }

  /** This page and all further ones, which are asked for as they are needed. */
  iterPages(): AsyncGenerator<MessageBatchesPage, void, undefined> {
    return pagesFrom(this);
  }

  /** All batches of this page and of all further ones, which are asked for as they are needed. */
  [Symbol.asyncIterator](): AsyncGenerator<MessageBatch, void, undefined> {
    return batchesFrom(this);
  }

  #nextCursor(): string {
    const { data, first_id, last_id } = this.data;
    const cursor = this.#listing.newer ? (first_id ?? data[0]?.id) : (last_id ?? data.at(-1)?.id);
    // Going on would ask for the same page for ever.
    const problem = data.length === 0 || cursor === undefined ? 'is empty' : this.#listing.wasAskedFor(cursor, this.#number) ? `leads back to ${cursor}` : undefined;
    if (problem === undefined) return cursor!;
    const request = this.requestId === undefined ? '' : ` (request ${this.requestId})`;
    throw new InvalidAnswerError(`list: page ${this.#number} says that there are more batches but ${problem}${request}. Stopped there; what was listed before is good.`, {
      requestId: this.requestId,
    });
  }
}

async function* pagesFrom(page: MessageBatchesPage): AsyncGenerator<MessageBatchesPage, void, undefined> {
  for (let current = page; ; current = await current.getNextPage()) {
    yield current;
    if (!current.hasNextPage()) return;
  }
}

async function* batchesFrom(first: MessageBatchesPage): AsyncGenerator<MessageBatch, void, undefined> {
  for await (const page of pagesFrom(first)) yield* page.data.data;
}

/** What all pages of one listing have in common. */
class Listing {
  readonly newer: boolean;
  /** By cursor, the number of the page that was asked for with it. */
  readonly #pageOf = new Map<string, number>();

  constructor(
    private readonly transport: Transport,
    private readonly params: ListParams,
    private readonly options: CallOptions,
  ) {
    this.newer = params.beforeId !== undefined;
  }

  /** @param cursor where the page begins; default: where the caller wants the listing to begin */
  async page(number: number, cursor?: string): Promise<MessageBatchesPage> {
    const { limit } = this.params;
    const params = cursor === undefined ? this.params : { limit, ...(this.newer ? { beforeId: cursor } : { afterId: cursor }) };
    const shape: CallShape = { name: 'list', method: 'GET', path: BATCHES_PATH, accept: 'application/json', query: queryOf(params) };
    const call = buildCall(this.transport.settings, shape, this.options);
    const asked = params.beforeId ?? params.afterId;
    if (asked !== undefined && !this.#pageOf.has(asked)) this.#pageOf.set(asked, number);
    return new MessageBatchesPage(await this.transport.call(call, isMessageBatchPage), this, number);
  }

  /** Whether a cursor led to a page up to this number already. */
  wasAskedFor(cursor: string, number: number): boolean {
    return (this.#pageOf.get(cursor) ?? Infinity) <= number;
  }
}

/** @see MessageBatchesApi.list */
export async function listPage(transport: Transport, params: ListParams = {}, options: CallOptions = {}): Promise<MessageBatchesPage> {
  return new Listing(transport, params, options).page(1);
}

/** @see MessageBatchesApi.listAll */
export async function* listAll(transport: Transport, params?: ListParams, options?: CallOptions): AsyncGenerator<MessageBatch, void, undefined> {
  yield* await listPage(transport, params, options);
}

/** @throws InvalidRequestError */
const LIST_PARAMS = { limit: true, afterId: true, beforeId: true } as const satisfies Record<keyof ListParams, true>;

function queryOf(params: ListParams): Query {
  refuseUnknown('list', params, LIST_PARAMS);
  const { limit, afterId, beforeId } = params;
  if (limit !== undefined && !(Number.isInteger(limit) && limit >= 1 && limit <= MAX_LIMIT)) {
    throw new InvalidRequestError(`list: limit is a whole number from 1 to ${MAX_LIMIT}.`);
  }
  if (afterId !== undefined && beforeId !== undefined) throw new InvalidRequestError('list: only one of afterId and beforeId can be given, for they name opposite directions.');
  const query: Query = {};
  if (limit !== undefined) query['limit'] = limit;
  if (afterId !== undefined) query['after_id'] = checkId(afterId, 'afterId');
  if (beforeId !== undefined) query['before_id'] = checkId(beforeId, 'beforeId');
  return query;
}
