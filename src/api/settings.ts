/** Checks the options of the client and keeps them: where calls go, how long they may take, and what identifies the caller. */
import type { Dispatcher } from 'undici';
import { DEFAULT_BASE_URL } from '../contract/data';
import type { Call, CallOptions } from './call';
import { CredentialSource, type Credential } from './credential';
import { InvalidRequestError } from './errors';
import { checkHeaderValue, givenHeaders, holdCredential, isSecretName, mergeHeaders, withoutCredential, type GivenHeaders } from './headers';
import type { ApiHooks } from './hooks';
import { refuseUnknown } from './known-options';
import { proxyFor, type ProxyServer, type ProxySettings } from './proxy';
import { queryString, type GivenQuery, type Query } from './query';
import type { ResponseHeaders } from './retry-hints';
import { Secrets } from './secrets';
import { VERSION } from './version';

export interface ApiOptions {
  /** Default `https://api.anthropic.com`. May have a path prefix; may not hold credentials. */
  baseUrl?: string | undefined;
  /** Without one, no credential is sent, unless `headers` hold it. */
  credential?: Credential | undefined;
  /** `anthropic-version`. Default `2023-06-01`. */
  apiVersion?: string | undefined;
  /** Beta names, sent with every call as `anthropic-beta`. */
  betas?: string[] | undefined;
  /** `anthropic-workspace-id`, for a credential that is good for more than one workspace. */
  workspaceId?: string | undefined;
  /**
   * Uses the beta form of the API: `?beta=true` and the beta `message-batches-2024-09-24` with every call.
   * Obsolete at the API itself; some gateways know nothing else. Default false.
   */
  betaApi?: boolean | undefined;
  /** How long an answer may take to begin, ms. Default 60,000. A create has its own deadline. */
  timeoutMs?: number | undefined;
  /**
   * How long the body of an answer may stand still while it is being read, ms. Default 60,000. All of a body that is no
   * results may take `timeoutMs` longer.
   */
  idleTimeoutMs?: number | undefined;
  /** How often a call is made again after a passing failure. Default 2; 0, where Temporal retries, turns all of it off. */
  maxRetries?: number | undefined;
  /**
   * Sent with every call; they replace the client's own headers of the same name (`anthropic-beta` adds to them).
   * One that has the name of the credential's own header, `authorization` or `x-api-key`, goes in its place; the other goes
   * beside it. `proxy-authorization` goes to the host of the base URL, for what stands before the API; not together with `proxy`.
   */
  headers?: Record<string, string> | undefined;
  /** Query parameters of every call. */
  query?: Query | undefined;
  /** Proxies to go through. Loopback addresses are always asked directly. */
  proxy?: ProxySettings | undefined;
  /**
   * Connections of the caller's own. Not together with `proxy`. It is not closed by the client.
   * undici's own (7.30 and before) fails an assertion outside of any call, which ends the process, where a server closes a connection
   * while its answer is read more slowly than it comes; the client's own connections are guarded against that, these cannot be.
   */
  dispatcher?: Dispatcher | undefined;
  /** Told of every attempt and answer, for logs and traces. */
  hooks?: ApiHooks | undefined;
}

const API_OPTIONS = {
  baseUrl: true, credential: true, apiVersion: true, betas: true, workspaceId: true, betaApi: true, timeoutMs: true, idleTimeoutMs: true, maxRetries: true,
  headers: true, query: true, proxy: true, dispatcher: true, hooks: true,
} as const satisfies Record<keyof ApiOptions, true>;

