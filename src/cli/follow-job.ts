import { setTimeout as sleep } from 'node:timers/promises';
import type { JobHandle, ObservedJobStatus } from '../client';
import type { Attention, AttentionCode, JobReport } from '../contract';
import { toCliError } from './cli-error';
import type { ProgressDisplay } from './display/progress-display';

/** How long an old reason to wait for a person may still show after the job was told to try again, or was canceled, in ms. */
const RETRY_GRACE_MS = 20_000;

/** What another worker, with another environment, can do. */
const ACCESS_CODES: ReadonlySet<string> = new Set<AttentionCode>(['key_refused', 'no_access']);

export interface FollowOptions {
  display: ProgressDisplay;
  /** A person looks on: what needs one is shown, and waited for. */
  interactive: boolean;
  /** The reason to wait that was there before the job was told to try again. */
  oldAttention?: Attention;
  /** Whether a worker in this process has a key, and a way to the API, that were not refused. */
  accessIsGood(): Promise<boolean>;
  /** Time between two looks in ms; the end is noticed at once all the same. */
  intervalMs: number;
  signal: AbortSignal;
  /** Called where the server stops answering; makes it answer again or throws. */
  reconnect(): Promise<void>;
}

export type Followed =
  | { kind: 'ended'; report: JobReport }
  | { kind: 'failed'; status: ObservedJobStatus }
  | { kind: 'attention'; attention: Attention };

/** Shows how a job goes on until it ends, or needs a person where none looks on. */
export async function followJob(job: JobHandle, options: FollowOptions): Promise<Followed> {
  let graceEnds = Date.now() + RETRY_GRACE_MS;
  let retriedSince: string | undefined;
  const ended = new AbortController();
  const pause = AbortSignal.any([options.signal, ended.signal]);
  // The server tells of the end at once; where it cannot, the next look does.
  job.report().then(
    () => ended.abort(),
    () => undefined,
  );
  for (;;) {
    const status = await reached(() => job.status(), options);
    // Whoever has left meanwhile has closed the display.
    options.signal.throwIfAborted();
    if (status) {
      options.display.update(status);
      if (status.report) return { kind: 'ended', report: status.report };
      if (status.failure) return { kind: 'failed', status };
      const { attention } = status;
      // Refused was a worker before this one: its job may show that only now.
      const earlierWorker = attention !== undefined && ACCESS_CODES.has(attention.code) && (await options.accessIsGood());
      if (earlierWorker && attention.since !== retriedSince) {
        await reached(() => job.resume(), options);
        retriedSince = attention.since;
        graceEnds = Date.now() + RETRY_GRACE_MS;
      }
      const old = (earlierWorker || attention?.since === options.oldAttention?.since) && Date.now() < graceEnds;
      // Canceled follow-ups that nobody has served are closed by themselves, in a moment; others wait for whoever can end them.
      const passes = status.cancelRequested && attention?.code === 'follow_up_unserved' && Date.now() < graceEnds;
      if (attention && !old && !passes && !options.interactive) return { kind: 'attention', attention };
    }
    options.signal.throwIfAborted();
    await sleep(ended.signal.aborted ? 100 : options.intervalMs, undefined, { signal: ended.signal.aborted ? options.signal : pause }).catch(() => undefined);
    options.signal.throwIfAborted();
  }
}

/** @returns undefined where the server did not answer. */
async function reached<T>(ask: () => Promise<T>, { display, reconnect, signal }: FollowOptions): Promise<T | undefined> {
  try {
    return await ask();
  } catch (error) {
    signal.throwIfAborted();
    if (toCliError(error).code !== 'temporal_unreachable') throw error;
    display.note('The Temporal server does not answer. Nothing is lost; trying again.');
    await reconnect();
    return undefined;
  }
}
