/** Tells the hooks of a client what becomes of one call. */
import type { Call } from './call';
import { givenHeaders, isSecretName, mergeHeaders, type GivenHeaders } from './headers';
import type { ApiHooks, CallEvent } from './hooks';
import type { WireResponse } from './response-body';
import type { Settings } from './settings';

/** Hooks of which one threw already: that is said once. */
const warnedOf = new WeakSet<ApiHooks>();

export class CallObserver {
  readonly #settings: Settings;
  readonly #call: Call;
  readonly #began = performance.now();
  #attempt = 0;
  #attemptBegan = 0;
  #answer: { status: number; requestId?: string } | undefined;
  #isOver = false;

  constructor(settings: Settings, call: Call) {
    this.#settings = settings;
    this.#call = call;
  }

  /** An attempt begins. @returns its headers, with those that the hook adds */
  request(headers: Record<string, string>): Record<string, string> {
    this.#attempt++;
    this.#attemptBegan = performance.now();
    const added = this.#tell('onRequest', () => ({ headers: this.#masked(headers) }));
    return typeof added === 'object' && added !== null ? this.#withAdded(headers, added as GivenHeaders) : headers;
  }

  /** The headers of an answer came. */
  response({ status, headers }: WireResponse): void {
    const requestId = headers['request-id'];
    this.#answer = { status, ...(requestId !== undefined && { requestId }) };
    this.#tell('onResponse', () => ({ ...this.#answer!, headers: this.#masked(headers), durationMs: performance.now() - this.#attemptBegan }));
  }

  retry(error: unknown, delayMs: number): void {
    this.#tell('onRetry', () => ({ error, delayMs }));
  }

  /** The call ended with an error; whatever comes later is not told. */
  failed(error: unknown): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#tell('onError', () => ({ error, durationMs: performance.now() - this.#began }));
  }

  /** The call ended well. @param bytes of the body that were read */
  ended(bytes: number): void {
    if (this.#isOver || this.#answer === undefined) return;
    this.#isOver = true;
    this.#tell('onEnd', () => ({ ...this.#answer!, bytes, durationMs: performance.now() - this.#began }));
  }

  /** Calls a hook. What goes wrong in it stays there: a create least of all may end otherwise because of it. */
  #tell<Name extends keyof ApiHooks>(name: Name, details: () => Omit<Parameters<NonNullable<ApiHooks[Name]>>[0], keyof CallEvent>): unknown {
    const { hooks } = this.#settings;
    try {
      const hook = hooks[name] as ((event: object) => unknown) | undefined;
      if (!hook) return undefined;
      const result = hook.call(hooks, { ...this.#common(), ...details() });
      if (!isThenable(result)) return result;
      Promise.resolve(result).catch((error: unknown) => this.#warn(name, error));
    } catch (error) {
      this.#warn(name, error);
    }
    return undefined;
  }

  #common(): CallEvent {
    const { id, name, method, path, batchId } = this.#call;
    const { origin, basePath } = this.#settings;
    const url = this.#settings.redact(origin + basePath + maskedQuery(path));
    return { callId: id, call: name, method, url, ...(batchId !== undefined && { batchId }), attempt: Math.max(this.#attempt, 1) };
  }

  #masked(headers: Readonly<Record<string, string>>): Record<string, string> {
    // The target of a redirect may be a signed URL.
    const isSecret = (name: string, value: string) => isSecretName(name) || name === 'location' || this.#settings.redact(value) !== value;
    return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, isSecret(name, value) ? '[redacted]' : value]));
  }

  #withAdded(headers: Record<string, string>, added: GivenHeaders): Record<string, string> {
    try {
      const given = givenHeaders(added);
      this.#settings.rememberSecrets(given);
      return mergeHeaders(given, headers);
    } catch (error) {
      this.#warn('onRequest', error);
      return headers;
    }
  }

  #warn(name: keyof ApiHooks, error: unknown): void {
    const { hooks } = this.#settings;
    if (warnedOf.has(hooks)) return;
    warnedOf.add(hooks);
    const { what, stack } = described(error);
    process.emitWarning(this.#settings.redact(`The hook ${name} of MessageBatchesApi failed (${what}). The call went on without it; no further warning will be given.`), {
      type: 'MessageBatchesApiHookWarning',
      ...(stack !== undefined && { detail: this.#settings.redact(stack) }),
    });
  }
}

/** A promise of whatever library or realm. */
function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function';
}

/** An error of somebody else's: whatever it has may be anything, or throw when it is read. */
function described(error: unknown): { what: string; stack?: string } {
  try {
    if (!(error instanceof Error)) return { what: 'something that is no Error' };
    const { stack } = error;
    return { what: `${error.name}: ${error.message}`, ...(typeof stack === 'string' && { stack }) };
  } catch {
    return { what: 'an error that cannot be read' };
  }
}

/** Without the values of parameters that are credentials by their names. */
function maskedQuery(path: string): string {
  return path.replace(/([?&])([^=&]*)=[^&]*/g, (pair, before: string, name: string) => (isSecretName(name) ? `${before}${name}=[redacted]` : pair));
}
