import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { MessageBatchIndividualResponse } from '@anthropic-ai/sdk/resources/messages/batches';
import { WorkflowFailedError, WorkflowNotFoundError } from '@temporalio/client';
import type { Client, WorkflowHandle } from '@temporalio/client';
import type { SignalDefinition } from '@temporalio/common';
import type { JobReport, JobSettings } from '../contract';
import { cancelSignal, jobWorkflowId, pauseSignal, resumeSignal, settingsSignal } from '../contract';
import { selectRecords } from '../jobs';
import { JobFailedError, JobNotFoundError, JobUnfinishedError } from './errors';
import { FollowUpRetry, type FollowUpRetryStart, type RetryFollowUpsOptions } from './follow-up-retry';
import { PartMemory } from './part-memory';
import { retriesOfJob } from './retries-of-job';
import { observeJob, reasonOf } from './status';
import type { ObservedJobStatus } from './observed-status';

export interface WatchOptions {
  /** Time between two looks in ms; default 1,000. */
  intervalMs?: number;
  signal?: AbortSignal;
}

export interface ResultsOptions {
  /** Default: `results`, that of results.jsonl. */
  order?: 'results' | 'input';
}

/** One job: look at it, steer it, read what came out. */
export class JobHandle {
  private readonly workflow: WorkflowHandle;
  private ended: JobReport | undefined;
  private readonly parts = new PartMemory();

  constructor(
    private readonly client: Client,
    readonly id: string,
  ) {
    this.workflow = client.workflow.getHandle(jobWorkflowId(id));
  }

  /**
   * What the job is doing. The workflow is asked where a worker answers within about three seconds;
   * else what Temporal itself knows is told (see `ObservedJobStatus.source`). Of parts that wait for their next look at
   * the API, what this handle has seen before is told for up to 30 seconds.
   * @throws JobNotFoundError
   */
  status(): Promise<ObservedJobStatus> {
    return observeJob(this.client, this.id, this.parts);
  }

  /** Yields the status now and whenever it has changed, the last one with phase `ended`. */
  async *watch({ intervalMs = 1000, signal }: WatchOptions = {}): AsyncGenerator<ObservedJobStatus> {
    let last: ObservedJobStatus | undefined;
    for (;;) {
      signal?.throwIfAborted();
      const status = await this.status();
      if (!isDeepStrictEqual(status, last)) yield status;
      if (status.phase === 'ended') return;
      last = status;
      await sleep(intervalMs, undefined, { signal });
    }
  }

  /**
   * Waits for the end of the job, however long it takes. Of follow-ups that were run again since, it counts what they came to.
   * @throws JobFailedError where the workflow ended without a report; JobNotFoundError
   */
  async report(): Promise<JobReport> {
    try {
      return (await retriesOfJob(this.client, (await this.workflow.result()) as JobReport)).report;
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) throw new JobNotFoundError(this.id);
      if (!(error instanceof WorkflowFailedError)) throw error;
      const { status } = await this.workflow.describe();
      throw new JobFailedError(this.id, status.name, reasonOf(error).message, { cause: error });
    }
  }

  /** Cancels at the API and keeps what is done; the job then ends with a report. May be sent twice. Returns when the request stands in the job's history. */
  cancel(): Promise<void> {
    return this.send(cancelSignal);
  }

  /** No new calls that cost money until `resume()`. What the API has accepted is processed and stored all the same. */
  pause(): Promise<void> {
    return this.send(pauseSignal);
  }

  /** Goes on after a pause, or tries again what waited for a person. */
  resume(): Promise<void> {
    return this.send(resumeSignal);
  }

  /** Changes settings of the job while it runs; what is left out stays as it is, null takes a limit away. Returns when the change stands in the job's history. */
  change(settings: JobSettings): Promise<void> {
    return this.send(settingsSignal, settings);
  }

  /**
   * The results of a job that has ended, as the API gave them, from `results.jsonl` in its output folder
   * (on this machine, or in S3). Requests without a result are in `failed-requests.jsonl` only.
   * @param options.order `input`: as the requests stand in the input; by default as the API gave them.
   * @throws JobUnfinishedError; JobFailedError where the workflow ended without a report; an InputError
   *   `results_not_found` where they are not there any more; StorageError
   */
  async *results({ order }: ResultsOptions = {}): AsyncGenerator<MessageBatchIndividualResponse> {
    for await (const records of selectRecords(await this.endedReport(), { order })) {
      for (const { line } of records) yield JSON.parse(line!.toString()) as MessageBatchIndividualResponse;
    }
  }

  /**
   * The result of one request of a job that has ended, found by the index beside its results.
   * @returns undefined where the request has no result, or there is no such request.
   * @throws as `results`
   */
  async result(customId: string): Promise<MessageBatchIndividualResponse | undefined> {
    for await (const [record] of selectRecords(await this.endedReport(), { ids: [customId] })) {
      return record && (JSON.parse(record.line!.toString()) as MessageBatchIndividualResponse);
    }
    return undefined;
  }

  /**
   * Runs the follow-ups of a job that has ended again that did not complete; `follow-ups.jsonl` and the counts in `report.json` then tell
   * of them. Attaches where they run already. `result()` of what this returns waits for the end.
   * @throws JobUnfinishedError; JobFailedError; FollowUpRetryConflictError; JobNotFoundError where the server does not know the job any more and `taskQueue` is not given
   */
  async retryFollowUps(options: RetryFollowUpsOptions = {}): Promise<FollowUpRetry> {
    return FollowUpRetry.start(this.client, await this.retryStart(options));
  }

  /** The follow-ups that run again now, as the attempt that `options` name. Starts nothing. @returns undefined where none run */
  async followUpRetry(options: RetryFollowUpsOptions = {}): Promise<FollowUpRetry | undefined> {
    return FollowUpRetry.running(this.client, await this.retryStart(options));
  }

  private async retryStart({ attempt = 1, ...options }: RetryFollowUpsOptions): Promise<FollowUpRetryStart> {
    const taskQueue = options.taskQueue ?? (await this.endedTaskQueue());
    const { followUp, inputPath, canceled, activityTaskQueue = taskQueue, jobStartedAt = this.ended?.started_at } = options;
    return { jobId: this.id, attempt, followUp, inputPath, canceled, activityTaskQueue, taskQueue, jobStartedAt };
  }

  private async endedTaskQueue(): Promise<string> {
    await this.endedReport();
    return (await this.workflow.describe()).taskQueue;
  }

  /** Of the results it never changes: the server is asked for it once. */
  private async endedReport(): Promise<JobReport> {
    if (this.ended) return this.ended;
    const { report, failure } = await this.status();
    if (failure) throw new JobFailedError(this.id, failure.status, failure.message);
    if (!report) throw new JobUnfinishedError(this.id);
    this.ended = report;
    return report;
  }

  /** A job that has ended takes no signals, and needs none. */
  private async send<Args extends unknown[]>(signal: SignalDefinition<Args>, ...args: Args): Promise<void> {
    try {
      await this.workflow.signal(signal, ...args);
    } catch (error) {
      if (!(error instanceof WorkflowNotFoundError)) throw error;
      await this.status();
    }
  }
}
