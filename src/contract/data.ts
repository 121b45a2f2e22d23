/**
 * Where data lies. Workflows pass these around instead of data, because a Temporal payload
 * may have 2 MB and a history 50 MB at most.
 */
export interface DataReference {
  /** An absolute path or a `file:` URL on the machine of the worker, or `s3://bucket/key`. */
  uri: string;
  /** First byte, default 0. */
  offset?: number;
  /** Bytes, default: to the end. */
  length?: number;
  /** Hex SHA-256 of exactly those bytes, where known. */
  sha256?: string;
}

/** Which account of the API pays: a label and a base URL. Never derived from a key, so keys can rotate. */
export interface AccountReference {
  label: string;
  /** Without a trailing slash, e.g. `https://api.anthropic.com`. */
  baseUrl: string;
}

/** The base URL that is used where none is set. */
export const DEFAULT_BASE_URL = 'https://api.anthropic.com';

/** The account of all simulated jobs, whatever port the simulator listens on. */
export const SIMULATED_ACCOUNT: AccountReference = { label: 'simulated', baseUrl: 'simulator:' };
