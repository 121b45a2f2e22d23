/** Hooks that write a line for each event. */
import { ApiError } from './api-error';
import { InvalidRequestError, MessageBatchesError } from './errors';
import type { ApiHooks, CallEvent, ErrorEvent, RetryEvent } from './hooks';
import { printable } from './printable';

/** From the one that writes most to the one that writes nothing. */
export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'off'] as const;

/**
 * `error`: errors that end a call. `warn`: also attempts that failed and are made again. `info`: also a line for each
 * answer. `debug`: also each request and the headers, without credentials, and how much was read.
 */
export type LogLevel = (typeof LOG_LEVELS)[number];

/**
 * Hooks that write one line for each event: no bodies, no credentials.
 * @param write gets a line without its line feed. Default: it goes to stderr
 * @throws InvalidRequestError where there is no such level
 */
export function logHooks(level: LogLevel, write: (line: string) => void = toStderr): ApiHooks {
  if (!LOG_LEVELS.includes(level)) throw new InvalidRequestError(`logHooks: the level is one of ${LOG_LEVELS.join(', ')}.`);
  const line = (text: string) => {
    write(printable(text));
  };
  const isAtLeast = (least: LogLevel) => LOG_LEVELS.indexOf(level) <= LOG_LEVELS.indexOf(least);
  const hooks: ApiHooks = {};
  if (isAtLeast('error')) {
    hooks.onError = (event) => line(`${errorText(event)} ${event.attempt === 1 ? 'Ended' : `Gave up in attempt ${event.attempt},`} after ${ms(event.durationMs)}.`);
  }
  if (isAtLeast('warn')) {
    hooks.onRetry = (event) => line(`${errorText(event)} That was attempt ${event.attempt}; the next one is made in ${ms(event.delayMs)}.`);
  }
  if (isAtLeast('info')) {
    hooks.onResponse = (event) => {
      const request = event.requestId === undefined ? '' : ` (${event.requestId})`;
      const headers = level === 'debug' ? `: ${JSON.stringify(event.headers)}` : '';
      line(`${subject(event)} ${event.status} in ${ms(event.durationMs)}${request}${headers}`);
    };
  }
  if (isAtLeast('debug')) {
    hooks.onRequest = (event) => line(`${subject(event)} attempt ${event.attempt}: ${event.method} ${event.url} ${JSON.stringify(event.headers)}`);
    hooks.onEnd = (event) => line(`${subject(event)} ended: ${event.bytes} bytes read, ${ms(event.durationMs)} in all`);
  }
  return hooks;
}

/** An error of stderr without a listener would end the process, creates under way included, only because nobody reads the log. */
function toStderr(line: string): void {
  if (!process.stderr.listeners('error').includes(ignore)) process.stderr.on('error', ignore);
  process.stderr.write(`${line}\n`);
}

function ignore(): void {}

function subject(event: CallEvent): string {
  return event.batchId === undefined ? event.call : `${event.call} ${event.batchId}`;
}

/**
 * Errors of this client hold no content. What the API said may repeat some of a request, and the reason of an abort is the
 * caller's own: neither is written.
 */
function errorText(event: ErrorEvent | RetryEvent): string {
  if (event.error instanceof ApiError) {
    const { status, type, requestId } = event.error;
    return `${subject(event)}: ${[status, type].join(' ').trim()}${requestId === undefined ? '' : ` (${requestId})`}.`;
  }
  if (event.error instanceof MessageBatchesError) return /[.!?]$/.test(event.error.message) ? event.error.message : `${event.error.message}.`;
  return `${subject(event)}: stopped by the caller (${event.error instanceof Error ? event.error.name : typeof event.error}).`;
}

function ms(milliseconds: number): string {
  return `${Math.round(milliseconds)} ms`;
}
