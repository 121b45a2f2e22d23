/** What became of a create, and what keeps a worker from making one: activities by themselves, with a real simulator. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ApplicationFailure } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import type { ActivityDependencies, MessageBatchesActivities, ReconcileResult } from '../../src/activities';
import { createActivities } from '../../src/activities';
import type { ApiOptions } from '../../src/api';
import { MessageBatchesApi } from '../../src/api';
import type { Attention } from '../../src/contract';
import { noOutcomes, noUsage } from '../../src/contract';
import type { CallPace } from '../../src/jobs';
import { JobFolder } from '../../src/jobs';
import type { Simulator } from '../../src/simulator';
import { startSimulator } from '../../src/simulator';
import { openStorageRoot } from '../../src/storage';
import { closeProxies, connectProxy, PROXIED_HOST } from '../api/support/connect-proxy';
import { requestLines, writeLines } from '../jobs/helpers';

const REQUESTS = 5;
const GRACE_MS = 120_000;
const TERMS = { newestBefore: [], graceMs: GRACE_MS };

let folder: string;
let simulator: Simulator;
let refusals: Attention[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'message-batches-create-'));
  simulator = await startSimulator({ folder: join(folder, 'simulator'), processingMs: 0 });
  refusals = [];
});
afterEach(async () => {
  await closeProxies();
  await simulator.close();
  await rm(folder, { recursive: true });
});

const ref = () => ({ jobId: 'job', round: 1, part: 1, output: join(folder, 'output') });

/** Plans a job of one part, and gives its activities to `act`. */
async function withActivities<T>(options: ApiOptions, act: (activities: MessageBatchesActivities) => Promise<T>, pace?: CallPace): Promise<T> {
  const api = new MessageBatchesApi({ baseUrl: simulator.url, credential: { kind: 'x-api-key', token: 'key' }, maxRetries: 0, ...options });
  const deps: ActivityDependencies = {
    api,
    account: { label: 'test', baseUrl: simulator.url },
    storage: await openStorageRoot(join(folder, 'storage')),
    onAccessRefused: (attention) => refusals.push(attention),
    ...(pace && { pace }),
  };
  const activities = createActivities(deps);
  try {
    const requests = writeLines(folder, requestLines(REQUESTS));
    await environment().run(activities['messageBatches.planJob'], { jobId: 'job', requests, output: ref().output, simulated: true, betas: [] });
    await environment().run(activities['messageBatches.openPart'], ref());
    return await act(activities);
  } finally {
    await api.close();
  }
}

function environment(attempt = 1): MockActivityEnvironment {
  return new MockActivityEnvironment({ attempt }, { logger: new DefaultLogger('ERROR') });
}

async function failureOf(failing: Promise<unknown>): Promise<ApplicationFailure> {
  const failure = await failing.catch((error: unknown) => error);
  if (!(failure instanceof ApplicationFailure)) throw new Error(`Not an ApplicationFailure: ${String(failure)}`);
  return failure;
}

/** @returns how long a create that was answered this status is waited for before a list counts, in ms. */
function waitAfter(status: number, html = false): Promise<number> {
  simulator.addFault({ on: 'create', kind: 'status', status, html });
  return withActivities({}, async (activities) => {
    await environment().run(activities['messageBatches.claimCreate'], ref(), REQUESTS);
    const created = await environment().run(activities['messageBatches.createBatch'], ref(), 1, TERMS);
    expect(created).toEqual({ kind: 'open', attempt: 1 });
    const found: ReconcileResult = await environment().run(activities['messageBatches.reconcileCreate'], ref(), 1, 0);
    if (found.kind !== 'wait') throw new Error(`Decided at once: ${found.kind}`);
    return found.ms;
  });
}

describe('how long a create is waited for before it is looked up', () => {
  test.each([500, 529])('the API itself answered %d: it has let go of it', async (status) => {
    expect(await waitAfter(status)).toBe(15_000);
  });

  test.each([408, 499, 502, 503, 504])('%d: it may still be carried out', async (status) => {
    expect(await waitAfter(status)).toBe(GRACE_MS);
  });

  test('something in between answered 500', async () => {
    expect(await waitAfter(500, true)).toBe(GRACE_MS);
  });
});

