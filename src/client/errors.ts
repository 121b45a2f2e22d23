/** No workflow of that job is known to the Temporal server: it never started there, or its history was deleted. */
export class JobNotFoundError extends Error {
  override readonly name = 'JobNotFoundError';

  constructor(readonly jobId: string) {
    super(`The Temporal server knows no job ${jobId}`);
  }
}

/** The job's workflow ended without a report: it failed, was terminated, or was canceled from outside. */
export class JobFailedError extends Error {
  override readonly name = 'JobFailedError';

  constructor(
    readonly jobId: string,
    /** What Temporal calls the end: FAILED, TERMINATED, CANCELLED, TIMED_OUT. */
    readonly status: string,
    reason?: string,
    options?: ErrorOptions,
  ) {
    super(`Job ${jobId} ended as ${status}${reason ? `: ${reason}` : ''}`, options);
  }
}

/** Something that only a job at its end has was asked for too early. */
export class JobUnfinishedError extends Error {
  override readonly name = 'JobUnfinishedError';

  constructor(readonly jobId: string) {
    super(`Job ${jobId} has not ended yet: its outputs are written at the end`);
  }
}

/** A job cannot be started with these options: one is missing, misspelt, or has a value that it cannot have. Nothing was started. */
export class JobOptionsError extends Error {
  override readonly name = 'JobOptionsError';
  readonly code = 'invalid_job_options';
  readonly hint = 'Nothing was started. Mend the option, then start the job again.';
}

/** A job of this id is known that was made of other requests: it is not taken for the one that was asked for. Nothing was started. */
export class JobConflictError extends Error {
  override readonly name = 'JobConflictError';
  readonly code = 'job_conflict';
  readonly hint = 'Nothing was started. Give these requests a job id of their own, or the job the requests that it was made of.';

  constructor(
    readonly jobId: string,
    /** Where the requests of the job that is known lie. */
    readonly known: string,
    /** Where those lie that it was asked for. */
    readonly asked: string,
    running: boolean,
  ) {
    const same = known === asked ? 'of which a checksum says that they are others now' : `not of ${asked}`;
    super(`Job ${jobId} ${running ? 'runs already, and' : 'has ended, and'} was made of ${known}, ${same}`);
  }
}

/** The follow-ups of this job run again already, with another workflow, task queue or arguments than those that were asked for now. */
export class FollowUpRetryConflictError extends Error {
  override readonly name = 'FollowUpRetryConflictError';
  readonly code = 'follow_up_retry_conflict';
  readonly hint: string;

  constructor(readonly jobId: string) {
    super(`Follow-ups of job ${jobId} run again already, with other options`);
    this.hint = `Nothing was started. Stay with those that run: message-batches retry-follow-ups ${jobId}. Or cancel them first: message-batches retry-follow-ups ${jobId} --cancel`;
  }
}
