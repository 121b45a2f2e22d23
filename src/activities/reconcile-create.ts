import { InvalidAnswerError, type MessageBatch } from '../api';
import type { CreateIntent, CreateRecords, CreateUnanswered, PartOwner } from '../jobs';
import { fileNameOf, readCustomIds } from '../jobs';
import { validTime } from './create-batch';
import type { ActivityDependencies } from './dependencies';
import { accountRecords, jobFolder, partFolderOf } from './dependencies';
import { runActivity } from './failures';
import { ownerOf } from './open-part';
import type { PartReference, ReconcileResult } from './payloads';

/** How soon a list counts as proof where the API itself said that the create failed, in ms. */
const GRACE_AFTER_API_ERROR_MS = 15_000;

/** A deadline that passed so long ago has passed, whatever was done to the clock since, in ms. */
const LONG_AGO_MS = 3_600_000;

/** How long to wait before looking again at candidates that have not ended, in ms. */
const CANDIDATES_PENDING_MS = 60_000;

/**
 * Finds out what became of a create that got no answer. Never sends anything: it lists the batches that are newer
 * than what was newest before the create, and keeps those of the same total that no record owns.
 *
 * @param waitedMs how long the workflow has waited for this attempt so far, by Temporal's clock.
 */
export function reconcileCreateActivity(deps: ActivityDependencies) {
  return async function reconcileCreate(ref: PartReference, attempt: number, waitedMs: number): Promise<ReconcileResult> {
    return runActivity(deps, () => lookUpCreate(deps, ref, attempt, waitedMs));
  };
}

export async function lookUpCreate(deps: ActivityDependencies, ref: PartReference, attempt: number, waitedMs: number): Promise<ReconcileResult> {
  const { creates } = jobFolder(deps, ref.jobId).part(ref.round, ref.part);
  const known = await creates.state();
  if (known.kind !== 'open' || known.attempt !== attempt) {
    return known.kind === 'none' && known.attempt === attempt ? fence(creates, attempt) : known;
  }
  const intent = await creates.readIntent(attempt);
  if (!intent) throw new Error(`The intent of create ${attempt} of job ${ref.jobId} was removed`);
  // What is decided now would rest on a list that may lack the batch yet, also where it shows another one.
  const tooEarlyMs = untilProof(intent, await creates.readUnanswered(attempt), waitedMs);
  if (tooEarlyMs > 0) {
    return { kind: 'wait', ms: tooEarlyMs, message: 'The create was not answered; making sure what became of it before anything is sent again' };
  }

  const { candidates, unreadable, reachedKnown } = await findCandidates(deps, creates, intent, ref);
  if (candidates.length === 0 && unreadable.length === 0 && reachedKnown) {
    await creates.voided(attempt, { at: new Date().toISOString(), reason: 'not_in_list', message: 'Not in the list of batches' });
    return creates.state();
  }
  if (!reachedKnown) {
    const message = `The create was not answered, and none of the batches that were there before it is in the list (${intent.newest_before.join(', ')}): they were deleted, or this key is of another workspace`;
    return { kind: 'ambiguous', batchIds: candidates.map((batch) => batch.id), message };
  }
  const chosen = candidates.length === 1 && unreadable.length === 0 ? candidates[0] : await tellApart(deps, ref, intent.requests, candidates);
  if (chosen === 'pending') {
    return { kind: 'wait', ms: CANDIDATES_PENDING_MS, message: `${candidates.length} batches could be it; their results will tell once they have ended` };
  }
  if (!chosen) {
    const batchIds = [...candidates.map((batch) => batch.id), ...unreadable];
    return { kind: 'ambiguous', batchIds, message: `The create was not answered, and ${batchIds.join(', ')} could be its batch` };
  }
  const owner = await accountRecords(deps).own(chosen.id, ownerOf(ref));
  if (!isOwner(ref, owner)) {
    return { kind: 'wait', ms: 1_000, message: 'Another part has just taken the batch that was found' };
  }
  const { simulated } = await deps.api.retrieve(chosen.id, { betas: ref.betas });
  const createdAt = validTime(chosen.created_at) ?? intent.created_at;
  await creates.adopted(attempt, { batch_id: chosen.id, created_at: createdAt, at: new Date().toISOString(), simulated });
  return creates.state();
}

/**
 * An attempt that no worker has begun. Its worker may only be frozen before the intent, so the attempt is
 * begun and voided here: whoever wakes up finds it taken and sends nothing.
 */
