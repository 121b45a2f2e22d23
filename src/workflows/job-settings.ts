import type { JobInput, JobSettings } from '../contract';

/** Rounds after the first that errored-but-retryable and expired requests may get. */
const DEFAULT_RETRIES = 2;

/** What of a job can be changed while it runs: as it was started, and as it was changed since. */
export class CurrentSettings {
  /** What was changed, for the next run of the workflow and for parts that have not heard of it. */
  readonly changed: JobSettings;
  private started: JobSettings;

  constructor(private readonly input: JobInput) {
    this.changed = { ...input.resumed?.settings };
    this.started = input;
  }

  /** What the job's record says: it was started before, and may be started now without saying all of it again. */
  recorded(settings: JobSettings): void {
    this.started = { ...this.input, ...settings };
  }

  change(settings: JobSettings): void {
    Object.assign(this.changed, settings);
  }

  get retries(): number {
    return this.changed.retries ?? this.started.retries ?? DEFAULT_RETRIES;
  }

  /** See `JobInput.queueLimit`. */
  get queueLimit(): number | undefined {
    return orNone(this.changed.queueLimit, this.started.queueLimit);
  }

  /** See `JobInput.maxCost`. */
  get maxCost(): number | undefined {
    return orNone(this.changed.maxCost, this.started.maxCost);
  }
}

/** Null takes a limit away. */
function orNone(changed: number | null | undefined, started: number | null | undefined): number | undefined {
  return (changed === undefined ? started : changed) ?? undefined;
}
