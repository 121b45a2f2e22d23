import { Context, log } from '@temporalio/activity';
import { firstWorkflowTask, isFresh, readPollers } from '../temporal';
import type { FirstWorkflowTask, Poller } from '../temporal';
import type { ActivityDependencies } from './dependencies';
import { runActivity } from './failures';
import type { FollowUpService, FollowUpServiceInput } from './payloads';
import { askTemporal } from './temporal-calls';

/** Executions that are looked at: of a queue that several workers serve, one of them knows the type after few. */
const MOST_EXECUTIONS = 10;
/** So many attempts are made where the server does not answer: what is not known is no reason to call a person. */
const ATTEMPTS = 3;
/** A worker that starts together with the job is not there yet. */
const WORKER_STARTS_MS = 10_000;
/** A worker with no task of ours in its hands takes one at once; it is given this time to come back from others. */
const WORKER_RETURNS_MS = 30_000;
/** Another worker of the queue may know the type, or the same one get through at its next attempt, which comes after 10 s. */
const OTHERS_TRY_MS = 20_000;

/** Says whether follow-ups that were started are served: by how it stands with their first workflow tasks, and by who polls. Times differ by what each proves. */
export function followUpServiceActivity(deps: ActivityDependencies) {
  return async function followUpService(input: FollowUpServiceInput): Promise<FollowUpService> {
    return runActivity(deps, async () => {
      try {
        const tasks = await askTemporal((client) => Promise.all(input.workflowIds.slice(0, MOST_EXECUTIONS).map((workflowId) => firstWorkflowTask(client, workflowId))));
        const known = tasks.filter((task) => task !== undefined);
        if (!input.isServed && known.some(({ kind }) => kind === 'completed')) return { kind: 'served' };
        const pollers = await askTemporal((client) => readPollers(client, input.taskQueue));
        return input.isServed ? judgeServed(input, known, pollers, Date.now()) : judgeService(input, known, pollers, Date.now());
      } catch (error) {
        const { info, cancellationSignal } = Context.current();
        if (info.attempt < ATTEMPTS || cancellationSignal.aborted) throw error;
        log.warn(`Whether ${input.workflow} is served on ${input.taskQueue} cannot be seen: ${(error as Error).message}`);
        return { kind: 'busy' };
      }
    });
  };
}

/**
 * What follows from first workflow tasks none of which is completed.
 *
 * @param pollers all that the server lists, which it does for five minutes after their last poll.
 * @param now in ms since 1970.
 */
export function judgeService({ workflow, taskQueue }: Pick<FollowUpServiceInput, 'workflow' | 'taskQueue'>, tasks: FirstWorkflowTask[], pollers: Poller[], now: number): FollowUpService {
  const nobody = nobodyPolls(workflow, taskQueue);
  const failed = tasks.filter((task) => task.kind === 'failed').toSorted((a, b) => a.at - b.at);
  const [first] = failed;
  if (first) {
    const refusals = failed.filter(({ message }) => saysUnknown(message, workflow));
    const refused = refusals[0] && `${nobody}: a worker that polls it does not know this type (${refusals[0].message})`;
    if (refused !== undefined && allRefuse(refusals, pollers, now)) return { kind: 'unserved', message: refused };
    if (now - first.at < OTHERS_TRY_MS) return { kind: 'busy' };
    return { kind: 'unserved', message: refused ?? `workflow tasks of ${workflow} fail on ${taskQueue}: ${first.message}` };
  }
  const waits = tasks.filter((task) => task.kind === 'waiting').map(({ since }) => since);
  const since = Math.min(...waits);
  if (waits.length < tasks.length || waits.length === 0 || now - since < WORKER_STARTS_MS) return { kind: 'busy' };
  // Who has polled since was given other tasks; who has not is dead, or would have been given this one.
  if (pollers.some((poller) => now - poller.lastAccess < WORKER_RETURNS_MS || (poller.lastAccess >= since && isFresh(poller, now)))) return { kind: 'busy' };
  return { kind: 'unserved', message: nobody };
}

/**
 * What follows where they were served: the worker that did so may have been replaced by one that takes up no more of them, or fails at those
 * that have begun. Where no task says so it counts who polls: a timer of theirs may be far off, but a worker polls all the time.
 *
 * @param tasks first workflow tasks, of those that have begun as well.
 * @param pollers all that the server lists. @param now in ms since 1970.
 */
export function judgeServed(input: Pick<FollowUpServiceInput, 'workflow' | 'taskQueue'>, tasks: FirstWorkflowTask[], pollers: Poller[], now: number): FollowUpService {
  const open = tasks.map((task) => (task.kind === 'completed' ? task.failing : task)).filter((task) => task !== undefined);
  const service = judgeService(input, open, pollers, now);
  if (service.kind === 'unserved') return service;
  if (!pollers.some((poller) => isFresh(poller, now))) return { kind: 'unserved', message: nobodyPolls(input.workflow, input.taskQueue) };
  return { kind: open.some(({ kind }) => kind === 'failed') ? 'busy' : 'served' };
}

function nobodyPolls(workflow: string, taskQueue: string): string {
  return `no worker polls ${taskQueue} for ${workflow}`;
}

/** Whether everybody who polls has said that it does not know the type. */
function allRefuse(refusals: { identity?: string }[], pollers: Poller[], now: number): boolean {
  const refusing = new Set(refusals.map(({ identity }) => identity));
  return pollers.filter((poller) => isFresh(poller, now)).every(({ identity }) => refusing.has(identity));
}

/** The SDKs word it differently: TypeScript; Python, .NET and Ruby; Go; Java; PHP. All of them name the type. */
const UNKNOWN_TYPE = /no such function is exported|not registered|unable to find workflow type|unknown workflow type/i;

function saysUnknown(message: string, workflow: string): boolean {
  return message.includes(workflow) && UNKNOWN_TYPE.test(message);
}
