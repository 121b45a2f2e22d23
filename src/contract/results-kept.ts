/**
 * How long the API keeps the results of a batch: 29 days from its creation, whether they were fetched or not.
 * Source: https://platform.claude.com/docs/en/build-with-claude/batch-processing
 */
export const RESULTS_KEPT_MS = 29 * 24 * 60 * 60 * 1000;

/** Results that are not stored and have no more than this are worth a person's look, in ms. */
export const RESULTS_SOON_LOST_MS = 7 * 24 * 60 * 60 * 1000;

/** @param createdAt of the batch, ISO. @returns until when the API keeps its results, ISO; undefined where the time is none. */
export function resultsKeptUntil(createdAt: string): string | undefined {
  const created = Date.parse(createdAt);
  return Number.isNaN(created) ? undefined : new Date(created + RESULTS_KEPT_MS).toISOString();
}

/** Whether results that are not stored will be lost soon, or are lost. @param now in ms since 1970 */
export function areSoonLost(keptUntil: string | undefined, now: number): boolean {
  return keptUntil !== undefined && Date.parse(keptUntil) - now < RESULTS_SOON_LOST_MS;
}
