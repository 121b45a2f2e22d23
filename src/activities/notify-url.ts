import { Agent, buildConnector, request, type Dispatcher } from 'undici';
import { basicAuthorization, proxyFor, proxyFromEnv } from '../api/proxy';
import { proxyAgent } from '../api/proxy-agent';
import type { Notice } from '../jobs';
import { NotifyFailure } from './notify-failure';

/** For all of it, from the connection to the answer. */
const TIMEOUT_MS = 20_000;

/** Answers after which the same may go well later; so may 5xx. */
const PASSING_STATUSES = new Set([408, 425, 429]);

/**
 * Posts a notice to a URL: JSON, with its id as header too. Needs an answer 2xx; redirects are not followed. Nothing of the API's
 * credentials is sent; what the URL has of its own goes as `Authorization: Basic`.
 * @throws NotifyFailure; the signal's reason as it is.
 */
export async function notifyUrl(target: string, notice: Notice, { signal, timeoutMs = TIMEOUT_MS }: { signal: AbortSignal; timeoutMs?: number }): Promise<void> {
  if (!URL.canParse(target)) throw new NotifyFailure('not a URL', false);
  const url = new URL(target);
  const authorization = credentialsOf(url);
  url.username = url.password = '';
  const timeout = AbortSignal.timeout(timeoutMs);
  const dispatcher = dispatcherFor(url, timeoutMs);
  try {
    const { statusCode, body } = await request(url, {
      method: 'POST',
      dispatcher,
      headers: { 'content-type': 'application/json', 'user-agent': 'temporal-message-batches', 'idempotency-key': notice.id, ...(authorization && { authorization }) },
      body: JSON.stringify(notice),
      signal: AbortSignal.any([signal, timeout]),
    });
    body.on('error', () => undefined).destroy();
    if (statusCode < 200 || statusCode > 299) throw refusal(statusCode);
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof NotifyFailure) throw error;
    if (timeout.aborted) throw new NotifyFailure(`no answer within ${timeoutMs} ms`, true, { cause: error });
    // Messages may repeat the URL; codes do not.
    const { code } = error as NodeJS.ErrnoException;
    throw new NotifyFailure(`it cannot be reached (${typeof code === 'string' ? code : 'no connection'})`, true, { cause: error });
  } finally {
    await dispatcher.destroy();
  }
}

function credentialsOf(url: URL): string | undefined {
  try {
    return basicAuthorization(url);
  } catch {
    throw new NotifyFailure('its user or password is not percent-encoded as URLs have it', false);
  }
}

function refusal(status: number): NotifyFailure {
  const redirect = status >= 300 && status < 400 ? ': redirects are not followed' : '';
  return new NotifyFailure(`it answered ${status}${redirect}`, status >= 500 || PASSING_STATUSES.has(status));
}

/** Through the proxy of the environment, where there is one for this URL. */
function dispatcherFor(url: URL, timeoutMs: number): Dispatcher {
  const proxy = proxyFor(proxyFromEnv(process.env) ?? {}, url.origin);
  if (!proxy) return new Agent({ connect: { timeout: timeoutMs } });
  const connect = { timeout: timeoutMs };
  return proxyAgent(proxy, { connect: buildConnector(connect), requestTls: connect, tunnelTimeoutMs: timeoutMs });
}
