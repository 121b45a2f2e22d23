import type { JobHandle } from '../client';
import type { Attention } from '../contract';

/**
 * Tells a job that waits for a person to try again: who attaches to it has mended what could be mended.
 * @param pausedToo also lifts a pause that somebody asked for.
 * @returns why it waited
 */
export async function resumeIfWaiting(job: JobHandle, { pausedToo }: { pausedToo: boolean }): Promise<Attention | undefined> {
  const status = await job.status();
  if (status.phase !== 'ended' && (status.attention || (pausedToo && status.paused))) await job.resume();
  return status.attention;
}
