import { DEFAULT_FOLLOW_UP_WINDOW, type FollowUpOptions } from '../../contract';

/** Options that can be compared: what is left out, or null from another language, means the default; as they are when written and read again. */
export function completeFollowUp({ workflow, taskQueue, on, where, window, per, args }: FollowUpOptions): Required<Omit<FollowUpOptions, 'taskQueue'>> & Pick<FollowUpOptions, 'taskQueue'> {
  const complete = {
    workflow,
    taskQueue: taskQueue ?? undefined,
    on: [...(on ?? ['succeeded'])].sort(),
    where: where ?? {},
    window: window ?? DEFAULT_FOLLOW_UP_WINDOW,
    per: per ?? 'result',
    args: args ?? [],
  };
  return JSON.parse(JSON.stringify(complete)) as typeof complete;
}
