/** The Message Batches API: six calls, with errors that say what is known. */
import { inspect } from 'node:util';
import type { DeletedMessageBatch, MessageBatch } from '@anthropic-ai/sdk/resources/messages/batches';
import type { Answer } from './answer';
import { jsonMembers, type BodyFields } from './body-fields';
import { batchPath, buildCall, type Call, type CallOptions, type CallShape } from './call';
import { createMessageBatch, type CreateOptions } from './create';
import type { CreateBody } from './create-body';
import { listAll, listPage, type ListParams, type MessageBatchesPage } from './list';
import { openResults, type ResultsOptions } from './results';
import type { ResultsStream } from './results-stream';
import { Settings, type ApiOptions } from './settings';
import { isDeletedMessageBatch, isMessageBatch } from './shapes';
import { Transport } from './transport';

export interface CancelOptions extends CallOptions {
  /** Fields of a JSON body. Without any, a cancel has no body. */
  bodyFields?: BodyFields;
}

/**
 * A client of the Message Batches API. It reads nothing from the environment (see `apiOptionsFromEnv`), and logs
 * nothing unless `hooks` do.
 *
 * Every call rejects with ApiError (an error that was answered), ConnectionError or TimeoutError (no whole answer),
 * InvalidAnswerError (an answer that is none), InvalidRequestError (refused before any HTTP), CredentialError (no token was
 * to be had), or, where its signal was aborted, with the signal's own reason. All but create are made again after passing failures, `maxRetries` times.
 *
 * Source of calls and fields: https://platform.claude.com/docs/en/api/messages/batches
 */
export class MessageBatchesApi {
  readonly #settings: Settings;
  readonly #transport: Transport;

  /** @throws InvalidRequestError where an option cannot be used; no secret is repeated in its message */
  constructor(options: ApiOptions = {}) {
    this.#settings = new Settings(options);
    this.#transport = new Transport(this.#settings);
  }

  /**
   * Creates a batch, and pays for it. The body goes over a connection of its own; its last byte is held back until the
   * deadline is seen, on the wall clock and on the monotonic one, not to have passed; at the deadline the connection is reset.
   * Made again only where none of the body can have been read (refused connection, DNS), or where the API answered 429 or
   * 409 and the body can be read again (not `chunks`); and only where `maxRetries` is above 0. Where the credential is a
   * function, also once after a 401, with another token and a body that can be read again.
   * After any rejection with `outcomeKnown` not true (an abort included, once the call had begun) a batch may exist.
   * @throws also DeadlinePassedError and RequestBodyError: no batch was made
   */
  async create(body: CreateBody, options?: CreateOptions): Promise<Answer<MessageBatch>> {
    this.#transport.assertOpen();
    return createMessageBatch(this.#settings, body, options);
  }

  /** Retrieves a batch. A NotFoundError is not final shortly after its creation. */
  async retrieve(id: string, options: CallOptions = {}): Promise<Answer<MessageBatch>> {
    return this.#transport.call(this.#call({ name: 'retrieve', method: 'GET', path: batchPath(id), batchId: id }, options), isMessageBatch);
  }

  /**
   * One page of batches, newest first. `for await` over it gives the batches of all further pages as well;
   * `hasNextPage` and `getNextPage` go page by page.
   */
  async list(params?: ListParams, options?: CallOptions): Promise<MessageBatchesPage> {
    return listPage(this.#transport, params, options);
  }

  /**
   * All batches: older and older ones, or with `beforeId` newer and newer pages. Within a page newest first.
   * @throws InvalidAnswerError where a page promises more and leads nowhere
   */
  listAll(params?: ListParams, options?: CallOptions): AsyncGenerator<MessageBatch, void, undefined> {
    return listAll(this.#transport, params, options);
  }

  /** Asks the API to cancel a batch. It becomes `ended` later and may have partial results. */
  async cancel(id: string, options: CancelOptions = {}): Promise<Answer<MessageBatch>> {
    const members = jsonMembers(options.bodyFields);
    const body = members === '' ? {} : { body: `{${members}}`, headers: { 'content-type': 'application/json' } };
    return this.#transport.call(this.#call({ name: 'cancel', method: 'POST', path: batchPath(id, '/cancel'), batchId: id, ...body }, options), isMessageBatch);
  }

  /** Deletes an ended batch and its results. */
  async delete(id: string, options: CallOptions = {}): Promise<Answer<DeletedMessageBatch>> {
    return this.#transport.call(this.#call({ name: 'delete', method: 'DELETE', path: batchPath(id), batchId: id }, options), isDeletedMessageBatch);
  }

  /** Opens the results of an ended batch; resolves when the headers have come. */
  async results(id: string, options?: ResultsOptions): Promise<ResultsStream> {
    return openResults(this.#transport, id, options);
  }

  /** Frees the connections; calls under way end with an error, a create that is under way is left to end. */
  async close(): Promise<void> {
    await this.#transport.close();
  }

  /** `close`, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  [inspect.custom](): string {
    return `MessageBatchesApi { baseUrl: '${this.#settings.origin}${this.#settings.basePath}' }`;
  }

  #call(shape: Omit<CallShape, 'accept'>, options: CallOptions): Call {
    return buildCall(this.#settings, { ...shape, accept: 'application/json' }, options);
  }
}
