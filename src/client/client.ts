import { WorkflowNotFoundError } from '@temporalio/client';
import type { Client } from '@temporalio/client';
import type { AccountReference, Attention, DataReference, JobInput, JobPhase } from '../contract';
import { SIMULATED_ACCOUNT, DEFAULT_BASE_URL, jobIdOfWorkflow, jobWorkflowId, workflowTaskQueue } from '../contract';
import { JobConflictError } from './errors';
import { JobHandle } from './job-handle';
import type { JobMemo, RequestsFingerprint } from './observed-status';
import { checkStartOptions } from './start-options';

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
   * @throws JobOptionsError where an option is missing, misspelt or out of range; JobConflictError where a job of this id runs, or
   *   has ended, that was started with other requests (another place, or another `sha256` where both are given). Nothing is started then.
   */
  async startJob(options: StartJobOptions): Promise<JobHandle> {
    checkStartOptions(options);
    const { id, ...input } = options;
    const account = input.account ?? (input.simulated ? SIMULATED_ACCOUNT : { label: 'default', baseUrl: DEFAULT_BASE_URL });
    const activityTaskQueue = input.activityTaskQueue ?? this.options.activityTaskQueue;
    // An account that nobody named is the worker's own, whatever its base URL.
    const job: JobInput = { ...input, jobId: id, activityTaskQueue };
    const requestsFrom = fingerprintOf(input.requests);
    const memo: JobMemo = { phase: 'planning', simulated: input.simulated ?? false, output: input.output, account: input.account, requestsFrom };
    // A further run that only finds out about other requests would hide the report of the one before.
    await this.mustBeSame(id, requestsFrom);
    await this.client.workflow.start(JOB_WORKFLOW, {
      workflowId: jobWorkflowId(id),
      taskQueue: this.options.taskQueue ?? workflowTaskQueue(account),
      workflowIdConflictPolicy: 'USE_EXISTING',
      workflowIdReusePolicy: 'ALLOW_DUPLICATE',
      memo: { ...memo },
      staticSummary: `Message batches of job ${id}`,
      args: [job],
    });
    // Another program may have started it at the same moment.
    await this.mustBeSame(id, requestsFrom);
    return this.job(id);
  }

  /** @throws JobConflictError where the job that the server knows by this id runs or has a report, and was made of other requests. */
  private async mustBeSame(id: string, asked: RequestsFingerprint): Promise<void> {
    const found = await this.client.workflow
      .getHandle(jobWorkflowId(id))
      .describe()
      .catch((error: unknown) => {
        if (error instanceof WorkflowNotFoundError) return undefined;
        throw error;
      });
    const running = found?.status.name === 'RUNNING';
    const known = (found?.memo as Partial<JobMemo> | undefined)?.requestsFrom;
    if (!known || !(running || found?.status.name === 'COMPLETED') || isSame(known, asked)) return;
    throw new JobConflictError(id, known.uri, asked.uri, running);
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

function fingerprintOf(requests: string | DataReference): RequestsFingerprint {
  if (typeof requests === 'string') return { uri: requests };
  return { uri: requests.uri, ...(requests.sha256 !== undefined && { sha256: requests.sha256 }) };
}

/** The same content may lie in two places; one place may hold other content than it did, which only a checksum tells. */
function isSame(known: RequestsFingerprint, asked: RequestsFingerprint): boolean {
  if (known.sha256 !== undefined && asked.sha256 !== undefined) return known.sha256 === asked.sha256;
  return known.uri === asked.uri;
}
