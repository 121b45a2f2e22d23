/** Follow-ups of a job that has ended may run again now, of which its report does not tell. */
import type { ObservedFollowUpRetry } from '../client';
import type { JobReport } from '../contract';
import { observeEnded } from './observe';
import { openRunningSession } from './session';
import type { Session, SessionOptions } from './session';

/** Where follow-ups may run again. What the report tells stands also where no server answers. */
export async function sessionForRetries(options: SessionOptions, { follow_ups: followUps }: JobReport): Promise<Session | undefined> {
  if (!followUps?.options || followUps.succeeded >= followUps.selected) return undefined;
  return openRunningSession(options).catch((error: Error) => {
    options.out.say(`Whether follow-ups run again now cannot be told: ${error.message}`);
    return undefined;
  });
}

/** Asks the server, where one runs. @returns undefined where none run again */
export async function runningRetry(options: SessionOptions, report: JobReport): Promise<ObservedFollowUpRetry | undefined> {
  const session = await sessionForRetries(options, report);
  try {
    return session && (await observeEnded(report, session)).followUpRetry;
  } finally {
    await session?.close();
  }
}
