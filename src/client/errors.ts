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
