/** What a job and its parts are doing, as sentences. The panel, the lines and `status` all speak with these. */
import type { ObservedJobStatus, ObservedPart, Trouble } from '../../client';
import type { BatchStatus } from '../../contract';
import { counted } from './rendering';
import type { Rendering } from './rendering';

/** What the job as a whole is doing. */
export function jobSentence(status: ObservedJobStatus, rendering: Rendering): string {
  if (status.failure) return `stopped without a report (${status.failure.status})`;
  if (status.attention && status.phase !== 'ended') return 'waits for a person';
  if (status.paused && status.phase !== 'ended') return 'paused';
  switch (status.phase) {
    case 'planning':
      return 'planning: checking the input, cutting it into batches';
    case 'running':
      if (status.parts.total <= 1) return status.round > 1 ? `running, round ${status.round}` : 'running';
      return `round ${status.round}: ${rendering.formats.count(status.parts.ended)} of ${counted(status.parts.total, 'batch', rendering)} done`;
    case 'merging':
      return 'merging the results';
    case 'ended':
      return status.report?.status === 'canceled' ? 'canceled' : 'finished';
  }
}

/**
 * What a part is doing, e.g. `msgbatch_01… processing for 12 min, next look in 36 s`.
 * The API counts nothing before the whole batch has ended, so there is no percentage to show.
 */
export function partSentence(part: ObservedPart, rendering: Rendering): string {
  const { status } = part;
  if (!status) return `${part.batchId ? `${part.batchId} ` : ''}${(part.phase ?? 'running').replace('_', ' ')}`;
  const { formats } = rendering;
  const id = status.batchId ?? '';
  if (status.attention) return `${id} waits for a person`.trim();
  switch (status.phase) {
    case 'opening':
      return status.requests === 0 ? 'preparing' : `preparing ${counted(status.requests, 'request', rendering)}`;
    case 'queued':
      return queueSentence(status, rendering);
    case 'creating':
      return `sending ${counted(status.requests, 'request', rendering)}`;
    case 'reconciling':
      return 'the create got no answer: looking up whether the batch exists, nothing is sent meanwhile';
    case 'processing':
      return `${id} processing${since(status.createdAt, rendering)}${nextLook(status, rendering)}`;
    case 'canceling':
      return `${id} canceling${nextLook(status, rendering)}`.trim();
    case 'storing':
      return `${id} storing results: ${formats.count(status.stored.lines)} of ${formats.count(status.requests)}, ${formats.bytes(status.stored.bytes)}`;
    case 'following_up': {
      const { selected = 0, succeeded = 0, failed = 0 } = status.followUps ?? {};
      return `${id} follow-ups: ${formats.count(succeeded + failed)} of ${formats.count(selected)} done`;
    }
    case 'ended':
      return `${id} done`.trim();
  }
}

/** `waiting for room at the API: 300,000 of 300,000 requests are in the queue` */
function queueSentence({ queue, requests }: BatchStatus, rendering: Rendering): string {
  const { formats } = rendering;
  if (!queue) return `${counted(requests, 'request', rendering)} waiting for room at the API`;
  const limit = queue.limit === undefined ? '' : ` of ${formats.count(queue.limit)}`;
  return `${counted(requests, 'request', rendering)} waiting for room at the API: ${formats.count(queue.inQueue)}${limit} are in its queue`;
}

/** `the API does not answer: …, attempt 4, next try in 8 s` */
export function troubleSentence({ message, attempt, nextTryAt }: Trouble, { now, formats }: Rendering): string {
  const ms = nextTryAt === undefined ? 0 : Date.parse(nextTryAt) - now.getTime();
  const nextTry = ms < 500 ? '' : `, next try in ${formats.duration(ms)}`;
  return `the API does not answer: ${message.replace(/\.$/, '')}, attempt ${formats.count(attempt)}${nextTry}`;
}

/** `round 2, part 1 of 3: `; empty where the job is one batch and nothing was sent again. */
export function partPrefix(part: ObservedPart, status: ObservedJobStatus, { formats }: Rendering): string {
  if (status.round <= 1 && status.parts.total <= 1) return '';
  const round = status.round > 1 ? `round ${part.round}` : '';
  const number = status.parts.total > 1 ? `part ${formats.count(part.part)} of ${formats.count(status.parts.total)}` : '';
  return `${[round, number].filter(Boolean).join(', ')}: `;
}

function since(time: string | undefined, { now, formats }: Rendering): string {
  return time === undefined ? '' : ` for ${formats.duration(now.getTime() - Date.parse(time))}`;
}

function nextLook({ nextPollAt }: BatchStatus, { now, formats }: Rendering): string {
  if (nextPollAt === undefined) return '';
  const ms = Date.parse(nextPollAt) - now.getTime();
  return ms < 500 ? ', looking now' : `, next look in ${formats.duration(ms)}`;
}