export const DEFAULT_API_VERSION = '2023-06-01';
/** Name of the beta that the Message Batches API once was. */
const BETA_FORM = 'message-batches-2024-09-24';
const DEFAULT_TIMEOUT_MS = 60_000;
const DEFAULT_IDLE_TIMEOUT_MS = 60_000;
const DEFAULT_MAX_RETRIES = 2;
const MOST_RETRIES = 100;
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export class Settings {
  /** Scheme, host and port. */
  readonly origin: string;
  /** Path prefix without a trailing slash, often empty. */
  readonly basePath: string;
  /** Query parameters of every call. */
  readonly query: Query;
  readonly timeoutMs: number;
  readonly idleTimeoutMs: number;
  readonly maxRetries: number;
  /** What the calls go through, if anything. */
  readonly proxy: ProxyServer | undefined;
  readonly dispatcher: Dispatcher | undefined;
  readonly hooks: ApiHooks;
  readonly #credential: CredentialSource | undefined;
  readonly #apiVersion: string;
  readonly #betas: string[];
  readonly #workspaceId: string | undefined;
  readonly #betaApi: boolean;
  readonly #headers: GivenHeaders;
  readonly #secrets = new Secrets();

  constructor(options: ApiOptions = {}) {
    refuseUnknown('MessageBatchesApi', options, API_OPTIONS);
    const base = parseBaseUrl(options.baseUrl);
    this.origin = base.origin;
    this.basePath = base.pathname.replace(/\/+$/, '');
    this.timeoutMs = wholeNumber('timeoutMs', options.timeoutMs ?? DEFAULT_TIMEOUT_MS, 1, LONGEST_TIMER_MS);
    this.idleTimeoutMs = wholeNumber('idleTimeoutMs', options.idleTimeoutMs ?? DEFAULT_IDLE_TIMEOUT_MS, 1, LONGEST_TIMER_MS);
    this.maxRetries = wholeNumber('maxRetries', options.maxRetries ?? DEFAULT_MAX_RETRIES, 0, MOST_RETRIES);
    if (options.proxy && options.dispatcher) throw new InvalidRequestError('Only one of proxy and dispatcher can be given: a dispatcher decides by itself how to connect.');
    this.proxy = options.proxy && proxyFor(options.proxy, this.origin);
    this.dispatcher = options.dispatcher;
    this.hooks = options.hooks ?? {};
    this.#betaApi = options.betaApi ?? false;
    this.query = { ...(this.#betaApi && { beta: true }), ...options.query };
    queryString(this.query);
    this.#apiVersion = options.apiVersion || DEFAULT_API_VERSION;
    this.#workspaceId = options.workspaceId || undefined;
    const credential = options.credential && new CredentialSource(options.credential, this.#secrets);
    const { 'anthropic-beta': betas, ...headers } = givenHeaders(options.headers ?? {}, { mayAuthorizeToProxy: this.proxy === undefined });
    this.#headers = headers;
    this.#credential = credential && headers[credential.headerName] ? undefined : credential;
    this.#betas = [...(options.betas ?? []), ...listed(betas)];
    for (const secret of [...secretsOf(this.#headers), ...secretsOf(this.query)]) this.#secrets.add(secret);
  }

  /** Headers of one call apart from the credential's, and whether that goes along. What is given for the call goes before what the client has. */
  headers(options: CallOptions, needed: Record<string, string>): Pick<Call, 'headers' | 'sendsCredential'> {
    const { 'anthropic-beta': betas, ...given } = givenHeaders(options.headers ?? {});
    this.rememberSecrets(given);
    this.rememberSecrets(options.query ?? {});
    const allBetas = new Set([...(betas === null ? [] : this.#betas), ...(options.betas ?? []), ...listed(betas), ...(this.#betaApi && betas !== null ? [BETA_FORM] : [])]);
    const headers = mergeHeaders(
      {
        'user-agent': `temporal-message-batches/${VERSION}`,
        'anthropic-version': this.#apiVersion,
        'anthropic-workspace-id': this.#workspaceId,
        'anthropic-beta': [...allBetas].join(',') || undefined,
        ...needed,
      },
      holdCredential(given) ? withoutCredential(this.#headers) : this.#headers,
      { ...(options.apiVersion && { 'anthropic-version': options.apiVersion }), ...(options.workspaceId && { 'anthropic-workspace-id': options.workspaceId }) },
      given,
    );
    for (const [name, value] of Object.entries(headers)) checkHeaderValue(name, value);
    const credentialName = this.#credential?.headerName;
    return { headers, sendsCredential: credentialName !== undefined && !(credentialName in given) && !holdCredential(given) };
  }

  /** Times and retries of one call. @throws InvalidRequestError */
  limits(options: CallOptions): Pick<Call, 'timeoutMs' | 'idleTimeoutMs' | 'maxRetries'> {
    return {
      timeoutMs: wholeNumber('timeoutMs', options.timeoutMs ?? this.timeoutMs, 1, LONGEST_TIMER_MS),
      idleTimeoutMs: wholeNumber('idleTimeoutMs', options.idleTimeoutMs ?? this.idleTimeoutMs, 1, LONGEST_TIMER_MS),
      maxRetries: wholeNumber('maxRetries', options.maxRetries ?? this.maxRetries, 0, MOST_RETRIES),
    };
  }

  /** The client's credential, where the call is to be sent with it. */
  credentialFor(call: Pick<Call, 'sendsCredential'>): CredentialSource | undefined {
    return call.sendsCredential ? this.#credential : undefined;
  }

  /** Keeps the credentials of an attempt at a call out of errors and events until the call is over. @returns to be called then */
  holdSecrets({ path }: Pick<Call, 'path'>, headers: Record<string, string>): () => void {
    const query = Object.fromEntries(new URLSearchParams(path.slice(path.indexOf('?') + 1)));
    const releases = [...secretsOf(headers), ...secretsOf(query)].map((secret) => this.#secrets.hold(secret));
    return () => {
      for (const release of releases) release();
    };
  }

  /** Keeps what is taken for a credential in values of one call out of errors and events. */
  rememberSecrets(values: GivenHeaders | GivenQuery): void {
    for (const secret of secretsOf(values)) this.#secrets.addPassing(secret);
  }

  /** Replaces every credential in a text that came from outside, for it may be an echo. */
  redact(text: string): string {
    return this.#secrets.redact(text);
  }

  /** The same for a text that may have been cut off within one. */
  redactCut(text: string): string {
    return this.#secrets.redactCut(text);
  }

  /** The same for the headers of an answer. Cookies are credentials whatever they hold, and the client keeps none. */
  redactHeaders(headers: ResponseHeaders): ResponseHeaders {
    return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, name === 'set-cookie' ? '[redacted]' : this.redact(value)]));
  }
}

/** Values that are taken for credentials by their names. */
function secretsOf(values: GivenHeaders | GivenQuery): string[] {
  return Object.entries(values)
    .filter(([name, value]) => isSecretName(name) && value !== null)
    .map(([, value]) => String(value));
}

/** The names in a header that holds a list. */
function listed(value: string | null | undefined): string[] {
  return (value ?? '').split(',').map((name) => name.trim()).filter((name) => name !== '');
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

function wholeNumber(name: string, value: number, least: number, most: number): number {
  if (!Number.isInteger(value) || value < least || value > most) {
    throw new InvalidRequestError(`${name} must be a whole number from ${least} to ${most}.`);
  }
  return value;
}
