/** Turns what undici, TLS, DNS and zlib throw into errors that tell a person what happened. */
import { errors } from 'undici';
import { changesSomething, describeCall, unknownOutcomeAdvice, type Call } from './call';
import { ConnectionError, TimeoutError, type MessageBatchesError, type Sent } from './errors';
import { ProxyFailure } from './proxy-agent';

/** Where a call stood when it failed. */
export interface Failure {
  call: Pick<Call, 'name' | 'method' | 'batchId'>;
  origin: string;
  /** How much of the request may have arrived; where absent, the kind of failure tells. */
  sent?: Sent;
  requestId?: string;
}

/** Failures before any request is written: no such host, refused, no route, TLS refused. */
const NOTHING_SENT = new Set([
  'ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EAI_FAIL', 'EAI_NODATA', 'EHOSTUNREACH', 'ENETUNREACH', 'EHOSTDOWN', 'EADDRNOTAVAIL', 'UND_ERR_CONNECT_TIMEOUT',
]);
/** The server's certificate is not trusted: calling again does not help. */
const CERTIFICATE = /^(ERR_TLS_|CERT_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_)/;
const UNTRUSTED = ' The certificate is not trusted; where it belongs to a gateway or proxy of your own, name its authority in NODE_EXTRA_CA_CERTS.';
/** Node's own code for a proxy that answers CONNECT with an error. */
const PROXY_REFUSED = 'ERR_PROXY_TUNNEL';

/** The error for a call that got no answer at all. */
export function noAnswerError(error: unknown, failure: Failure): MessageBatchesError {
  if (error instanceof ProxyFailure) return proxyRefusedError(error, failure);
  const code = codeOf(error);
  const untrusted = CERTIFICATE.test(code);
  const sent = failure.sent ?? (NOTHING_SENT.has(code) || untrusted ? 'nothing' : 'maybe');
  const details = detailsOf(failure, sent, code);
  const what = describeCall(failure.call);
  if (sent === 'nothing') {
    return new ConnectionError(`${what}: no connection to ${failure.origin} (${code}); nothing was sent.${untrusted ? UNTRUSTED : ''}`, { ...details, retryable: !untrusted });
  }
  if (error instanceof errors.HeadersTimeoutError) {
    return new TimeoutError(`${what}: ${failure.origin} took the request but gave no answer in time.${advice(failure, sent)}`, { ...details, waitingFor: 'headers' });
  }
  return new ConnectionError(`${what}: the connection to ${failure.origin} was lost before an answer (${code}).${advice(failure, sent)}`, details);
}

/** The error for a call that got no further than the proxy. */
function proxyRefusedError({ host, reason }: ProxyFailure, { call, origin }: Failure): ConnectionError {
  const details = { sent: 'nothing', outcomeKnown: true } as const;
  const what = `${describeCall(call)}: the proxy ${host}`;
  if ('status' in reason) {
    const { status } = reason;
    // 401 is what some proxies answer in place of 407.
    const hint = status === 407 || status === 401 ? ' It wants other credentials; they belong into its URL, as http://user:password@host.' : '';
    // A proxy that is busy, or does not reach the API, may do so later; one that forbids it will not.
    const retryable = status >= 500 || status === 408 || status === 429;
    return new ConnectionError(`${what} refused to connect to ${origin}: it answered ${status}; nothing was sent.${hint}`, { ...details, retryable, code: PROXY_REFUSED });
  }
  const code = codeOf(reason.cause);
  const untrusted = CERTIFICATE.test(code);
  return new ConnectionError(`${what} refused, or could not be reached (${code}); nothing was sent.${untrusted ? UNTRUSTED : ''}`, { ...details, retryable: !untrusted, code });
}

/** The error for an answer whose body stood still. */
export function stalledBodyError(failure: Failure, bytesRead?: number): TimeoutError {
  const details = detailsOf(failure, failure.sent ?? 'maybe', 'UND_ERR_BODY_TIMEOUT');
  return new TimeoutError(`${describeCall(failure.call)}: the answer stood still${bytesRead === undefined ? '' : ` after ${bytesRead} bytes`}.${advice(failure, details.sent)}`, {
    ...details,
    waitingFor: 'body',
  });
}

/** The error for an answer whose body was cut off, or damaged on its way. */
export function cutBodyError(error: unknown, failure: Failure, bytesRead: number): ConnectionError {
  const code = codeOf(error);
  const details = detailsOf(failure, failure.sent ?? 'maybe', code);
  return new ConnectionError(`${describeCall(failure.call)}: the answer was cut off after ${bytesRead} bytes (${code}).${advice(failure, details.sent)}`, details);
}

/** The error for an answer of which the deadline of a create took the rest. */
export function answerTooLateError(failure: Failure, deadline: Date, waitingFor: 'headers' | 'body'): TimeoutError {
  const details = detailsOf(failure, 'maybe', undefined);
  return new TimeoutError(
    `${describeCall(failure.call)}: the whole body was sent, but no answer came before the deadline ${deadline.toISOString()}.${advice(failure, 'maybe')}`,
    { ...details, waitingFor },
  );
}

export function isBodyTimeout(error: unknown): boolean {
  return error instanceof errors.BodyTimeoutError;
}

function detailsOf(failure: Failure, sent: Sent, code: string | undefined) {
  const outcomeKnown = sent !== 'maybe' || !changesSomething(failure.call);
  return { sent, code, requestId: failure.requestId, outcomeKnown, retryable: outcomeKnown || failure.call.name !== 'create' };
}

function advice(failure: Failure, sent: Sent): string {
  if (!changesSomething(failure.call)) return '';
  if (sent === 'incomplete') return ' The last bytes had not been sent, so no batch was made.';
  return unknownOutcomeAdvice(failure.call);
}

/** A code, never a message: undici's and TLS's messages can hold bytes of the answer. */
function codeOf(error: unknown): string {
  // What the system said goes before what undici calls it.
  if (error instanceof errors.SocketError && error.cause !== undefined) return codeOf(error.cause);
  const { code, name } = (error ?? {}) as { code?: unknown; name?: unknown };
  return typeof code === 'string' ? code : typeof name === 'string' ? name : 'unknown error';
}
