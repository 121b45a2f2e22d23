import type { JobInput, JobSettings } from '../contract';

/** Rounds after the first that errored-but-retryable and expired requests may get. */
const DEFAULT_RETRIES = 2;

/** What of a job can be changed while it runs: as it was started, and as it was changed since. */
export class CurrentSettings {
  /** What was changed, for the next run of the workflow and for parts that have not heard of it. */
  readonly changed: JobSettings;

  constructor(private readonly input: JobInput) {
    this.changed = { ...input.resumed?.settings };
  }

  change(settings: JobSettings): void {
    Object.assign(this.changed, settings);
  }

  get retries(): number {
    return this.changed.retries ?? this.input.retries ?? DEFAULT_RETRIES;
  }

  /** See `JobInput.queueLimit`. */
  get queueLimit(): number | undefined {
    return orNone(this.changed.queueLimit, this.input.queueLimit);
  }

  /** See `JobInput.maxCost`. */
  get maxCost(): number | undefined {
    return orNone(this.changed.maxCost, this.input.maxCost);
  }
}

/** Null takes a limit away. */
function orNone(changed: number | null | undefined, started: number | undefined): number | undefined {
  return changed === undefined ? started : (changed ?? undefined);
}
