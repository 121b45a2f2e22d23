/** How the caller identifies itself: a key or token that stays the same, or a function that gives a fresh one for every attempt. */
import { orAborted } from './abort';
import { describeCall, type Call } from './call';
import { CredentialError, InvalidRequestError } from './errors';
import { checkHeaderValue } from './headers';
import type { Secrets } from './secrets';

/** Sent as `Authorization: Bearer …` or as `x-api-key: …`. */
export interface Credential {
  kind: 'bearer' | 'x-api-key';
  /** The token itself, or what gives it. */
  token: string | TokenProvider;
}

/**
 * Gives the token for one attempt at a call. It is asked before every attempt, so it should keep what it has as long as
 * that is good: the client keeps no token. After a 401 it is asked once more; where it then gives another token, the call is
 * made once more. What it throws becomes the cause of a CredentialError.
 * @param options `refresh` is true after a 401: the token that it gave last was refused, and what it keeps is no good.
 * `signal` is aborted when the call no longer waits: because of the caller, of `timeoutMs`, or of the deadline of a create
 */
export type TokenProvider = (options: { refresh: boolean; signal?: AbortSignal }) => string | Promise<string>;

/** The credential of a client. */
export class CredentialSource {
  readonly headerName: 'authorization' | 'x-api-key';
  /** Whether asking again can give another token. */
  readonly isDynamic: boolean;
  readonly #token: string | TokenProvider;
  readonly #secrets: Secrets;

  /** @throws InvalidRequestError */
  constructor({ kind, token }: Credential, secrets: Secrets) {
    if (kind !== 'bearer' && kind !== 'x-api-key') throw new InvalidRequestError('credential.kind is "bearer" or "x-api-key".');
    this.headerName = kind === 'bearer' ? 'authorization' : 'x-api-key';
    this.isDynamic = typeof token === 'function';
    this.#token = token;
    this.#secrets = secrets;
    if (typeof token === 'function') return;
    if (typeof token !== 'string' || token.trim() === '') throw new InvalidRequestError('credential.token is empty.');
    checkHeaderValue(this.headerName, this.headerValue(token));
    secrets.add(token);
  }

  /**
   * The token for the next attempt at a call.
   * @param refresh the last one was refused
   * @param timeoutMs how long the function may take; undefined: until the signal is aborted
   * @throws CredentialError, or the signal's own reason at once when that is aborted
   */
  async token(call: Call, { refresh, signal, timeoutMs }: { refresh: boolean; signal?: AbortSignal; timeoutMs?: number }): Promise<string> {
    const provider = this.#token;
    if (typeof provider !== 'function') return provider;
    const token = await this.#ask((stop) => provider({ refresh, signal: stop }), call, { signal, timeoutMs });
    if (typeof token !== 'string' || token.trim() === '') throw new CredentialError(`${describeCall(call)}: the function that gives the credential gave no token`);
    try {
      checkHeaderValue(this.headerName, this.headerValue(token));
    } catch {
      throw new CredentialError(`${describeCall(call)}: the function that gives the credential gave a token with characters that HTTP does not allow, such as a line break`);
    }
    this.#secrets.addPassing(token);
    return token;
  }

  headerValue(token: string): string {
    return this.headerName === 'authorization' ? `Bearer ${token}` : token;
  }

  async #ask(provider: (stop: AbortSignal) => unknown, call: Call, { signal, timeoutMs }: { signal?: AbortSignal; timeoutMs?: number }): Promise<unknown> {
    signal?.throwIfAborted();
    const stop = new AbortController();
    const what = `${describeCall(call)}: the function that gives the credential`;
    const tooLate = () => stop.abort(new CredentialError(`${what} took longer than ${timeoutMs} ms`));
    const timer = timeoutMs === undefined ? undefined : setTimeout(tooLate, timeoutMs);
    const onAbort = () => stop.abort(signal?.reason);
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      // `async`, so that what it throws at once is a rejection as well.
      return await orAborted((async () => provider(stop.signal))(), stop.signal);
    } catch (error) {
      stop.signal.throwIfAborted();
      // What it said is left to the cause: it may hold anything.
      throw new CredentialError(`${what} failed${codeOf(error)}`, { cause: error });
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
    }
  }
}

/** The credential of one call over its attempts. */
export class CallCredential {
  readonly #source: CredentialSource | undefined;
  readonly #call: Call;
  readonly #timeoutMs: number | undefined;
  #token: string | undefined;
  /** A token that was asked for after a 401 and not used yet. */
  #renewed: string | undefined;
  #mayRenew: boolean;

  /**
   * @param source undefined where the call needs none, or has one of its own in its headers
   * @param timeoutMs how long the function that gives it may take; undefined: until the signal is aborted
   */
  constructor(source: CredentialSource | undefined, call: Call, timeoutMs: number | undefined) {
    this.#source = source;
    this.#call = call;
    this.#timeoutMs = timeoutMs;
    this.#mayRenew = source?.isDynamic === true;
  }

  /** All headers of the next attempt. */
  async headers(signal: AbortSignal | undefined): Promise<Record<string, string>> {
    if (!this.#source) return this.#call.headers;
    this.#token = this.#renewed ?? (await this.#source.token(this.#call, { refresh: false, signal, timeoutMs: this.#timeoutMs }));
    this.#renewed = undefined;
    return { ...this.#call.headers, [this.#source.headerName]: this.#source.headerValue(this.#token) };
  }

  /** After a 401: whether there is another token, so that one more attempt makes sense. True at most once. */
  async renew(signal: AbortSignal | undefined): Promise<boolean> {
    if (!this.#source || !this.#mayRenew) return false;
    this.#mayRenew = false;
    const token = await this.#source.token(this.#call, { refresh: true, signal, timeoutMs: this.#timeoutMs });
    if (token === this.#token) return false;
    this.#renewed = token;
    return true;
  }
}

/** The code of an error alone, such as ENOENT, where it has one. */
function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | null | undefined)?.code;
  return typeof code === 'string' && /^[A-Z][A-Z0-9_]{1,40}$/.test(code) ? ` (${code})` : '';
}
