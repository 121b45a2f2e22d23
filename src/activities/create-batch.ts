import { hostname } from 'node:os';
import { ApiError, MessageBatchesError, RateLimitError, RequestBodyError, RequestTooLargeError } from '../api';
import type { CreateRecords, PlannedPart } from '../jobs';
import { createBody } from '../jobs';
import { StorageError } from '../storage';
import type { ActivityDependencies } from './dependencies';
import { accountRecords, createTimeoutMs, jobFolder, partFolderOf } from './dependencies';
import { accessRefusal, isKeyRefused, runActivity, shortMessage } from './failures';
import { betasOf, mustHavePart, ownerOf } from './open-part';
import { isRateOfCalls, placeForCreate } from './paced-api';
import type { CreateResult, CreateTerms, NotAccepted, PartReference } from './payloads';

/** `api_error` and `overloaded_error`. Source: https://platform.claude.com/docs/en/api/errors */
const FAILURES_OF_API = new Set([500, 529]);

/**
 * Creates the batch of a part, at most once for an attempt number.
 *
 * Order is everything here: the intent is synced before the first byte is sent, the last bytes are held
 * back until the intent's deadline is seen not to have passed, and the answer is synced before anybody
 * is told. Whatever ends without a fact about the attempt is `open`: unknown, to be looked up.
 */
export function createBatchActivity(deps: ActivityDependencies) {
  return async function createBatch(ref: PartReference, attempt: number, terms: CreateTerms): Promise<CreateResult> {
    return runActivity(deps, () => create(deps, ref, attempt, terms));
  };
}

async function create(deps: ActivityDependencies, ref: PartReference, attempt: number, terms: CreateTerms): Promise<CreateResult> {
  const folder = jobFolder(deps, ref.jobId);
  const { creates } = folder.part(ref.round, ref.part);
  const known = await creates.state();
  // Another worker was here for this part: what it has found or left open comes first.
  if (known.kind !== 'none' || known.attempt !== attempt) return known;

  const planned = await mustHavePart(folder, ref);
  if (planned.splitInto) throw new Error(`Round ${ref.round}, part ${ref.part} of job ${ref.jobId} was split: it is not sent itself`);
  const body = createBody(partFolderOf(ref), planned);
  // Before the intent: from there the deadline counts.
  if (!(await placeForCreate(deps.pace))) {
    return { kind: 'not_accepted', nextAttempt: attempt, why: 'passing', message: 'The calls per minute of the account were all taken by others' };
  }
  const deadline = await begin(deps, creates, attempt, planned, terms);
  if (!deadline) return { kind: 'open', attempt };

  // Until the place was there others may have settled it: an adoption, or a worker that has taken this one for dead.
  const meanwhile = await creates.state();
  if (meanwhile.kind !== 'open' || meanwhile.attempt !== attempt) {
    await notSent(creates, attempt, 'The part had another batch meanwhile');
    return meanwhile;
  }
  if ((await folder.readReport()) ?? (await folder.part(ref.round, ref.part).readReport())) return notSent(creates, attempt, 'The part is done already');
  const account = accountRecords(deps);
  if (!(await account.holdsClaim(planned.requests, ownerOf(ref)))) {
    return notSent(creates, attempt, 'Another part of the same size was given the right to create');
  }
  if (await folder.cancelRequested()) return notSent(creates, attempt, 'The job was canceled meanwhile');
  let answer;
  try {
    answer = await deps.api.create(body, { deadline, ...betasOf(ref, planned) });
  } catch (error) {
    return failed(deps, creates, attempt, error);
  }
  const batch = answer.data;
  const createdAt = validTime(batch.created_at) ?? new Date().toISOString();
  await creates.answered(attempt, {
    batch_id: batch.id,
    created_at: createdAt,
    request_id: answer.requestId,
    simulated: answer.simulated,
  });
  await account.own(batch.id, ownerOf(ref));
  return { kind: 'accepted', attempt, batchId: batch.id, createdAt, adopted: false, simulated: answer.simulated, ended: batch.processing_status === 'ended' };
}

/** @returns the deadline, or undefined where somebody else has begun this attempt. */
async function begin(deps: ActivityDependencies, creates: CreateRecords, attempt: number, planned: PlannedPart, terms: CreateTerms): Promise<Date | undefined> {
  const now = Date.now();
  const deadline = new Date(now + (deps.createTimeoutMs ?? createTimeoutMs)(planned.bodyBytes));
  const begun = await creates.begin({
    attempt,
    requests: planned.requests,
    body_bytes: planned.bodyBytes,
    body_sha256: planned.bodySha256,
    created_at: new Date(now).toISOString(),
    deadline: deadline.toISOString(),
    grace_ms: terms.graceMs,
    newest_before: terms.newestBefore,
    made_by: `${process.pid}@${hostname()}`,
  });
  return begun ? deadline : undefined;
}

/** @returns the time as it is, undefined where it is none. */
export function validTime(time: string | null | undefined): string | undefined {
  return time && Number.isFinite(Date.parse(time)) ? time : undefined;
}

async function failed(deps: ActivityDependencies, creates: CreateRecords, attempt: number, error: unknown): Promise<CreateResult> {
  const at = new Date().toISOString();
  const message = error instanceof ApiError ? shortMessage(error) : error instanceof Error ? error.message : String(error);
  const status = error instanceof ApiError ? error.status : undefined;
  if (!(error instanceof MessageBatchesError) || !error.outcomeKnown) {
    await creates.unanswered(attempt, { at, status, by_api: isFailureOfApi(error), message });
    return { kind: 'open', attempt };
  }
  const refusal = accessRefusal(error);
  if (refusal) deps.onAccessRefused?.(refusal);
  if (!(error instanceof ApiError)) return notSent(creates, attempt, message, whyNotSent(error));
  await creates.voided(attempt, { at, reason: 'refused', message });
  return { kind: 'not_accepted', nextAttempt: attempt + 1, why: whyRefused(error), message, retryAfterMs: error.retryAfterMs };
}

/**
 * The API's own error, with which it has let go of the create. A timeout (408, 499, 504) only says that nobody waits any more,
 * and a 502 or 503 may be of something in between: the create may still be carried out.
 */
function isFailureOfApi(error: unknown): boolean {
  return error instanceof ApiError && FAILURES_OF_API.has(error.status) && error.type !== undefined && error.requestId !== undefined;
}

async function notSent(creates: CreateRecords, attempt: number, message: string, why: NotAccepted = 'passing'): Promise<CreateResult> {
  await creates.voided(attempt, { at: new Date().toISOString(), reason: 'not_sent', message });
  return { kind: 'not_accepted', nextAttempt: attempt + 1, why, message };
}

function whyNotSent(error: MessageBatchesError): NotAccepted {
  if (error instanceof RequestBodyError) return error.cause instanceof StorageError && error.cause.passing ? 'passing' : 'storage';
  // A credential that was not to be had passes here: the claim before the next try needs one as well, and asks for a person where none comes.
  return accessRefusal(error) ? 'no_access' : 'passing';
}

function whyRefused(error: ApiError): NotAccepted {
  if (isKeyRefused(error)) return 'key_refused';
  if (error.isSpendLimit) return 'spend_limit';
  if (error instanceof RequestTooLargeError) return 'too_large';
  if (error instanceof RateLimitError) return isRateOfCalls(error) ? 'passing' : 'queue_full';
  return error.retryable ? 'passing' : 'refused';
}
