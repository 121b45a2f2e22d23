/**
 * Limits of the Message Batches API.
 * Source: https://platform.claude.com/docs/en/build-with-claude/batch-processing
 */

/** Most requests that one message batch may hold. */
export const MAX_REQUESTS_PER_BATCH = 100_000;

/** Most bytes (UTF-8) that the body of one create call may have. */
export const MAX_BATCH_BODY_BYTES = 256_000_000;

/** What a `custom_id` must look like. */
export const CUSTOM_ID_PATTERN = /^[a-zA-Z0-9_-]{1,64}$/;

/** Most bytes (UTF-8) of the `metadata` of one request; ours, never sent to the API. */
export const MAX_METADATA_BYTES = 4096;

/** How many examples of one kind of problem are kept where a person reads them. */
export const MAX_PROBLEM_EXAMPLES = 20;
