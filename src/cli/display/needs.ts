/** What of a job needs a person, and what that person can do. */
import type { ObservedJobStatus } from '../../client';
import { RESULTS_KEPT_MS, RESULTS_SOON_LOST_MS } from '../../contract';
import type { Rendering } from './rendering';


export interface Need {
  /** A few words for a table. */
  short: string;
  /** What happened. */
  what: string;
  /** What to do now, as far as that is known. */
  hint?: string;
  /** The command that goes on then. */
  command: string;
}

/** @returns undefined where the job needs nobody */
export function needOf(job: ObservedJobStatus, { now, formats }: Pick<Rendering, 'now' | 'formats'>): Need | undefined {
  const { jobId, attention, failure } = job;
  if (failure) {
    return {
      short: `stopped without a report (${failure.status})`,
      what: `stopped without a report (${failure.status})${failure.message ? `: ${failure.message}` : ''}`,
      hint: failure.hint ?? 'It goes on from its records; nothing is paid twice.',
      command: 'message-batches run INPUT',
    };
  }
  if (job.phase === 'ended') return undefined;
  if (attention) {
    const state = job.paused ? 'paused' : 'waits for a person';
    return { short: `${state} (${attention.code})`, what: `${state}: ${attention.message}`, hint: attention.hint, command: `message-batches ${job.paused ? 'resume' : 'wait'} ${jobId}` };
  }
  const lost = lostAt(job);
  if (lost !== undefined && lost - now.getTime() < RESULTS_SOON_LOST_MS) {
    const left = lost - now.getTime();
    const when = left > 0 ? `in ${formats.duration(left)}` : 'now';
    return { short: `results are lost ${when}`, what: `has results that are not stored yet, and that the API deletes ${when}`, hint: 'A worker fetches them.', command: `message-batches wait ${jobId}` };
  }
  if (job.paused) return { short: 'paused', what: 'was paused by somebody: it sends nothing more', command: `message-batches resume ${jobId}` };
  return undefined;
}

/** When the API deletes the oldest results that are not stored, in ms since 1970. */
function lostAt({ running }: ObservedJobStatus): number | undefined {
  const created = running.flatMap(({ phase, status, createdAt = status?.createdAt }) => (createdAt === undefined || phase === 'following_up' || phase === 'ended' ? [] : Date.parse(createdAt)));
  return created.length > 0 ? Math.min(...created) + RESULTS_KEPT_MS : undefined;
}
