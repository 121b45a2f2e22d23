import type { JobHandle } from '../client';
import type { Attention } from '../contract';

/**
 * Tells a job that waits for a person to try again: who attaches to it has mended what could be mended.
 * @param pausedToo also lifts a pause that somebody asked for.
 * @returns why it waited
 */
export async function resumeIfWaiting(job: JobHandle, { pausedToo }: { pausedToo: boolean }): Promise<Attention | undefined> {
  const status = await job.status();
  // Where no worker has answered, nobody knows whether it is paused; one that is not takes no harm.
  const mayBePaused = status.paused || status.source === 'memo';
  if (status.phase !== 'ended' && (status.attention || (pausedToo && mayBePaused))) await job.resume();
  return status.attention;
}
