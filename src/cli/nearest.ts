import { distance } from 'fastest-levenshtein';

/** Candidates that are offered at most. */
const MOST_OFFERED = 3;

/**
 * What somebody may have meant who mistyped a name: the candidates that are a few letters away, the nearest first.
 * A beginning that was mistyped is held against as many letters of each candidate.
 */
export function nearest(typed: string, candidates: Iterable<string>): string[] {
  // A third of the letters, as for a short name two are another name.
  const most = Math.min(4, Math.floor(typed.length / 3));
  const found: { candidate: string; away: number }[] = [];
  for (const candidate of new Set(candidates)) {
    const away = Math.min(distance(typed.toLowerCase(), candidate.toLowerCase()), ...beginnings(typed, candidate));
    if (away <= most && away < typed.length) found.push({ candidate, away });
  }
  return found.sort((a, b) => a.away - b.away).slice(0, MOST_OFFERED).map(({ candidate }) => candidate);
}

/** A letter may have been left out or added, so the beginning may be one longer or shorter. */
function beginnings(typed: string, candidate: string): number[] {
  return [-1, 0, 1].map((more) => typed.length + more).filter((length) => length > 0 && length < candidate.length).map((length) => distance(typed.toLowerCase(), candidate.slice(0, length).toLowerCase()));
}
