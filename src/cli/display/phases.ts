/** What a job and its parts are doing, as sentences. The panel, the lines and `status` all speak with these. */
import type { ObservedJobStatus, ObservedPart, Trouble } from '../../client';
import type { BatchStatus } from '../../contract';
import { areSoonLost, resultsKeptUntil } from '../../contract';
import { followUpCounts } from './follow-ups';
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
      if (status.parts.total <= 1) return status.cancelRequested ? 'canceling' : status.round > 1 ? `running, round ${status.round}` : 'running';
      return `${status.cancelRequested ? 'canceling, ' : ''}round ${status.round}: ${rendering.formats.count(status.parts.ended)} of ${counted(status.parts.total, 'batch', rendering)} done`;
    case 'merging':
      return 'merging the results';
    case 'ended':
      return status.report?.status === 'canceled' ? 'canceled' : 'finished';
  }
}

/**
 * What a part is doing, e.g. `msgbatch_01… processing for 12 min, next look in 36 s`.
 * The API counts nothing before the whole batch has ended, so there is no percentage to show.
 * @param options.alone false where the numbers of the queue, which are the account's, and of all follow-ups are told beside it.
 */
export function partSentence(part: ObservedPart, rendering: Rendering, { alone = true } = {}): string {
  return `${partDoing(part, rendering, alone)}${soonLost(part, rendering)}`;
}

/** `; the API keeps its results until 2026-12-24 only`, where that is soon. */
function soonLost({ status, phase, createdAt }: ObservedPart, { now }: Rendering): string {
  const until = status?.resultsKeptUntil ?? (createdAt === undefined ? undefined : resultsKeptUntil(createdAt));
  if ((status?.phase ?? phase) === 'ended' || until === undefined || !areSoonLost(until, now.getTime())) return '';
  return `; the API keeps its results until ${until.slice(0, 10)} only`;
}

function partDoing(part: ObservedPart, rendering: Rendering, alone: boolean): string {
  const { status } = part;
  if (!status) return `${part.batchId ? `${part.batchId} ` : ''}${(part.phase ?? 'running').replace('_', ' ')}`;
  const { formats } = rendering;
  const id = status.batchId ?? '';
  if (status.attention) return `${id} waits for a person`.trim();
  switch (status.phase) {
    case 'opening':
      return status.requests === 0 ? 'preparing' : `preparing ${counted(status.requests, 'request', rendering)}`;
    case 'queued':
      return alone ? queueSentence(status, rendering) : `${counted(status.requests, 'request', rendering)} waiting for room`;
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
    case 'following_up':
      return `${id} ${followUpsDoing(status, rendering, alone)}`;
    case 'ended':
      return `${id} done`.trim();
  }
}

/** @param alone where all of the job are told beside it, how many run and have failed is told there */
function followUpsDoing({ followUps }: BatchStatus, rendering: Rendering, alone: boolean): string {
  if (!followUps) return 'selecting follow-ups';
  const { selected, succeeded, failed } = followUps;
  return `follow-ups: ${alone ? followUpCounts(followUps, rendering) : `${rendering.formats.count(succeeded + failed)} of ${rendering.formats.count(selected)} done`}`;
}

/** `100,000 requests waiting for room at the API: 300,000 of 300,000 are in its queue` */
function queueSentence({ queue, requests }: BatchStatus, rendering: Rendering): string {
  const waiting = `${counted(requests, 'request', rendering)} waiting for room at the API`;
  if (queue?.held) return `${counted(requests, 'request', rendering)} waiting: another batch of the account waits for money`;
  return queue ? `${waiting}: ${inQueue(queue, rendering)} are in its queue` : waiting;
}

/** The same of all parts: `300,000 of 300,000 requests at the API, 3 batches wait for room`; empty where none waits. */
export function queueLine({ running }: ObservedJobStatus, rendering: Rendering): string {
  const waiting = running.filter((part) => part.phase === 'queued');
  const queue = waiting.find((part) => part.status?.queue)?.status?.queue;
  if (waiting.length === 0) return '';
  const batches = `${counted(waiting.length, 'batch', rendering)} ${waiting.length === 1 ? 'waits' : 'wait'} for room`;
  return queue ? `${inQueue(queue, rendering)} requests at the API, ${batches}` : batches;
}

function inQueue({ inQueue: count, limit }: NonNullable<BatchStatus['queue']>, { formats }: Rendering): string {
  return limit === undefined ? formats.count(count) : `${formats.count(count)} of ${formats.count(limit)}`;
}

/** What the activities of parts fail with: the same for all of them where the API is away. */
export function troublesOf(parts: ObservedPart[]): Trouble[] {
  return parts.flatMap((part) => part.trouble ?? []);
}

/** `the API does not answer: …, attempt 4, next try in 8 s`. @param others so many parts more fail */
export function troubleSentence({ message, attempt, nextTryAt }: Trouble, rendering: Rendering, others = 0): string {
  const { now, formats } = rendering;
  const ms = nextTryAt === undefined ? 0 : Date.parse(nextTryAt) - now.getTime();
  const nextTry = ms < 500 ? '' : `, next try in ${formats.duration(ms)}`;
  const more = others === 0 ? '' : ` (and ${counted(others, 'more batch', rendering)})`;
  return `the API does not answer: ${message.replace(/\.$/, '')}, attempt ${formats.count(attempt)}${nextTry}${more}`;
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