describe('a worker that cannot reach the API as it was started', () => {
  const proxied = async (refusal: number): Promise<ApiOptions> => {
    const proxy = await connectProxy({ target: Number(new URL(simulator.url).port) });
    proxy.refusal = refusal;
    return { baseUrl: `http://${PROXIED_HOST}`, proxy: { http: proxy.url } };
  };

  test.each([407, 403])('its proxy answers %d: a person is asked at once, and the worker told', async (status) => {
    await withActivities(await proxied(status), async (activities) => {
      const failure = await failureOf(environment().run(activities['messageBatches.retrieveBatch'], ref(), 'msgbatch_1'));
      expect(failure).toMatchObject({ nonRetryable: true, type: 'NoAccess', details: [{ code: 'no_access' }], message: expect.stringContaining(`it answered ${status}; nothing was sent`) });
      expect(refusals).toEqual([expect.objectContaining({ code: 'no_access', message: failure.message, hint: expect.stringContaining('HTTPS_PROXY') })]);
    });
  });

  test('its proxy is busy: tried again', async () => {
    await withActivities(await proxied(503), async (activities) => {
      expect(await failureOf(environment().run(activities['messageBatches.retrieveBatch'], ref(), 'msgbatch_1'))).toMatchObject({ nonRetryable: false });
      expect(refusals).toEqual([]);
    });
  });

  test('a create that the proxy refuses was not sent, and asks for a person', async () => {
    await withActivities({}, (activities) => environment().run(activities['messageBatches.claimCreate'], ref(), REQUESTS));
    await withActivities(await proxied(407), async (activities) => {
      const created = await environment().run(activities['messageBatches.createBatch'], ref(), 1, TERMS);
      expect(created).toMatchObject({ kind: 'not_accepted', nextAttempt: 2, why: 'no_access', message: expect.stringContaining('407') });
      expect(refusals).toHaveLength(1);
    });
  });

  test('no credential is to be had: tried again for a while, then a person is asked; the worker goes on', async () => {
    const token = () => {
      throw new Error('secret words');
    };
    await withActivities({ credential: { kind: 'bearer', token } }, async (activities) => {
      const failures = await Promise.all([1, 4, 5].map((attempt) => failureOf(environment(attempt).run(activities['messageBatches.retrieveBatch'], ref(), 'msgbatch_1'))));
      expect(failures.map(({ nonRetryable }) => nonRetryable)).toEqual([false, false, true]);
      expect(failures[2]).toMatchObject({ details: [{ code: 'no_access' }] });
      expect(JSON.stringify(failures)).not.toContain('secret words');
      expect(refusals).toEqual([]);
    });
  });
});

describe('while a create waits for its place', () => {
  const INTENT = { attempt: 1, requests: REQUESTS, body_bytes: 1, body_sha256: '', created_at: '', deadline: '', grace_ms: 0, newest_before: [], made_by: 'other' };
  const job = () => new JobFolder(join(folder, 'storage'), 'job');
  const createWhile = (attempt: number, act: () => Promise<void>) =>
    withActivities({}, async (activities) => {
      await environment().run(activities['messageBatches.claimCreate'], ref(), REQUESTS);
      return environment().run(activities['messageBatches.createBatch'], ref(), attempt, TERMS);
    }, { place: act } as unknown as CallPace);

  test('an attempt before it is answered after all: nothing is sent', async () => {
    const { creates } = job().part(1, 1);
    await creates.begin(INTENT);
    await creates.voided(1, { at: '', reason: 'not_in_list', message: '' });
    const created = await createWhile(2, () => creates.answered(1, { batch_id: 'msgbatch_late', created_at: '2026-11-27T10:00:00Z', simulated: true }));
    expect(created).toMatchObject({ kind: 'accepted', attempt: 1, batchId: 'msgbatch_late' });
    expect(simulator.stats().calls.create).toBe(0);
  });

  test('the part is reported by another worker: nothing is sent', async () => {
    const created = await createWhile(1, () => job().part(1, 1).writeReport({ jobId: 'job', round: 1, part: 1, requests: REQUESTS, outcomes: noOutcomes(), retryable: 0, usage: noUsage(), problems: [], simulated: true }));
    expect(created).toMatchObject({ kind: 'not_accepted', nextAttempt: 2, why: 'passing' });
    expect(simulator.stats().calls.create).toBe(0);
  });
});
