/** Whether somebody serves the workflows that were started: real workers, and one that is killed, on a real server. Only the clock of what is long is not real. */
import { MockActivityEnvironment } from '@temporalio/testing';
import type { ActivityDependencies, FollowUpService } from '../../src/activities';
import { createActivities } from '../../src/activities';
import { judgeServed, judgeService } from '../../src/activities/follow-up-service';
import { workflowTaskQueue } from '../../src/contract';
import type { FirstWorkflowTask } from '../../src/temporal';
import { firstWorkflowTask, readPollers } from '../../src/temporal';
import { Queues, silent } from '../support/served/queues';
import { sharedTemporal } from '../support/shared-temporal';
import type { TemporalServer } from '../support/temporal-server';
import { workflowBundle } from '../support/workflow-bundle';
import { World } from '../support/world';
import { until } from '../support/until';

const shared = sharedTemporal();
let temporal: TemporalServer;
let queues: Queues;
/** Started first: what is told of it takes ten seconds. */
let alone: { queue: string; workflowId: string };

beforeAll(async () => {
  temporal = await shared.start();
  queues = await Queues.open(temporal.address);
  const queue = queues.newQueue();
  alone = { queue, workflowId: await queues.start(queue, 'endsNow') };
});

afterEach(() => queues.stopWorkers());

afterAll(async () => {
  await queues.close();
  await shared.stop();
});

function service(workflow: string, taskQueue: string, workflowIds: string[], isServed?: boolean): Promise<FollowUpService> {
  const environment = new MockActivityEnvironment({}, { client: queues.client, logger: silent });
  return environment.run(createActivities({} as ActivityDependencies)['messageBatches.followUpService'], { workflow, taskQueue, workflowIds, isServed });
}

/** What it will say so many seconds from now, if nothing happens until then. */
async function serviceIn(seconds: number, workflow: string, taskQueue: string, workflowIds: string[]): Promise<FollowUpService> {
  const tasks = await Promise.all(workflowIds.map((workflowId) => firstWorkflowTask(queues.client, workflowId)));
  const known = tasks.filter((task) => task !== undefined);
  return judgeService({ workflow, taskQueue }, known, await readPollers(queues.client, taskQueue), Date.now() + seconds * 1000);
}

/** The same of those of which some were served. */
async function servedIn(seconds: number, workflow: string, taskQueue: string, workflowIds: string[]): Promise<FollowUpService> {
  const tasks = await Promise.all(workflowIds.map((workflowId) => firstWorkflowTask(queues.client, workflowId)));
  const known = tasks.filter((task) => task !== undefined);
  return judgeServed({ workflow, taskQueue }, known, await readPollers(queues.client, taskQueue), Date.now() + seconds * 1000);
}

const kindOf = async (workflowId: string) => (await firstWorkflowTask(queues.client, workflowId))?.kind;
const unserved = (seen: FollowUpService) => seen.kind === 'unserved';

test('one that has got through its first task, or has ended, is served', async () => {
  const queue = queues.newQueue();
  await queues.startWorker(queue);
  const runs = await queues.start(queue, 'endsNow', ['sleeps']);
  const ended = await queues.start(queue, 'endsNow', ['completes']);
  await queues.client.workflow.getHandle(ended).result();
  expect(await service('endsNow', queue, [ended])).toEqual({ kind: 'served' });
  await until(() => kindOf(runs), (kind) => kind === 'completed');
  expect(await service('endsNow', queue, [runs])).toEqual({ kind: 'served' });
  // One of several is enough; one that there is no more, or that was ended before a worker saw it, says nothing.
  const unseen = await queues.start(queues.newQueue(), 'endsNow');
  await queues.client.workflow.getHandle(unseen).terminate();
  expect(await service('endsNow', queue, ['no-such-workflow', unseen, ended])).toEqual({ kind: 'served' });
  expect(await serviceIn(60, 'endsNow', queues.newQueue(), ['no-such-workflow', unseen])).toEqual({ kind: 'busy' });
});

