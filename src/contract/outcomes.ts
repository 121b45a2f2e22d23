/** The four outcomes that the API itself gives to a request: `result.type` of a line of results. */
export const API_OUTCOMES = ['succeeded', 'errored', 'canceled', 'expired'] as const;
export type ApiOutcome = (typeof API_OUTCOMES)[number];

/**
 * What finally became of a request: the API's four, and two of ours.
 * `missing`: sent, perhaps paid, but no result was found. Never sent again by itself.
 * `unsent`: certainly never accepted by the API; free to send again.
 */
export const OUTCOMES = [...API_OUTCOMES, 'missing', 'unsent'] as const;
export type Outcome = (typeof OUTCOMES)[number];

/**
 * What became of a request of a job that has ended, as far as it tells whether to send it again. `errored`: for a passing reason;
 * `errored_final`: for one that the same request would meet again.
 */
export const OLD_OUTCOMES = ['succeeded', 'errored', 'errored_final', 'canceled', 'expired', 'missing', 'unsent'] as const;
export type OldOutcome = (typeof OLD_OUTCOMES)[number];

/** How many requests ended in each way. */
export type OutcomeCounts = Record<Outcome, number>;

/** Tokens used, and calls of server tools, under the names that the API has for them in `message.usage`. */
export interface TokenUsage {
  /** Without those that were read from the cache or written to it. */
  input_tokens: number;
  output_tokens: number;
  /** Written to the cache. */
  cache_creation_input_tokens: number;
  /** Read from the cache. */
  cache_read_input_tokens: number;
  /** Of those written to the cache, how many for five minutes and for an hour; they have prices of their own. */
  cache_creation: { ephemeral_5m_input_tokens: number; ephemeral_1h_input_tokens: number };
  /** Calls by the API's name of the tool, e.g. `web_search_requests`; only those that occurred. */
  server_tool_use: Record<string, number>;
}

/** Something worth a person's look that did not stop the job. */
export interface Problem {
  /** A stable word, e.g. `unknown_custom_id`, `duplicate_result`, `malformed_line`. */
  kind: string;
  count: number;
  /** The first few, in words, with line and offset. */
  examples: string[];
}
