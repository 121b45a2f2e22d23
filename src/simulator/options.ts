/** What a simulator is started with, and what of it can be changed while it runs. */

export interface SimulatorOptions extends Partial<AdjustableOptions> {
  /** Batches and faults live here; a simulator that is started with the same folder goes on with them. */
  folder: string;
  /** Default 0: any free port. The host is always 127.0.0.1. */
  port?: number;
  /** Stands before every path, as behind a gateway: `/some/path`. Default: none. It is part of the simulator's `url`. */
  pathPrefix?: string;
  /** The clock, in ms since 1970; default `Date.now`. For tests of what takes a day. */
  now?: () => number;
}

/** What can be changed at run time, by `Simulator.setOptions` or `POST /simulator/options`. */
export interface AdjustableOptions {
  /** How long a batch is processed, in ms. Default 3000. 0: the answer to create already says `ended`. Infinity: until `endBatch`. Frozen for a batch when it is accepted. */
  processingMs: number;
  /** How long a batch stays in `canceling`, in ms. Default 300. Frozen for a batch when it is accepted. */
  cancelingMs: number;
  /** Share of the requests (0 to 1) that end as `errored` with `invalid_request_error`. Default 0, as the next two. */
  erroredShare: number;
  /** Share of the requests that end as `errored` with `overloaded_error`. */
  overloadedShare: number;
  /** Share of the requests that end as `expired`. */
  expiredShare: number;
  /** The shares apply to the first so many times that a `custom_id` is accepted. Default 1; Infinity: always. */
  faultyAttempts: number;
  /** Answers to the first 60 characters of a prompt are short; this pads each one to so many characters. Default 0. */
  answerBytes: number;
  /** Multiplies the tokens that results report as used. Default 1. */
  usageFactor: number;
  /** `retry-after` on a 200 that shows a batch in progress. Default: none. */
  retryAfterSeconds?: number;
  /** Moves `request_counts` while a batch is in progress. Default false: everything is `processing` until the end. */
  countsMoveEarly: boolean;
  /** Base of `results_url`, for what stands before the simulator, or for a client that must not follow it. Default: the simulator's own `url`. */
  resultsUrlBase?: string;
  /** Answers 400 to calls that are not of the beta form (`?beta=true` and `anthropic-beta: message-batches-2024-09-24`). Default false. */
  requiresBetaForm: boolean;
  /** ETag, Range and If-Range on results. Default false. */
  supportsRange: boolean;
  /** Compresses results for clients that accept gzip. Default false. */
  gzipResults: boolean;
  /** Most bytes of results a second, for each call. Default: as fast as possible. */
  resultsBytesPerSecond?: number;
  /** Calls of all kinds a minute; beyond it 429 with `retry-after`. Default: any number. */
  requestsPerMinute?: number;
  /** Requests in batches that have not ended; a create beyond it is answered 429. Default: any number. */
  queueLimit?: number;
  /** Most bytes of a create's body, as something before the API may limit them; beyond it 413. Default: the API's 256 MB. */
  maxBodyBytes?: number;
  /** Credentials that are accepted. Default: every one that is not empty. Never written to disk. */
  keys?: string[];
}

const DEFAULTS: AdjustableOptions = {
  processingMs: 3000,
  cancelingMs: 300,
  erroredShare: 0,
  overloadedShare: 0,
  expiredShare: 0,
  faultyAttempts: 1,
  answerBytes: 0,
  usageFactor: 1,
  countsMoveEarly: false,
  requiresBetaForm: false,
  supportsRange: false,
  gzipResults: false,
};

type Rule = (value: unknown) => string | undefined;

const RULES: Record<keyof AdjustableOptions, Rule> = {
  processingMs: number(0, Infinity),
  cancelingMs: number(0, Infinity),
  erroredShare: number(0, 1),
  overloadedShare: number(0, 1),
  expiredShare: number(0, 1),
  faultyAttempts: number(0, Infinity),
  answerBytes: number(0, 100_000_000),
  usageFactor: number(0, 1_000_000),
  retryAfterSeconds: optional(number(0, Infinity)),
  countsMoveEarly: flag,
  resultsUrlBase: optional(url),
  requiresBetaForm: flag,
  supportsRange: flag,
  gzipResults: flag,
  resultsBytesPerSecond: optional(number(1, Infinity)),
  requestsPerMinute: optional(number(1, Infinity)),
  queueLimit: optional(number(0, Infinity)),
  maxBodyBytes: optional(number(1, Infinity)),
  keys: optional(listOfStrings),
};

/**
 * The options after a change. What is undefined in `changes` stays as it is; null takes an optional one away.
 * @throws RangeError that names the option and what it may be.
 */
export function changeOptions(changes: Record<string, unknown>, current: AdjustableOptions = DEFAULTS): AdjustableOptions {
  const next: AdjustableOptions = { ...current };
  for (const [name, value] of Object.entries(changes)) {
    if (value === undefined) continue;
    if (!isAdjustable(name)) {
      throw new RangeError(`The simulator has no option ${name}. It has: ${Object.keys(RULES).join(', ')}.`);
    }
    const problem = RULES[name](value);
    if (problem) throw new RangeError(`The simulator's option ${name} must be ${problem}, not ${JSON.stringify(value)}.`);
    Object.assign(next, { [name]: value ?? undefined });
  }
  if (next.erroredShare + next.overloadedShare + next.expiredShare > 1) {
    throw new RangeError('The simulator\'s options erroredShare, overloadedShare and expiredShare must not be more than 1 together.');
  }
  return next;
}

/** @throws RangeError */
export function checkPathPrefix(prefix: string): string {
  if (!/^(\/[\w.~-]+)*$/.test(prefix)) throw new RangeError(`The simulator's option pathPrefix must be like /some/path, not ${JSON.stringify(prefix)}.`);
  return prefix;
}

function isAdjustable(name: string): name is keyof AdjustableOptions {
  return Object.hasOwn(RULES, name);
}

function number(least: number, most: number): Rule {
  const range = most === Infinity ? `a number from ${least}` : `a number from ${least} to ${most}`;
  return (value) => (typeof value === 'number' && value >= least && value <= most ? undefined : range);
}

function optional(rule: Rule): Rule {
  return (value) => (value === null ? undefined : rule(value));
}

function flag(value: unknown): string | undefined {
  return typeof value === 'boolean' ? undefined : 'true or false';
}

function url(value: unknown): string | undefined {
  return typeof value === 'string' && URL.canParse(value) ? undefined : 'a URL';
}

function listOfStrings(value: unknown): string | undefined {
  return Array.isArray(value) && value.every((item) => typeof item === 'string') ? undefined : 'a list of strings';
}