test('a fault in a later task is no matter of who serves it', async () => {
  const queue = queues.newQueue();
  const worker = await queues.startWorker(queue);
  const workflowId = await queues.start(queue, 'endsNow', ['sleeps']);
  await until(() => kindOf(workflowId), (kind) => kind === 'completed');
  worker.shutdown();
  await queues.stopWorkers();
  // The next task comes to a worker that does not know the type.
  await queues.startWorker(queue, workflowBundle());
  await queues.client.workflow.getHandle(workflowId).signal('anything');
  await until(
    () => queues.client.workflow.getHandle(workflowId).describe(),
    ({ raw }) => (raw.pendingWorkflowTask?.attempt ?? 0) > 1,
  );
  expect(await service('endsNow', queue, [workflowId])).toEqual({ kind: 'served' });
  // But it is one of those that were served, and no longer are.
  const refused = `no worker polls ${queue} for endsNow: a worker that polls it does not know this type (Failed to initialize workflow of type 'endsNow': no such function is exported by the workflow bundle)`;
  expect(await servedIn(25, 'endsNow', queue, [workflowId])).toEqual({ kind: 'unserved', message: refused });
});

test('a worker that has served some, replaced by one that takes up no more of them: it is told, also while those that have begun have nothing to do', async () => {
  const queue = queues.newQueue();
  await queues.startWorker(queue, { identity: 'old' });
  const begun = await queues.start(queue, 'endsNow', ['sleeps']);
  await until(() => kindOf(begun), (kind) => kind === 'completed');
  expect(await service('endsNow', queue, [begun], true)).toEqual({ kind: 'served' });
  await queues.stopWorkers();
  await queues.startWorker(queue, { ...workflowBundle(), identity: 'new' });
  const next = await queues.start(queue, 'endsNow', ['completes']);
  await until(() => kindOf(next), (kind) => kind === 'failed');
  expect(await service('endsNow', queue, [begun, next], true)).toEqual({ kind: 'busy' });
  expect(await servedIn(25, 'endsNow', queue, [begun, next])).toMatchObject({ kind: 'unserved', message: expect.stringContaining(`no worker polls ${queue} for endsNow: a worker that polls it does not know this type`) });
  expect(await servedIn(25, 'endsNow', queue, [begun])).toEqual({ kind: 'served' });
});

test('those that have begun, with a fault that no retry mends, are told of in the words of the fault', async () => {
  const queue = queues.newQueue();
  await queues.startWorker(queue);
  const workflowId = await queues.start(queue, 'stumblesLater');
  await until(() => kindOf(workflowId), (kind) => kind === 'completed');
  expect(await service('stumblesLater', queue, [workflowId], true)).toEqual({ kind: 'served' });
  await queues.client.workflow.getHandle(workflowId).signal('finish');
  await until(() => service('stumblesLater', queue, [workflowId], true), ({ kind }) => kind === 'busy');
  expect(await servedIn(25, 'stumblesLater', queue, [workflowId])).toEqual({ kind: 'unserved', message: `workflow tasks of stumblesLater fail on ${queue}: Cannot read the answer of nobody` });
});

test('a worker that does not know the type says so itself, at once', async () => {
  const queue = queues.newQueue();
  await queues.startWorker(queue);
  const workflowIds = [await queues.start(queue, 'gradeAnswer'), await queues.start(queue, 'gradeAnswer')];
  const seen = await until(() => service('gradeAnswer', queue, workflowIds), unserved);
  expect(seen).toEqual({
    kind: 'unserved',
    message: `no worker polls ${queue} for gradeAnswer: a worker that polls it does not know this type (Failed to initialize workflow of type 'gradeAnswer': no such function is exported by the workflow bundle)`,
  });
});

test('while workers are replaced, the old ones may refuse what the new ones know', async () => {
  const queue = queues.newQueue();
  await queues.startWorker(queue, { ...workflowBundle(), identity: 'old' });
  const early = await queues.start(queue, 'endsNow', ['completes']);
  await until(() => kindOf(early), (kind) => kind === 'failed');
  // Until the old one is off the list, it may be that the one who has refused is not the one who will serve.
  await queues.startWorker(queue, { identity: 'new' });
  await until(() => readPollers(queues.client, queue), (pollers) => pollers.some(({ identity }) => identity === 'new'));
  expect(await service('endsNow', queue, [early])).toEqual({ kind: 'busy' });
  expect(await serviceIn(25, 'endsNow', queue, [early])).toMatchObject({ kind: 'unserved', message: expect.stringContaining('no such function') });
  // Of many, one comes to the new worker.
  const served = async () => {
    const workflowId = await queues.start(queue, 'endsNow', ['completes']);
    await until(() => kindOf(workflowId), (kind) => kind === 'failed' || kind === 'completed');
    return service('endsNow', queue, [early, workflowId]);
  };
  expect(await until(served, ({ kind }) => kind === 'served')).toEqual({ kind: 'served' });
});

