/** Makes the attempts of a call: each with a credential of its own, and again where that is safe. */
import { AuthenticationError } from './api-error';
import type { Call } from './call';
import { CallObserver } from './call-observer';
import { CallCredential } from './credential';
import { withRetries, type RetryPolicy } from './retry';
import type { Settings } from './settings';

/** One attempt at a call. */
export interface Attempt {
  /** All headers, with the credential. */
  headers: Record<string, string>;
  /** The same for all attempts at a call; is to be told of answers, and of the end of the last one. */
  observer: CallObserver;
}

export interface AttemptPolicy extends RetryPolicy {
  /** Whether an attempt that was refused with 401 can be made again: not where its body is used up. Default: it can. */
  isRepeatable?: boolean;
  /** Runs the wait for a credential with a signal that ends it. Default: the signal of the call. */
  bound?: <R>(work: (signal?: AbortSignal) => Promise<R>) => Promise<R>;
  /** How long the function that gives the credential may take, in ms. Default: as long as `bound` lets it. */
  credentialTimeoutMs?: number | undefined;
}

/**
 * Runs `attempt` until it succeeds, fails for good, or was made again as often as the call allows. A 401 to the token of
 * a function is worth one further attempt where the function then gives another token: nothing was done.
 */
export async function makeAttempts<T>(settings: Settings, call: Call, attempt: (attempt: Attempt) => Promise<T>, policy: AttemptPolicy = {}): Promise<T> {
  const credential = new CallCredential(settings.credentialFor(call), call, policy.credentialTimeoutMs);
  const bound = policy.bound ?? ((work) => work(call.signal));
  const observer = new CallObserver(settings, call);
  const releases: (() => void)[] = [];
  const once = async () => {
    const headers = observer.request(await bound((signal) => credential.headers(signal)));
    releases.push(settings.holdSecrets(call, headers));
    return attempt({ headers, observer });
  };
  const withFreshToken = async () => {
    try {
      return await once();
    } catch (error) {
      if (!(error instanceof AuthenticationError) || policy.isRepeatable === false || !(await bound((signal) => credential.renew(signal)))) throw error;
      observer.retry(error, 0);
      return once();
    }
  };
  try {
    return await withRetries(withFreshToken, call, { ...policy, onRetry: (error, delayMs) => observer.retry(error, delayMs) });
  } catch (error) {
    observer.failed(error);
    throw error;
  } finally {
    for (const release of releases) release();
  }
}
