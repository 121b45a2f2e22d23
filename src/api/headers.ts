/** Headers of requests: which may be given, which are secret, and how those of the client and of one call are put together. */
import { InvalidRequestError } from './errors';

/** Headers as a caller gives them; `null` removes one that would be sent otherwise. */
export type GivenHeaders = Record<string, string | null>;

/** Framing and routing are the client's own business; a wrong one would break the promises of create. */
const RESERVED_HEADERS = new Set(['host', 'connection', 'content-length', 'transfer-encoding', 'expect', 'upgrade', 'keep-alive', 'proxy-connection', 'accept-encoding', 'range', 'if-range']);
const SECRET_NAME = /auth|cookie|credential|jwt|key|passw|secret|session|^sig$|signature|token/i;
/** These count tokens of another kind. */
const RATE_LIMIT_NAME = /^anthropic-ratelimit-/i;
const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9a-z-]+$/i;
const HEADER_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/** Whether the value of a header, or of a query parameter, of this name is taken for a credential. */
export function isSecretName(name: string): boolean {
  return SECRET_NAME.test(name) && !RATE_LIMIT_NAME.test(name);
}

/**
 * Checks headers that a caller gives, and writes their names in lower case.
 * @param mayAuthorizeToProxy whether `proxy-authorization` may be among them
 * @throws InvalidRequestError that names the header, never its value: it may be a secret
 */
export function givenHeaders(headers: GivenHeaders, { mayAuthorizeToProxy = false } = {}): GivenHeaders {
  const checked: GivenHeaders = {};
  for (const [name, value] of Object.entries(headers)) {
    if (!HEADER_NAME.test(name)) throw new InvalidRequestError('The name of a header holds characters that HTTP does not allow.');
    const lowerCase = name.toLowerCase();
    if (lowerCase === 'proxy-authorization' && !mayAuthorizeToProxy) {
      throw new InvalidRequestError('The header proxy-authorization can be given to a client without a proxy only. Credentials of a proxy belong into its URL, as http://user:password@host.');
    }
    if (RESERVED_HEADERS.has(lowerCase)) throw new InvalidRequestError(`The header ${lowerCase} is set by the client and cannot be given.`);
    if (value !== null) checkHeaderValue(lowerCase, value);
    checked[lowerCase] = value;
  }
  return checked;
}

/** @throws InvalidRequestError */
export function checkHeaderValue(name: string, value: string): void {
  if (typeof value === 'string' && HEADER_VALUE.test(value)) return;
  throw new InvalidRequestError(`The value of the header ${name} holds characters that HTTP does not allow, such as a line break.`);
}

/** The headers in which the API takes a credential. One of the two is sent, unless a caller gives both. */
const CREDENTIAL_HEADERS = ['authorization', 'x-api-key'];

/** Whether there is a credential for the API among headers, of lower-case names. */
export function holdCredential(headers: GivenHeaders): boolean {
  return CREDENTIAL_HEADERS.some((name) => Boolean(headers[name]));
}

/** The headers but those. */
export function withoutCredential(headers: GivenHeaders): GivenHeaders {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !CREDENTIAL_HEADERS.includes(name)));
}

/** Later layers win; `null` and `undefined` leave a header out. */
export function mergeHeaders(...layers: Record<string, string | null | undefined>[]): Record<string, string> {
  const merged = Object.entries(Object.assign({}, ...layers) as Record<string, string | null | undefined>);
  return Object.fromEntries(merged.filter((entry): entry is [string, string] => entry[1] !== null && entry[1] !== undefined));
}
