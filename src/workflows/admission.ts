/** A batch's side of the admission to the API's processing queue. */
import { CancellationScope, condition, getExternalWorkflowHandle, log, ParentClosePolicy, patched, setHandler, startChild, workflowInfo } from '@temporalio/workflow';
import { WorkflowExecutionAlreadyStartedError, WorkflowIdReusePolicy } from '@temporalio/common';
import type { AccountMessage, AdmissionRequest, BatchStatus } from '../contract';
import { accountSignal, admissionSignal } from '../contract';
import type { accountWorkflow } from './account';

/** How long to wait before asking again, in ms: what was said may be lost with the account's workflow. */
const ASK_AGAIN_MS = 2 * 60_000;
/** The same, of those who were told that they have to wait: doubled up to this. */
const LONGEST_ASK_AGAIN_MS = 30 * 60_000;

/** So often asked without any answer, a batch goes on alone: the API itself has the last word on its queue. */
const MOST_UNANSWERED = 3;

export interface AdmissionOptions extends Omit<AdmissionRequest, 'workflowId'> {
  /** Workflow id of the account. */
  accountId: string;
  /** Told what the account says of the queue while this batch waits; undefined when it no longer does. */
  onQueue: (queue: BatchStatus['queue']) => void;
}

/** Asks for leave to create, and tells what came of it. Where nobody answers, it hinders nothing. */
export class Admission {
  private admitted = false;
  private answered = false;
  private limitChanged = false;
  private isAccepted = false;

  constructor(private readonly options: AdmissionOptions) {
    setHandler(
      admissionSignal,
      (answer) => {
        this.answered = true;
        if (answer.kind === 'admitted') this.admitted = true;
        else options.onQueue({ inQueue: answer.inQueue, limit: answer.limit, ...(answer.held && { held: true }) });
      },
      { description: 'From the account: this batch may be created, or has to wait for room in the queue' },
    );
  }

  /** @returns true when this batch may be created, false where `unless` came first. */
  async enter(unless: () => boolean): Promise<boolean> {
    this.admitted = false;
    let waitMs = ASK_AGAIN_MS;
    for (let unanswered = 0; unanswered < MOST_UNANSWERED; ) {
      this.answered = this.limitChanged = false;
      await this.tell({ kind: 'ask', ...this.request() });
      await condition(() => this.admitted || this.limitChanged || unless(), waitMs);
      if (this.admitted || unless()) break;
      const heard = this.answered || this.limitChanged;
      unanswered = heard ? 0 : unanswered + 1;
      waitMs = heard ? Math.min(waitMs * 2, LONGEST_ASK_AGAIN_MS) : ASK_AGAIN_MS;
    }
    this.options.onQueue(undefined);
    return this.admitted || !unless();
  }

  /** The API has accepted the batch: it takes room until `left`. */
  accepted(): Promise<void> {
    this.isAccepted = true;
    return this.tell({ kind: 'accepted', ...this.request() });
  }

  /** The create was refused; `enter` again before the next, where it is for lack of room. */
  refused(why: 'queue_full' | 'spend_limit'): Promise<void> {
    return this.tell({ kind: 'refused', why, ...this.request() });
  }

  /** Takes no room any more. Where the account's workflow is gone, it knows nothing of this batch anyway. */
  left(): Promise<void> {
    this.isAccepted = false;
    return this.signal({ kind: 'left', workflowId: workflowInfo().workflowId }).catch(() => undefined);
  }

  /** Told at once, also by one that is in the queue: the lowest limit that is known of holds. One that creates tells it with what comes of that. */
  setQueueLimit(queueLimit: number | undefined): void {
    this.options.queueLimit = queueLimit;
    this.limitChanged = true;
    if (this.isAccepted) void this.accepted();
  }

  private request(): AdmissionRequest {
    const { jobId, requests, queueLimit } = this.options;
    return { workflowId: workflowInfo().workflowId, jobId, requests, ...(queueLimit !== undefined && { queueLimit }) };
  }

  private async tell(message: AccountMessage): Promise<void> {
    try {
      await this.signal(message).catch(async () => {
        await this.startAccount();
        // It has left meanwhile, and would take a place for ever.
        if (message.kind === 'accepted' && !this.isAccepted && patched('left-before-accepted')) return;
        await this.signal(message);
      });
    } catch (error) {
      log.warn('The workflow of the account could not be told', { message: message.kind, error: String(error) });
    }
  }

  private signal(message: AccountMessage): Promise<void> {
    return CancellationScope.nonCancellable(() => getExternalWorkflowHandle(this.options.accountId).signal(accountSignal, message));
  }

  /** It belongs to no job, so it outlives this one. */
  private async startAccount(): Promise<void> {
    try {
      await startChild<typeof accountWorkflow>('accountWorkflow', {
        workflowId: this.options.accountId,
        parentClosePolicy: ParentClosePolicy.ABANDON,
        workflowIdReusePolicy: WorkflowIdReusePolicy.ALLOW_DUPLICATE,
        staticSummary: 'admits the batches of all jobs of the account',
        args: [],
      });
    } catch (error) {
      if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    }
  }
}
