/** Sends the calls that may be repeated, over kept-alive connections. `create.ts` has a connection of its own. */
import { Agent, buildConnector, errors, type Dispatcher } from 'undici';
import { orAborted } from './abort';
import { makeAttempts, type Attempt } from './attempts';
import { readAnswer, readError, type Answer } from './answer';
import type { Call } from './call';
import { withOrderlyEnd } from './connection-end';
import { noAnswerError } from './connection-failure';
import { InvalidRequestError } from './errors';
import { proxyAgent } from './proxy-agent';
import { isRedirect, redirectTarget, refusedRedirect } from './redirects';
import { isSuccess, wireResponse, type WireResponse } from './response-body';
import type { Settings } from './settings';

/** How long a connection may take to come about, ms. */
export const CONNECT_TIMEOUT_MS = 10_000;

const MOST_REDIRECTS = 5;

/** A dispatcher of the caller's own that follows redirects would take the credential along to any host. */
export const NOT_ELSEWHERE = { maxRedirections: 0 };

export class Transport {
  #agent: Dispatcher | undefined;
  #closed = false;

  constructor(readonly settings: Settings) {}

  /** Makes a call, again after passing failures, and reads its JSON. */
  async call<T>(call: Call, isExpected: (value: unknown) => value is T): Promise<Answer<T>> {
    return this.repeat(call, async (attempt) => readAnswer(await this.open(call, attempt), { call, settings: this.settings, observer: attempt.observer }, isExpected));
  }

  /** Repeats an attempt at a call as the call allows. */
  async repeat<T>(call: Call, attempt: (attempt: Attempt) => Promise<T>): Promise<T> {
    this.assertOpen();
    // After `close` the failure of the last attempt says more than that the client is closed.
    return makeAttempts(this.settings, call, attempt, { mayRetry: (error) => error.retryable && !this.#closed, credentialTimeoutMs: call.timeoutMs });
  }

  /**
   * Sends an attempt at a call, follows redirects of a GET within the same origin, and resolves when the headers of a success have come.
   * @throws ApiError for every other status, ConnectionError, TimeoutError, or the signal's reason
   */
  async open(call: Call, attempt: Attempt): Promise<WireResponse> {
    const asked = { call, settings: this.settings, observer: attempt.observer };
    let path = this.settings.basePath + call.path;
    for (let redirects = 0; ; redirects++) {
      const response = await this.#send(call, attempt, path);
      if (isSuccess(response)) return response;
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

  async #send(call: Call, attempt: Attempt, path: string): Promise<WireResponse> {
    this.assertOpen();
    call.signal?.throwIfAborted();
    const { settings } = this;
    let response: WireResponse;
    const began = performance.now();
    try {
      const asking = orAborted(
        this.#dispatcher().request({
          origin: settings.origin,
          path,
          method: call.method,
          headers: attempt.headers,
          body: call.body,
          signal: call.signal,
          headersTimeout: call.timeoutMs,
          bodyTimeout: call.idleTimeoutMs,
          ...NOT_ELSEWHERE,
          onInfo: () => {
            // undici begins to wait anew with each.
            if (performance.now() - began > call.timeoutMs) throw new errors.HeadersTimeoutError();
          },
        }),
        call.signal,
      );
      response = wireResponse(await asking, settings);
    } catch (error) {
      call.signal?.throwIfAborted();
      throw noAnswerError(error, { call, origin: settings.origin });
    }
    attempt.observer.response(response);
    return response;
  }

  #whyNotFollowed(call: Call, target: URL | undefined, redirects: number): string | undefined {
    if (call.method !== 'GET') return 'a call that changes something is not sent elsewhere';
    if (target && target.origin !== this.settings.origin) return 'the credential would go to another origin';
    return redirects >= MOST_REDIRECTS ? 'there were too many already' : undefined;
  }

  #dispatcher(): Dispatcher {
    return this.settings.dispatcher ?? (this.#agent ??= ownAgent(this.settings));
  }
}

/** The client's own connections, through its proxy where it has one. */
function ownAgent({ proxy, timeoutMs }: Settings): Dispatcher {
  const connect = { timeout: CONNECT_TIMEOUT_MS };
  if (!proxy) return new Agent({ connect: withOrderlyEnd(buildConnector(connect)) });
  return proxyAgent(proxy, { connect: buildConnector(connect), requestTls: connect, tunnelTimeoutMs: Math.min(CONNECT_TIMEOUT_MS, timeoutMs) });
}
