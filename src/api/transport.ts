/** Sends the calls that may be repeated, over kept-alive connections. `create.ts` has a connection of its own. */
import { Agent, type Dispatcher } from 'undici';
import { orAborted } from './abort';
import { readAnswer, readError, type Answer } from './answer';
import type { Call } from './call';
import { noAnswerError } from './connection-failure';
import { InvalidRequestError } from './errors';
import { isRedirect, redirectTarget, refusedRedirect } from './redirects';
import { wireResponse, type WireResponse } from './response-body';
import { withRetries } from './retry';
import type { Settings } from './settings';

/** How long a connection may take to come about, ms. */
export const CONNECT_TIMEOUT_MS = 10_000;

const MOST_REDIRECTS = 5;

export class Transport {
  #agent: Agent | undefined;
  #closed = false;

  constructor(readonly settings: Settings) {}

  /** Makes a call, again after passing failures, and reads its JSON. */
  async call<T>(call: Call, isExpected: (value: unknown) => value is T): Promise<Answer<T>> {
    return this.repeat(call, async () => readAnswer(await this.open(call), { call, settings: this.settings }, isExpected));
  }

  /** Repeats an attempt at a call as the settings allow. */
  async repeat<T>(call: Call, attempt: () => Promise<T>): Promise<T> {
    return withRetries(attempt, { maxRetries: this.settings.maxRetries, signal: call.signal });
  }

  /**
   * Sends a call once, follows redirects of a GET within the same origin, and resolves when the headers of a success have come.
   * @throws ApiError for every other status, ConnectionError, TimeoutError, or the signal's reason
   */
  async open(call: Call): Promise<WireResponse> {
    const asked = { call, settings: this.settings };
    let path = this.settings.basePath + call.path;
    for (let redirects = 0; ; redirects++) {
      const response = await this.#send(call, path);
      if (response.status >= 200 && response.status < 300) return response;
      if (!isRedirect(response)) throw await readError(response, asked);
      const target = redirectTarget(response, this.settings.origin + path);
      const refusal = this.#whyNotFollowed(call, target, redirects);
      if (refusal !== undefined || !target) throw await readError(response, asked, refusedRedirect(target, refusal ?? 'it does not say where to'));
      response.body.destroy();
      path = target.pathname + target.search;
    }
  }

  /** @throws InvalidRequestError after `close` */
  assertOpen(): void {
    if (this.#closed) throw new InvalidRequestError('This client is closed; make a new one.');
  }

  /** Frees the connections; calls under way end with an error. A dispatcher of the caller's own is left alone. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#agent?.destroy();
  }

  async #send(call: Call, path: string): Promise<WireResponse> {
    this.assertOpen();
    call.signal?.throwIfAborted();
    const { settings } = this;
    try {
      const response = await orAborted(
        this.#dispatcher().request({
          origin: settings.origin,
          path,
          method: call.method,
          headers: call.headers,
          signal: call.signal,
          headersTimeout: settings.timeoutMs,
          bodyTimeout: settings.idleTimeoutMs,
        }),
        call.signal,
      );
      return wireResponse(response);
    } catch (error) {
      call.signal?.throwIfAborted();
      throw noAnswerError(error, { call, origin: settings.origin });
    }
  }

  #whyNotFollowed(call: Call, target: URL | undefined, redirects: number): string | undefined {
    if (call.method !== 'GET') return 'a call that changes something is not sent elsewhere';
    if (target && target.origin !== this.settings.origin) return 'the credential would go to another origin';
    return redirects >= MOST_REDIRECTS ? 'there were too many already' : undefined;
  }

  #dispatcher(): Dispatcher {
    return this.settings.dispatcher ?? (this.#agent ??= new Agent({ connect: { timeout: CONNECT_TIMEOUT_MS } }));
  }
}