async function fence(creates: CreateRecords, attempt: number): Promise<ReconcileResult> {
  const at = new Date().toISOString();
  const intent = { attempt, requests: 0, body_bytes: 0, body_sha256: '', created_at: at, deadline: at, grace_ms: 0, newest_before: [], made_by: 'reconcile' };
  if (await creates.begin(intent)) await creates.voided(attempt, { at, reason: 'never_begun', message: 'No worker had begun it' });
  return creates.state();
}

/**
 * How long until a list proves what became of a create, in ms.
 *
 * Once the creator has seen its connection end, it has sent nothing since, and the grace is counted by Temporal's
 * timers alone. Where nobody knows what the creator saw, its deadline must have passed too; that is a matter of this
 * machine's clock, which may have been set meanwhile, so the timers must have seen the grace pass as well.
 */
function untilProof(intent: CreateIntent, unanswered: CreateUnanswered | undefined, waitedMs: number): number {
  const grace = unanswered?.by_api ? Math.min(intent.grace_ms, GRACE_AFTER_API_ERROR_MS) : intent.grace_ms;
  const since = Date.parse(unanswered?.at ?? intent.deadline);
  if (Date.now() - since > grace + LONG_AGO_MS) return 0;
  const byTimers = grace - waitedMs;
  return unanswered ? byTimers : Math.max(byTimers, since + grace - Date.now());
}

interface Found {
  /** Of the same total, and neither owned by others nor ruled out. */
  candidates: MessageBatch[];
  /** Newer than the create, but their counts tell no total. */
  unreadable: string[];
  /** The list went back to a batch that was there before the create (or there was none). */
  reachedKnown: boolean;
}

async function findCandidates(deps: ActivityDependencies, creates: CreateRecords, intent: CreateIntent, ref: PartReference): Promise<Found> {
  const account = accountRecords(deps);
  const [owned, disproved] = await Promise.all([account.ownedIds(), creates.disprovedIds()]);
  const before = new Set(intent.newest_before);
  const found: Found = { candidates: [], unreadable: [], reachedKnown: before.size === 0 };
  // `listAll` throws where pages do not lead on, so a list that was cut short is never taken for the whole.
  for await (const batch of deps.api.listAll({ limit: 1_000 }, { betas: ref.betas })) {
    if (before.has(batch.id)) {
      found.reachedKnown = true;
      break;
    }
    const name = fileNameOf(batch.id);
    if (disproved.has(name)) continue;
    const total = totalOf(batch);
    // One that a look-up for this very part has taken, and could not put on record as adopted any more, is still its own.
    if (owned.has(name) && (total !== intent.requests || !isOwner(ref, await account.owner(batch.id)))) continue;
    if (total === intent.requests) found.candidates.push(batch);
    else if (!(total > 0)) found.unreadable.push(batch.id);
  }
  return found;
}

function isOwner({ jobId, round, part }: PartReference, owner: PartOwner | undefined): boolean {
  return owner?.job_id === jobId && owner.round === round && owner.part === part;
}

function totalOf(batch: MessageBatch): number {
  const counts = batch.request_counts;
  return counts.processing + counts.succeeded + counts.errored + counts.canceled + counts.expired;
}

/** @returns the one whose first results are of this part's requests, `pending` while any has not ended, undefined where that cannot decide. */
async function tellApart(deps: ActivityDependencies, ref: PartReference, requests: number, candidates: MessageBatch[]): Promise<MessageBatch | 'pending' | undefined> {
  if (candidates.length === 0) return undefined;
  if (candidates.some((batch) => batch.processing_status !== 'ended')) return 'pending';
  const ours = await readCustomIds(partFolderOf(ref), requests);
  const matching: MessageBatch[] = [];
  for (const batch of candidates) {
    const id = await firstCustomId(deps, batch.id, ref.betas);
    if (id !== undefined && ours.positionOf(id) !== -1) matching.push(batch);
  }
  return matching.length === 1 ? matching[0] : undefined;
}

/** @returns undefined where there are no results, or what comes first is none. */
async function firstCustomId(deps: ActivityDependencies, batchId: string, betas: string[] | undefined): Promise<string | undefined> {
  const stream = await deps.api.results(batchId, { betas });
  try {
    for await (const { customId } of stream.lines()) return customId;
  } catch (error) {
    if (!(error instanceof InvalidAnswerError)) throw error;
  }
  return undefined;
}
