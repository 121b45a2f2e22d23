/**
 * What a batch and the workflow of its account say to each other. The account admits parts by the room in the API's
 * processing queue, and keeps jobs fair to each other. Nothing that money hangs on is known there only.
 */
import { defineQuery, defineSignal } from '@temporalio/workflow';

/** From a batch to its account. Each may be sent twice, and says all that the account needs to know of the batch. */
export type AccountMessage =
  /** It wants to create a batch. */
  | ({ kind: 'ask' } & AdmissionRequest)
  /** The API has accepted its batch, which takes room in the queue until it has ended. */
  | ({ kind: 'accepted' } & AdmissionRequest)
  /** The API refused the create: there is no room, or no money. It waits again. */
  | ({ kind: 'refused'; why: 'queue_full' | 'spend_limit' } & AdmissionRequest)
  /** It takes no room any more, and wants none. */
  | { kind: 'left'; workflowId: string };

export interface AdmissionRequest {
  workflowId: string;
  jobId: string;
  requests: number;
  /** See `JobInput.queueLimit`. */
  queueLimit?: number;
}

/** From the account to a batch. */
export type AdmissionAnswer =
  | { kind: 'admitted' }
  /** Still waiting: so many requests are in the queue or about to be, of so many that there is room for as far as is known. `held`: a batch of the account waits for money. */
  | { kind: 'queued'; inQueue: number; limit?: number; held?: boolean };

export const accountSignal = defineSignal<[AccountMessage]>('account');
export const admissionSignal = defineSignal<[AdmissionAnswer]>('admission');

/** Answer of the `status` query of `accountWorkflow`. */
export interface AccountStatus {
  /** Requests in batches that were admitted and have not ended. */
  inQueue: number;
  /** For how many there is room, as far as is known. */
  limit?: number;
  /** Given by `queueLimit` of a job, or learned from a refusal. */
  limitIs?: 'given' | 'learned';
  admitted: number;
  waiting: number;
  /** Creates that the API has refused for lack of room. */
  refused: number;
  /** Nothing is admitted while a batch waits for money. */
  held: boolean;
}

export const accountStatusQuery = defineQuery<AccountStatus>('status');
