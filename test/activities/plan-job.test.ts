/** What planning hands to the workflow: an activity by itself, with real files. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { createActivities } from '../../src/activities';
import type { PlannedJob } from '../../src/activities/payloads';
import { MessageBatchesApi } from '../../src/api';
import { readPrices } from '../../src/jobs';
import { openStorageRoot } from '../../src/storage';
import { requestLine, writeLines } from '../jobs/helpers';

/** So many are planned; one is as large as another. */
const PLANNED = 100;
const PARTS = 3_000;

let folder: string;
let api: MessageBatchesApi;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'message-batches-plan-'));
  api = new MessageBatchesApi({ baseUrl: 'http://127.0.0.1:9', credential: { kind: 'x-api-key', token: 'key' } });
});
afterEach(async () => {
  await api.close();
  await rm(folder, { recursive: true });
});

it('thousands of parts stay far below what Temporal carries', async () => {
  const storage = await openStorageRoot(join(folder, 'storage'));
  const activities = createActivities({ api, account: { label: 'test', baseUrl: 'http://127.0.0.1:9' }, storage, prices: await readPrices({ storage: storage.folder }) });
  const requests = writeLines(folder, Array.from({ length: PLANNED }, (_, index) => requestLine(`q-${index}`)));
  const plan = activities['messageBatches.planJob'] as (...args: unknown[]) => Promise<PlannedJob>;
  const planned: PlannedJob = await new MockActivityEnvironment({}, { logger: new DefaultLogger('ERROR') }).run(plan, { jobId: 'job', requests, output: join(folder, 'output'), simulated: true, betas: [], maxRequestsPerBatch: 1 });
  expect(planned.planned).toHaveLength(PLANNED);
  // Of real parts the numbers have more digits.
  const full = Array.from({ length: PARTS }, (_, index) => planned.planned![index % PLANNED]!).map((part, index) => ({ ...part, part: index + 1, requests: 100_000, expected: part.expected!.map((use) => ({ ...use, requests: 100_000, bytes: 268_435_456, maxTokens: 6_400_000_000, longest: 268_435_456 })) }));
  expect(Buffer.byteLength(JSON.stringify({ ...planned, planned: full, parts: full.map((part) => part.requests) }))).toBeLessThan(1_000_000);
});
