/** Which parts of a job get a line of their own, and how the others are counted. */
import type { ObservedPart } from '../../client';
import type { BatchPhase } from '../../contract';
import type { Rendering } from './rendering';

/** Sorts the parts that somebody wants to see first: those that need a person, then those whose results come, then the oldest. */
export function byInterest(a: ObservedPart, b: ObservedPart): number {
  return interest(a) - interest(b) || createdAt(a) - createdAt(b) || a.part - b.part;
}

function interest({ status, phase, trouble }: ObservedPart): number {
  if (status?.attention) return 0;
  if (phase === 'storing' || phase === 'following_up') return 1;
  if (trouble) return 2;
  return phase === undefined ? 5 : phase === 'queued' ? 4 : 3;
}

/** What is not there yet is the youngest. */
function createdAt({ status }: ObservedPart): number {
  return status?.createdAt === undefined ? Number.MAX_SAFE_INTEGER : Date.parse(status.createdAt);
}

const WORDS: Record<BatchPhase, string> = {
  opening: 'preparing',
  queued: 'waiting for room',
  creating: 'being sent',
  reconciling: 'being looked up',
  processing: 'processing',
  canceling: 'canceling',
  storing: 'storing',
  following_up: 'in follow-ups',
  ended: 'done',
};

/** `9 processing, 3 waiting for room`, the most frequent first. */
export function countedByPhase(parts: ObservedPart[], { formats }: Pick<Rendering, 'formats'>): string {
  const counts = new Map<string, number>();
  for (const { phase, status } of parts) {
    const word = status?.attention ? 'waiting for a person' : phase === undefined ? 'not asked yet' : WORDS[phase];
    counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  return [...counts].sort(([, a], [, b]) => b - a).map(([word, count]) => `${formats.count(count)} ${word}`).join(', ');
}
