import type { Client } from '@temporalio/client';
import type { AccountReference, Attention, JobInput, JobPhase } from '../contract';
import { SIMULATED_ACCOUNT, DEFAULT_BASE_URL, jobIdOfWorkflow, jobWorkflowId, workflowTaskQueue } from '../contract';
import { JobHandle } from './job-handle';
import type { JobMemo } from './observed-status';

/** Type name of the workflow of a job. */
const JOB_WORKFLOW = 'batchJobWorkflow';

export interface MessageBatchesClientOptions {
  /** A client of `@temporalio/client`; its namespace is where the jobs are. */
  client: Client;
  /** Task queue of the workflows; default: that of the job's account. */
  taskQueue?: string;
  /** Task queue of the activities; default: the workflows' own. */
  activityTaskQueue?: string;
}

export interface StartJobOptions extends Omit<JobInput, 'jobId'> {
  /** The job's id, a business key: the same one attaches to the running job. */
  id: string;
}

/** What a list of jobs tells of each, without asking a worker. */
export interface JobSummary {
  jobId: string;
  workflowId: string;
  /** What Temporal calls the state of the workflow, e.g. RUNNING, COMPLETED, TERMINATED. */
  workflowStatus: string;
  open: boolean;
  phase?: JobPhase;
  requests?: number;
  output?: string;
  attention?: Attention;
  simulated: boolean;
  /** Absent for jobs that were started by other means than this client. */
  account?: AccountReference;
  startedAt: Date;
  endedAt?: Date;
}

/** Starts jobs and finds them again. Needs a Temporal client and nothing else: no key, no worker, no files. */
export class MessageBatchesClient {
  private readonly client: Client;

  constructor(private readonly options: MessageBatchesClientOptions) {
    this.client = options.client;
  }

  /**
   * Starts a job, or attaches to the running one of the same id.
   * A job whose workflow ended without a report is started again; it goes on from its records and pays for nothing twice.
   */
  async startJob({ id, ...input }: StartJobOptions): Promise<JobHandle> {
    const account = input.account ?? (input.simulated ? SIMULATED_ACCOUNT : { label: 'default', baseUrl: DEFAULT_BASE_URL });
    const activityTaskQueue = input.activityTaskQueue ?? this.options.activityTaskQueue;
    // An account that nobody named is the worker's own, whatever its base URL.
    const job: JobInput = { ...input, jobId: id, activityTaskQueue };
    const memo: JobMemo = { phase: 'planning', simulated: input.simulated ?? false, output: input.output, account: input.account };
    await this.client.workflow.start(JOB_WORKFLOW, {
      workflowId: jobWorkflowId(id),
      taskQueue: this.options.taskQueue ?? workflowTaskQueue(account),
      workflowIdConflictPolicy: 'USE_EXISTING',
      workflowIdReusePolicy: 'ALLOW_DUPLICATE',
      memo: { ...memo },
      staticSummary: `Message batches of job ${id}`,
      args: [job],
    });
    return this.job(id);
  }

  /** A handle on a job by its id. Asks nothing yet; a job that does not exist shows at the first call. */
  job(id: string): JobHandle {
    return new JobHandle(this.client, id);
  }

  /** All jobs that the server still knows, newest first. A job that ended long ago lives on in its job folder only. */
  async *jobs(): AsyncGenerator<JobSummary> {
    const query = `WorkflowType = '${JOB_WORKFLOW}' AND ExecutionStatus != 'ContinuedAsNew'`;
    for await (const execution of this.client.workflow.list({ query })) {
      const memo = (execution.memo ?? {}) as Partial<JobMemo>;
      yield {
        jobId: jobIdOfWorkflow(execution.workflowId),
        workflowId: execution.workflowId,
        workflowStatus: execution.status.name,
        open: execution.status.name === 'RUNNING',
        phase: memo.phase,
        requests: memo.requests,
        output: memo.output,
        attention: memo.attention ?? undefined,
        simulated: memo.simulated ?? false,
        account: memo.account,
        startedAt: execution.startTime,
        endedAt: execution.closeTime,
      };
    }
  }
}