test('a fault of the workflow itself is told as such, once it has had time to pass', async () => {
  const queue = queues.newQueue();
  await queues.startWorker(queue);
  const workflowId = await queues.start(queue, 'stumbles');
  await until(() => kindOf(workflowId), (kind) => kind === 'failed');
  expect(await service('stumbles', queue, [workflowId])).toEqual({ kind: 'busy' });
  expect(await serviceIn(25, 'stumbles', queue, [workflowId])).toEqual({ kind: 'unserved', message: `workflow tasks of stumbles fail on ${queue}: Cannot read the answer of nobody` });
});

test('a worker with too much to do is busy, however long that takes', async () => {
  const queue = queues.newQueue();
  await queues.startWorker(queue, { maxConcurrentWorkflowTaskExecutions: 2, workflowThreadPoolSize: 1 });
  const workflowIds: string[] = [];
  for (let count = 0; count < 10; count++) workflowIds.push(await queues.start(queue, 'thinksLong', [700]));
  const last = workflowIds.slice(-3);
  expect(await Promise.all(last.map(kindOf))).toEqual(['waiting', 'waiting', 'waiting']);
  expect(await service('thinksLong', queue, last)).toEqual({ kind: 'busy' });
  // It comes for other tasks while this one waits, which is how it is told from one that is gone.
  const waiting = await firstWorkflowTask(queues.client, last[2]!);
  const since = (waiting as { since: number }).since;
  const pollers = await until(() => readPollers(queues.client, queue), (all) => all.some(({ lastAccess }) => lastAccess >= since));
  expect(judgeService({ workflow: 'thinksLong', taskQueue: queue }, [waiting!], pollers, since + 80_000)).toEqual({ kind: 'busy' });
});

test('a worker that was killed is on the list for minutes, and does not count for long', async () => {
  const world = await World.create({}, temporal);
  try {
    const worker = await world.startWorker();
    const queue = workflowTaskQueue(world.account);
    await until(() => readPollers(queues.client, queue), (pollers) => pollers.length > 0);
    await worker.kill();
    // Until the server notices that the connection is gone, it gives tasks to the polls of the dead.
    let workflowId = '';
    const seen = await until(async () => serviceIn(31, 'endsNow', queue, [(workflowId = await queues.start(queue, 'endsNow'))]), unserved);
    expect(seen).toEqual({ kind: 'unserved', message: `no worker polls ${queue} for endsNow` });
    expect(await readPollers(queues.client, queue)).not.toEqual([]);
    expect(await serviceIn(15, 'endsNow', queue, [workflowId])).toEqual({ kind: 'busy' });
  } finally {
    await world.close();
  }
});

test('of those that were served, it is asked whether anybody still polls, whatever their own tasks are', async () => {
  const queue = queues.newQueue();
  await queues.startWorker(queue);
  const pollers = await until(() => readPollers(queues.client, queue), (all) => all.length > 0);
  const ask = (taskQueue: string) => service('endsNow', taskQueue, [], true);
  expect(await ask(queue)).toEqual({ kind: 'served' });
  const nobody = queues.newQueue();
  expect(await ask(nobody)).toEqual({ kind: 'unserved', message: `no worker polls ${nobody} for endsNow` });
  // One that is gone stays on the list for minutes; one that is there comes again within one.
  const input = { workflow: 'endsNow', taskQueue: queue };
  const last = Math.max(...pollers.map(({ lastAccess }) => lastAccess));
  expect(judgeServed(input, [], pollers, last + 61_000)).toEqual({ kind: 'served' });
  expect(judgeServed(input, [], pollers, last + 91_000)).toEqual({ kind: 'unserved', message: `no worker polls ${queue} for endsNow` });
});

