/** The query of a request. */
import { InvalidRequestError } from './errors';

/** Query parameters as a caller gives them. */
export type Query = Record<string, string | number | boolean>;

/** Query parameters of one call; `null` removes one that the client would send. */
export type GivenQuery = Record<string, string | number | boolean | null>;

/** Later layers win; `null` leaves a parameter out. */
export function mergeQuery(...layers: (GivenQuery | undefined)[]): Query {
  const merged = Object.entries(Object.assign({}, ...layers) as GivenQuery);
  return Object.fromEntries(merged.filter((entry): entry is [string, string | number | boolean] => entry[1] !== null));
}

/**
 * Writes a query, percent-encoded and with its question mark; nothing where there are no parameters.
 * @throws InvalidRequestError that names the parameter, never its value
 */
export function queryString(query: Query): string {
  const parts = Object.entries(query).map(([name, value]) => {
    if (typeof value !== 'string' && typeof value !== 'boolean' && !Number.isFinite(value)) {
      throw new InvalidRequestError(`The query parameter ${name} must be a string, a finite number or a boolean.`);
    }
    try {
      return `${encodeURIComponent(name)}=${encodeURIComponent(value)}`;
    } catch {
      throw new InvalidRequestError(`The query parameter ${name} holds half of a surrogate pair and cannot be written in a URL.`);
    }
  });
  return parts.length === 0 ? '' : `?${parts.join('&')}`;
}
