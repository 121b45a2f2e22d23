/** Checks the options of the client and keeps them: where calls go, how long they may take, and what identifies the caller. */
import type { Dispatcher } from 'undici';
import { DEFAULT_BASE_URL } from '../contract/data';
import type { CallOptions } from './call';
import { InvalidRequestError } from './errors';

/** How the caller identifies itself: `Authorization: Bearer …` or `x-api-key: …`. */
export interface Credential {
  kind: 'bearer' | 'x-api-key';
  token: string;
}

export interface ApiOptions {
  /** Default `https://api.anthropic.com`. May have a path prefix; may not hold credentials. */
  baseUrl?: string;
  /** Without one, no credential is sent, unless `headers` hold it. */
  credential?: Credential;
  /** `anthropic-version`. Default `2023-06-01`. */
  apiVersion?: string;
  /** Beta names, sent with every call as `anthropic-beta`. */
  betas?: string[];
  /** How long an answer may take to begin, ms. Default 60,000. A create has its own deadline. */
  timeoutMs?: number;
  /** How long the body of an answer may stand still while it is being read, ms. Default 60,000. */
  idleTimeoutMs?: number;
  /** How often a call is made again after a passing failure. Default 2; 0 where Temporal retries. */
  maxRetries?: number;
  /** Connections of the caller's own (a proxy, say). It is not closed by the client. */
  dispatcher?: Dispatcher;
  /** Sent with every call; they replace the client's own headers of the same name (`anthropic-beta` adds to them). */
  headers?: Record<string, string>;
}

export const DEFAULT_API_VERSION = '2023-06-01';
const DEFAULT_TIMEOUT_MS = 60_000;
const DEFAULT_IDLE_TIMEOUT_MS = 60_000;
const DEFAULT_MAX_RETRIES = 2;
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Framing and routing are the client's own business; a wrong one would break the promises of create. */
const RESERVED_HEADERS = new Set(['host', 'connection', 'content-length', 'transfer-encoding', 'expect', 'upgrade', 'keep-alive', 'accept-encoding', 'range', 'if-range']);
const SECRET_HEADER = /auth|key|token|secret|cookie|password/i;
const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9a-z-]+$/i;
const HEADER_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
/** Anything shorter is no secret, and blotting it out would make messages unreadable. */
const SHORTEST_SECRET = 8;

export class Settings {
  /** Scheme, host and port. */
  readonly origin: string;
  /** Path prefix without a trailing slash, often empty. */
  readonly basePath: string;
  readonly timeoutMs: number;
  readonly idleTimeoutMs: number;
  readonly maxRetries: number;
  readonly dispatcher: Dispatcher | undefined;
  readonly #apiVersion: string;
  readonly #betas: string[];
  readonly #headers: Record<string, string> = {};
  readonly #secrets: string[] = [];

  constructor(options: ApiOptions = {}) {
    const base = parseBaseUrl(options.baseUrl);
    this.origin = base.origin;
    this.basePath = base.pathname.replace(/\/+$/, '');
    this.timeoutMs = wholeNumber('timeoutMs', options.timeoutMs ?? DEFAULT_TIMEOUT_MS, 1, LONGEST_TIMER_MS);
    this.idleTimeoutMs = wholeNumber('idleTimeoutMs', options.idleTimeoutMs ?? DEFAULT_IDLE_TIMEOUT_MS, 1, LONGEST_TIMER_MS);
    this.maxRetries = wholeNumber('maxRetries', options.maxRetries ?? DEFAULT_MAX_RETRIES, 0, 100);
    this.dispatcher = options.dispatcher;
    this.#apiVersion = options.apiVersion || DEFAULT_API_VERSION;
    this.#betas = [...(options.betas ?? [])];
    if (options.credential) this.#addCredential(options.credential);
    for (const [name, value] of Object.entries(options.headers ?? {})) this.#addHeader(name, value);
  }

  /** Headers of one call. Later ones win, whatever the case of their names. */
  headers(call: CallOptions, more: Record<string, string>): Record<string, string> {
    const headers: Record<string, string> = { 'user-agent': 'temporal-message-batches', 'anthropic-version': call.apiVersion || this.#apiVersion };
    const betas = [...new Set([...this.#betas, ...(call.betas ?? [])])];
    if (betas.length > 0) headers['anthropic-beta'] = betas.join(',');
    Object.assign(headers, more, this.#headers);
    for (const [name, value] of Object.entries(headers)) checkHeader(name, value);
    return headers;
  }

  /** Replaces every credential in a text that came from outside, for it may be an echo. */
  redact(text: string): string {
    return this.#secrets.reduce((clean, secret) => clean.replaceAll(secret, '[redacted]'), text);
  }

  #addCredential({ kind, token }: Credential): void {
    if (kind !== 'bearer' && kind !== 'x-api-key') throw new InvalidRequestError('credential.kind is "bearer" or "x-api-key".');
    if (typeof token !== 'string' || token.trim() === '') throw new InvalidRequestError('credential.token is empty.');
    if (kind === 'bearer') this.#addHeader('authorization', `Bearer ${token}`);
    else this.#addHeader('x-api-key', token);
  }

  #addHeader(name: string, value: string): void {
    checkHeader(name, value);
    const lowerCase = name.toLowerCase();
    if (RESERVED_HEADERS.has(lowerCase)) throw new InvalidRequestError(`The header ${lowerCase} is set by the client and cannot be given.`);
    if (lowerCase === 'anthropic-beta') {
      this.#betas.push(...value.split(',').map((beta) => beta.trim()));
      return;
    }
    this.#headers[lowerCase] = value;
    if (!SECRET_HEADER.test(lowerCase)) return;
    // With "Bearer x" both the whole and x are secret. The longest goes first, or a rest of it would stay.
    const secrets = [value, value.replace(/^\S+\s+/, '')].filter((secret) => secret.length >= SHORTEST_SECRET);
    this.#secrets.push(...secrets);
    this.#secrets.sort((one, other) => other.length - one.length);
  }
}

function parseBaseUrl(value: string | undefined): URL {
  const text = value?.trim() || DEFAULT_BASE_URL;
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    // The text is not repeated: what is no URL may well be a key in the wrong variable.
    throw new InvalidRequestError(`The base URL is not a URL. It looks like ${DEFAULT_BASE_URL}.`);
  }
  if (url.protocol !== 'https:' && url.protocol !== 'http:') {
    throw new InvalidRequestError(`The base URL begins with ${url.protocol} but must begin with https: or http:.`);
  }
  if (url.username !== '' || url.password !== '') {
    throw new InvalidRequestError(`The base URL of ${url.host} holds credentials. URLs end up in logs: use ANTHROPIC_API_KEY, ANTHROPIC_AUTH_TOKEN or a header instead.`);
  }
  if (url.search !== '' || url.hash !== '') {
    throw new InvalidRequestError(`The base URL of ${url.host} has a query or a fragment. Only a path prefix may follow the host.`);
  }
  return url;
}

/** Never names the value: it may be a secret. */
function checkHeader(name: string, value: string): void {
  if (!HEADER_NAME.test(name)) throw new InvalidRequestError('The name of a header holds characters that HTTP does not allow.');
  if (typeof value !== 'string' || !HEADER_VALUE.test(value)) {
    throw new InvalidRequestError(`The value of the header ${name} holds characters that HTTP does not allow, such as a line break.`);
  }
}

function wholeNumber(name: string, value: number, least: number, most: number): number {
  if (!Number.isInteger(value) || value < least || value > most) {
    throw new InvalidRequestError(`${name} must be a whole number from ${least} to ${most}.`);
  }
  return value;
}