test('of canceled ones, those that no worker has taken up are closed, and no others', async () => {
  const queue = queues.newQueue();
  await queues.startWorker(queue);
  const begun = await queues.start(queue, 'endsNow', ['sleeps']);
  await until(() => kindOf(begun), (kind) => kind === 'completed');
  const unbegun = await queues.start(queues.newQueue(), 'endsNow');
  // Nobody has taken up its newest run.
  const renewed = await queues.start(queue, 'renews', [queues.newQueue()]);
  await until(() => firstWorkflowTask(queues.client, renewed), (seen) => seen?.isLaterRun === true && seen.kind === 'waiting');
  // A worker has it in its hands: it may be about to do something.
  const takenFrom = queues.newQueue();
  const taken = await queues.start(takenFrom, 'endsNow');
  await queues.client.withDeadline(Date.now() + 30_000, () => queues.client.workflowService.pollWorkflowTaskQueue({ namespace: 'default', taskQueue: { name: takenFrom }, identity: 'in its hands' }));
  const environment = new MockActivityEnvironment({}, { client: queues.client, logger: silent });
  const close = () => environment.run(createActivities({} as ActivityDependencies)['messageBatches.closeUnserved'], [begun, unbegun, renewed, taken]);
  expect(await close()).toEqual({ closed: [unbegun], begun: [begun, renewed] });
  const statusOf = async (workflowId: string) => (await queues.client.workflow.getHandle(workflowId).describe()).status.name;
  expect(await Promise.all([begun, unbegun, renewed, taken].map(statusOf))).toEqual(['RUNNING', 'TERMINATED', 'RUNNING', 'RUNNING']);
  // Another attempt says the same.
  expect(await close()).toEqual({ closed: [unbegun], begun: [begun, renewed] });
});

test('what the workers of other languages say of a type that they do not know', () => {
  const now = Date.now();
  const said = [
    'Workflow class gradeAnswer is not registered on this worker, available workflows: Other',
    'unable to find workflow type: gradeAnswer. Supported types: [Other]',
    'Unknown workflow type "gradeAnswer". Known types are [Other]',
  ];
  for (const message of said) {
    const task: FirstWorkflowTask = { kind: 'failed', at: now, identity: '1@host', message };
    expect(judgeService({ workflow: 'gradeAnswer', taskQueue: 'grading' }, [task], [{ identity: '1@host', lastAccess: now }], now)).toEqual({
      kind: 'unserved',
      message: `no worker polls grading for gradeAnswer: a worker that polls it does not know this type (${message})`,
    });
  }
});

test('nobody polls', async () => {
  // One that was ended before a worker saw it says nothing about the others.
  const unseen = await queues.start(alone.queue, 'endsNow');
  await queues.client.workflow.getHandle(unseen).terminate();
  const seen = await until(() => service('endsNow', alone.queue, [unseen, alone.workflowId]), unserved);
  expect(seen).toEqual({ kind: 'unserved', message: `no worker polls ${alone.queue} for endsNow` });
  // Somebody comes.
  await queues.startWorker(alone.queue);
  await queues.client.workflow.getHandle(alone.workflowId).result();
  expect(await service('endsNow', alone.queue, [alone.workflowId])).toEqual({ kind: 'served' });
});

test('a server that does not answer calls nobody', async () => {
  const environment = new MockActivityEnvironment({ attempt: 3 }, { client: queues.client, logger: silent });
  const gone = new Error('14 UNAVAILABLE');
  const broken: typeof queues.client = Object.create(queues.client, { withDeadline: { value: () => Promise.reject(gone) } });
  const again = new MockActivityEnvironment({ attempt: 3 }, { client: broken, logger: silent });
  const ask = createActivities({} as ActivityDependencies)['messageBatches.followUpService'];
  const input = { workflow: 'endsNow', taskQueue: alone.queue, workflowIds: [alone.workflowId] };
  expect(await again.run(ask, input)).toEqual({ kind: 'busy' });
  expect(await environment.run(ask, input)).toEqual({ kind: 'served' });
});
