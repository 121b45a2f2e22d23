/** From a batch's end to its results on disk: each activity by itself, against a real simulator and real folders. */
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { crc32, gzipSync } from 'node:zlib';
import { ApplicationFailure } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import type { ActivityDependencies, MessageBatchesActivities, PartReference, PlanJobInput } from '../../src/activities';
import { createActivities } from '../../src/activities';
import { MessageBatchesApi } from '../../src/api';
import { type JobReport, noFollowUps, noOutcomes, noUsage } from '../../src/contract';
import type { PartFolder, PartRecords } from '../../src/jobs';
import { AccountRecords, createBody, JobFolder, outputFolder, partFolder, quarantineFile, readLedgerRecord, readPrices, syncedRecords } from '../../src/jobs';
import type { Simulator, SimulatorOptions } from '../../src/simulator';
import { startSimulator } from '../../src/simulator';
import { openStorageRoot, openSegments } from '../../src/storage';
import { requestLine, requestLines, writeLines } from '../jobs/helpers';

const REQUESTS = 5;
const OWNER = { job_id: 'job', round: 1, part: 1 };

interface AttemptInfo {
  attempt?: number;
  /** What the attempt before has told last. */
  heartbeatDetails?: unknown;
  /** Takes the details of all heartbeats. */
  told?: unknown[];
}

type Name = keyof MessageBatchesActivities extends `messageBatches.${infer Plain}` ? Plain : never;
type Activity<N extends Name> = MessageBatchesActivities[`messageBatches.${N}`];

/** A planned job whose batch has ended at a simulator, and its activities. */
class Job {
  private constructor(
    readonly folder: string,
    readonly simulator: Simulator,
    readonly deps: ActivityDependencies,
    readonly input: string,
    readonly ref: PartReference,
  ) {}

  static async create(options: Partial<SimulatorOptions> = {}): Promise<Job> {
    const folder = await mkdtemp(join(tmpdir(), 'message-batches-activities-'));
    const simulator = await startSimulator({ folder: join(folder, 'simulator'), processingMs: 0, ...options });
    const deps: ActivityDependencies = { api: apiOf(simulator.url), account: { label: 'test', baseUrl: simulator.url }, storage: await openStorageRoot(join(folder, 'storage')) };
    const job = new Job(folder, simulator, deps, writeLines(folder, requestLines(REQUESTS)), { jobId: 'job', round: 1, part: 1, output: join(folder, 'output') });
    await job.run('planJob', job.planInput());
    return job;
  }

  async close(): Promise<void> {
    await this.deps.api.close();
    await this.simulator.close();
    await rm(this.folder, { recursive: true });
  }

  planInput(changes: Partial<PlanJobInput> = {}): PlanJobInput {
    return { jobId: 'job', requests: this.input, output: this.ref.output, simulated: true, betas: [], ...changes };
  }

  run<N extends Name>(name: N, ...args: Parameters<Activity<N>>): ReturnType<Activity<N>> {
    return this.attempt({}, name, ...args);
  }

  attempt<N extends Name>(info: AttemptInfo, name: N, ...args: Parameters<Activity<N>>): ReturnType<Activity<N>> {
    const activity = createActivities(this.deps)[`messageBatches.${name}`] as (...given: unknown[]) => Promise<unknown>;
    const result: Promise<unknown> = environment(info).run(activity, ...args);
    return result as ReturnType<Activity<N>>;
  }

  get part(): PartFolder {
    return partFolder(outputFolder(this.ref.output).workFolder, 1, 1);
  }

  get job(): JobFolder {
    return new JobFolder(this.deps.storage.folder, 'job');
  }

  get records(): PartRecords {
    return this.job.part(1, 1);
  }

  get account(): AccountRecords {
    return new AccountRecords(this.deps.storage.folder, this.deps.account);
  }

  /** Creates the part's batch as it is planned. @returns its id. */
  async createBatch(): Promise<string> {
    const plan = await this.job.readPlan(1);
    const { data } = await this.deps.api.create(createBody(this.part, plan!.parts[0]!), { deadline: new Date(Date.now() + 10_000) });
    return data.id;
  }

  /** A batch of the same total of which some requests are of others, adopted for the part. @returns its id. */
  async adoptBatchOf(customIds: string[]): Promise<string> {
    const requests = customIds.map((id) => JSON.parse(requestLine(id)) as { custom_id: string; params: unknown });
    const response = await fetch(`${this.simulator.url}/v1/messages/batches`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-api-key': 'key', 'anthropic-version': '2023-06-01' },
      body: JSON.stringify({ requests }),
    });
    const { id, created_at } = (await response.json()) as { id: string; created_at: string };
    await this.account.own(id, OWNER);
    await this.records.creates.adopted(1, { batch_id: id, created_at, at: created_at, simulated: true });
    return id;
  }

  async stored(): Promise<string> {
    const segments = await openSegments(this.part.segments);
    return (await segments.readBytes(0, segments.checkpoint)).toString('utf8');
  }

  async resultsOf(batchId: string): Promise<string> {
    const chunks: Buffer[] = [];
    for await (const chunk of (await this.deps.api.results(batchId)).body) chunks.push(chunk);
    return Buffer.concat(chunks).toString('utf8');
  }
}

/** The dependencies of the job's activities, with a server of one's own in the place of the simulator. */
async function withServer<T>(listener: RequestListener, act: (deps: ActivityDependencies) => Promise<T>): Promise<T> {
  const server = createServer(listener);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const api = apiOf(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  try {
    return await act({ ...job.deps, api });
  } finally {
    await api.close();
    server.close();
  }
}

/** A server whose results are this text, with a strong tag and ranges or without. */
async function servingResults<T>(text: string, supportsRange: boolean, act: (deps: ActivityDependencies) => Promise<T>): Promise<T> {
  const body = Buffer.from(text);
  return withServer((request, response) => {
    const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
    const headers = { 'content-type': 'application/x-jsonl', ...(supportsRange && { etag: '"1"' }) };
    if (!supportsRange || from === 0) return response.writeHead(200, headers).end(body);
    if (from >= body.length) return response.writeHead(416, { ...headers, 'content-range': `bytes */${body.length}` }).end();
    return response.writeHead(206, { ...headers, 'content-range': `bytes ${from}-${body.length - 1}/${body.length}` }).end(body.subarray(from));
  }, act);
}

function apiOf(baseUrl: string): MessageBatchesApi {
  return new MessageBatchesApi({ baseUrl, credential: { kind: 'x-api-key', token: 'key' }, maxRetries: 0 });
}

function environment({ told, ...info }: AttemptInfo = {}): MockActivityEnvironment {
  const environment = new MockActivityEnvironment(info, { logger: new DefaultLogger('ERROR') });
  if (told) environment.on('heartbeat', (details: unknown) => told.push(details));
  return environment;
}

function failureMessage(failing: Promise<unknown>): Promise<string> {
  return failing.then(() => 'none', String);
}

async function failureOf(failing: Promise<unknown>): Promise<ApplicationFailure> {
  const failure = await failing.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!(failure instanceof ApplicationFailure)) throw new Error(`Not an ApplicationFailure: ${String(failure)}`);
  return failure;
}

let job: Job;
afterEach(() => job.close());

describe('storeResults', () => {
  /** Nothing on the wire shows that these bodies are cut. */
  const shortBodies = (lines: number, times: number) => job.simulator.addFault({ on: 'results', kind: 'cut', afterLines: lines, looksComplete: true, times });

  const after = (short: number) => ({ heartbeatDetails: { generation: 1, lines: 0, bytes: 0, shortBodies: short } });

  test.each([
    [0, 1_000],
    [3, 2_000],
    [12, 16_000],
    [20, 60_000],
  ])('where %i short bodies have come, it is asked again after %i ms, and what came is kept', async (before, delayMs) => {
    job = await Job.create();
    const batchId = await job.createBatch();
    shortBodies(2, 3);
    // Attempts that failed otherwise, in an outage, do not count.
    const failure = await failureOf(job.attempt({ attempt: 50, ...after(before) }, 'storeResults', job.ref, batchId, REQUESTS));
    expect(failure).toMatchObject({ type: 'ResultsIncomplete', nonRetryable: false, nextRetryDelay: delayMs });
    const whole = await job.resultsOf(batchId);
    expect(await job.stored()).toBe(`${whole.split('\n').slice(0, 2).join('\n')}\n`);

    await expect(job.attempt(after(before + 3), 'storeResults', job.ref, batchId, REQUESTS)).resolves.toMatchObject({ lines: REQUESTS, generation: 1 });
    expect(await job.stored()).toBe(whole);
  });

  test('a body that is still short after twenty-four is the truth: what it lacks is missing', async () => {
    job = await Job.create();
    const batchId = await job.createBatch();
    shortBodies(2, 4);
    await expect(job.attempt(after(21), 'storeResults', job.ref, batchId, REQUESTS)).resolves.toMatchObject({ lines: 2 });
    expect(await readLedgerRecord(job.part)).toMatchObject({ batch_id: batchId, outcomes: { missing: REQUESTS - 2 } });
  });

  test('a body that ends within a line that often is the truth too: that line is put aside', async () => {
    job = await Job.create();
    const batchId = await job.createBatch();
    const whole = await job.resultsOf(batchId);
    job.simulator.addFault({ on: 'results', kind: 'cut', afterBytes: whole.indexOf('\n') + 30, looksComplete: true, times: 2 });
    await expect(job.attempt(after(24), 'storeResults', job.ref, batchId, REQUESTS)).resolves.toMatchObject({ lines: 2 });
    const aside = readFileSync(quarantineFile(job.part, 1), 'utf8').trim();
    expect(JSON.parse(aside)).toMatchObject({ problem: 'malformed_line', line: 2, text: whole.split('\n')[1]!.slice(0, 29) });
  });

  test('what was closed before its worker died is not fetched again', async () => {
    job = await Job.create();
    const batchId = await job.createBatch();
    const stored = await job.run('storeResults', job.ref, batchId, REQUESTS);
    await expect(job.run('storeResults', job.ref, batchId, REQUESTS)).resolves.toEqual(stored);
    expect(job.simulator.stats().calls.results).toBe(1);
    // Where somebody has moved the stored results away, they are.
    await rm(job.part.segments, { recursive: true });
    await expect(job.run('storeResults', job.ref, batchId, REQUESTS)).resolves.toEqual(stored);
    expect(job.simulator.stats().calls.results).toBe(2);
  });

  test('heartbeats tell of lines, bytes and outcomes; the last one of all that is safe', async () => {
    job = await Job.create();
    const batchId = await job.createBatch();
    const told: unknown[] = [];
    await job.attempt({ told }, 'storeResults', job.ref, batchId, REQUESTS);
    const stored = await job.stored();
    expect(told.at(-1)).toEqual({ generation: 1, lines: REQUESTS, bytes: stored.length, crc32: crc32(stored), shortBodies: 0, outcomes: { ...noOutcomes(), succeeded: REQUESTS } });
  });

  test.each([true, false])('results without a last line feed, killed before the ledger: nothing is missing (Range: %s)', async (supportsRange) => {
    job = await Job.create({ supportsRange });
    const batchId = await job.createBatch();
    const lines = (await job.resultsOf(batchId)).trimEnd();
    await servingResults(lines, supportsRange, async (deps) => {
      const run = () => environment().run(createActivities(deps)['messageBatches.storeResults'], job.ref, batchId, REQUESTS);
      await expect(run()).resolves.toMatchObject({ lines: REQUESTS });
      await rm(job.part.ledger);
      await expect(run()).resolves.toMatchObject({ lines: REQUESTS, generation: 1 });
    });
    expect(await job.stored()).toBe(`${lines}\n`);
    expect((await readLedgerRecord(job.part))?.problems).toEqual([]);
  });

  test('goes on at the offset though nobody remembers the heartbeats', async () => {
    job = await Job.create({ supportsRange: true });
    const batchId = await job.createBatch();
    // Each try goes on where the one before it ended.
    shortBodies(1, 3);
    await failureOf(job.run('storeResults', job.ref, batchId, REQUESTS));
    const whole = await job.resultsOf(batchId);
    const asked = jest.spyOn(job.deps.api, 'results');
    await job.run('storeResults', job.ref, batchId, REQUESTS);
    expect(asked).toHaveBeenCalledWith(batchId, expect.objectContaining({ offset: whole.split('\n').slice(0, 3).join('\n').length + 1, ifRange: expect.any(String) as string }));
    expect(await job.stored()).toBe(whole);
  });

  test('as many lines as the API counted are enough', async () => {
    job = await Job.create();
    const batchId = await job.createBatch();
    const counts = { processing: 0, succeeded: 2, errored: 0, canceled: 0, expired: 0 };
    await job.records.writeEnded({ batch_id: batchId, created_at: '', ended_at: '', counts });
    shortBodies(2, 1);
    await expect(job.run('storeResults', job.ref, batchId, REQUESTS)).resolves.toMatchObject({ lines: 2 });
  });

  test('what another batch was counted to have says nothing', async () => {
    job = await Job.create();
    const batchId = await job.createBatch();
    const counts = { processing: 0, succeeded: 2, errored: 0, canceled: 0, expired: 0 };
    await job.records.writeEnded({ batch_id: 'msgbatch_other', created_at: '', ended_at: '', counts });
    shortBodies(2, 1);
    await expect(job.run('storeResults', job.ref, batchId, REQUESTS)).resolves.toMatchObject({ lines: REQUESTS });
  });

  test('a later body that ends within what is stored is short, and no other results', async () => {
    job = await Job.create();
    const batchId = await job.createBatch();
    await job.run('storeResults', job.ref, batchId, REQUESTS);
    await rm(job.part.ledger);
    const before = await job.stored();
    shortBodies(1, 3);
    await expect(failureOf(job.run('storeResults', job.ref, batchId, REQUESTS))).resolves.toMatchObject({ type: 'ResultsIncomplete', nonRetryable: false });
    // And should it last: what is stored is the truth.
    shortBodies(1, 1);
    await expect(job.attempt(after(24), 'storeResults', job.ref, batchId, REQUESTS)).resolves.toMatchObject({ lines: REQUESTS });
    expect((await openSegments(job.part.segments)).generation).toBe(1);
    expect(await job.stored()).toBe(before);
  });

  test('an attempt that another one has overtaken does not say that it is done', async () => {
    job = await Job.create({ resultsBytesPerSecond: 5_000 });
    const batchId = await job.createBatch();
    const segments = await openSegments(job.part.segments);
    const slow = job.run('storeResults', job.ref, batchId, REQUESTS);
    const failed = failureMessage(slow);
    while (!existsSync(job.part.segments) || (await readdir(job.part.segments)).length === 0) await turn();
    await (await segments.begin()).close();
    expect(await failed).toContain('Another worker');
  });

  test('a 404 is worth ten attempts, then a person is asked', async () => {
    job = await Job.create();
    const batchId = await job.createBatch();
    job.simulator.addFault({ on: 'results', kind: 'not-found', times: 2 });
    await expect(failureOf(job.attempt({ attempt: 9 }, 'storeResults', job.ref, batchId, REQUESTS))).resolves.toMatchObject({ nonRetryable: false });
    await expect(failureOf(job.attempt({ attempt: 10 }, 'storeResults', job.ref, batchId, REQUESTS))).resolves.toMatchObject({
      nonRetryable: true,
      details: [{ code: 'batch_not_found' }],
    });
  });

  test('of a batch that somebody has given up, what is stored is all there is', async () => {
    job = await Job.create();
    const batchId = await job.createBatch();
    const body = await job.resultsOf(batchId);
    const two = body.split('\n').slice(0, 2).join('\n').length + 1;
    job.simulator.addFault({ on: 'results', kind: 'cut', afterBytes: two, looksComplete: true, times: 3 });
    await failureOf(job.run('storeResults', job.ref, batchId, REQUESTS));
    job.simulator.addFault({ on: 'results', kind: 'not-found' });
    const stored = await job.run('storeResults', job.ref, batchId, REQUESTS, true);
    expect(stored).toMatchObject({ lines: 2 });
    expect(await job.stored()).toBe(body.slice(0, two));
    expect(await job.run('closeLedger', job.ref, batchId, REQUESTS, false, stored)).toMatchObject({ outcomes: { succeeded: 2, missing: 3 }, disproved: false });
  });

  test('a batch that somebody has given up, and the API knows after all, is fetched', async () => {
    job = await Job.create();
    const batchId = await job.createBatch();
    await expect(job.run('storeResults', job.ref, batchId, REQUESTS, true)).resolves.toMatchObject({ lines: REQUESTS });
  });
});

describe('an error that nobody has thought of', () => {
  const failing = (): Promise<ApplicationFailure> => {
    const api = { retrieve: () => Promise.reject(new TypeError('x is not a function\nsecond line')) } as unknown as MessageBatchesApi;
    const broken = createActivities({ ...job.deps, api })['messageBatches.retrieveBatch'];
    return failureOf(environment({ attempt }).run(broken as (...args: unknown[]) => Promise<unknown>, job.ref, 'msgbatch_1'));
  };
  let attempt = 1;

  test('may pass; after ten attempts a person is asked, and told what to report', async () => {
    job = await Job.create();
    attempt = 9;
    await expect(failing()).rejects.toThrow('Not an ApplicationFailure: TypeError: x is not a function');
    attempt = 10;
    await expect(failing()).resolves.toMatchObject({
      nonRetryable: true,
      details: [{ code: 'unexpected' }],
      message: expect.stringMatching(/fails again and again: TypeError: x is not a function \(at results\.test\.ts:\d+\)$/),
    });
  });
});

describe('closeLedger', () => {
  const OTHERS = ['q-0', 'q-1', 'q-2', 'q-3', 'of-others'];

  async function storedOfOthers(): Promise<string> {
    job = await Job.create();
    const batchId = await job.adoptBatchOf(OTHERS);
    await job.run('storeResults', job.ref, batchId, REQUESTS);
    return batchId;
  }

  test('one unknown custom_id disproves an adopted batch; it is put aside and no longer owned', async () => {
    const batchId = await storedOfOthers();
    await expect(job.run('closeLedger', job.ref, batchId, REQUESTS, true)).resolves.toMatchObject({ disproved: true, matched: REQUESTS - 1 });
    expect(existsSync(job.part.segments)).toBe(false);
    expect(existsSync(`${job.part.segments}.of-${batchId}`)).toBe(true);
    expect(await job.account.owner(batchId)).toBeUndefined();
    expect(await job.records.creates.state()).toMatchObject({ kind: 'open', attempt: 1 });
  });

  test.each([['before its results were put aside', true], ['after that', false]])('an attempt killed %s is repeated with the same answer', async (_when, before) => {
    const batchId = await storedOfOthers();
    await job.run('closeLedger', job.ref, batchId, REQUESTS, true);
    if (before) await rename(`${job.part.segments}.of-${batchId}`, job.part.segments);
    await expect(job.run('closeLedger', job.ref, batchId, REQUESTS, true)).resolves.toMatchObject({ disproved: true });
    expect(existsSync(job.part.segments)).toBe(false);
    expect(existsSync(`${job.part.segments}.of-${batchId}`)).toBe(true);
  });

  test('a repeated disproof leaves the results of the next batch where they are', async () => {
    const batchId = await storedOfOthers();
    await job.run('closeLedger', job.ref, batchId, REQUESTS, true);
    await job.run('storeResults', job.ref, await job.createBatch(), REQUESTS);
    const before = await job.stored();
    await expect(job.run('closeLedger', job.ref, batchId, REQUESTS, true)).resolves.toMatchObject({ disproved: true });
    expect(await job.stored()).toBe(before);
  });

  test('results that nobody can read, or of an unknown type, disprove nothing', async () => {
    job = await Job.create();
    const batchId = await job.adoptBatchOf(OTHERS);
    const writer = await (await openSegments(job.part.segments)).begin();
    await writer.append(Buffer.from('{"custom_id":"q-0","result":{"type":"new"}}\n'));
    await writer.close();
    await expect(job.run('closeLedger', job.ref, batchId, REQUESTS, true)).resolves.toMatchObject({ disproved: false, matched: 0 });
    await rm(job.part.segments, { recursive: true });
    const broken = await (await openSegments(job.part.segments)).begin();
    await broken.append(Buffer.from('no result\n'));
    await broken.close();
    await expect(job.run('closeLedger', job.ref, batchId, REQUESTS, true)).resolves.toMatchObject({ disproved: false });
  });

  test('one result too many disproves nothing where every request has its own', async () => {
    job = await Job.create();
    const batchId = await job.adoptBatchOf(['q-0', 'q-1', 'q-2', 'q-3', 'q-4']);
    const writer = await (await openSegments(job.part.segments)).begin();
    await writer.append(Buffer.from(`${await job.resultsOf(batchId)}{"custom_id":"ghost","result":{"type":"expired"}}\n`));
    await writer.sync();
    await writer.close();
    await expect(job.run('closeLedger', job.ref, batchId, REQUESTS, true)).resolves.toMatchObject({ disproved: false, matched: REQUESTS, problems: [{ kind: 'unknown_custom_id' }] });
  });

  test('the answer to the create is believed before unknown results', async () => {
    const batchId = await storedOfOthers();
    await job.records.creates.answered(1, { batch_id: batchId, created_at: '', simulated: true });
    await expect(job.run('closeLedger', job.ref, batchId, REQUESTS, true)).resolves.toMatchObject({ disproved: false });
    expect(await job.account.owner(batchId)).toEqual(OWNER);
  });

  test('an adopted batch of the part is proved', async () => {
    job = await Job.create();
    const batchId = await job.adoptBatchOf(['q-0', 'q-1', 'q-2', 'q-3', 'q-4']);
    await job.run('storeResults', job.ref, batchId, REQUESTS);
    await expect(job.run('closeLedger', job.ref, batchId, REQUESTS, true)).resolves.toMatchObject({ disproved: false, matched: REQUESTS });
  });
});

describe('calls that the API answers otherwise', () => {
  /** A server that gives one answer to everything. */
  function answering<T>(status: number, body: object, act: (deps: ActivityDependencies) => Promise<T>): Promise<T> {
    return withServer((_request, response) => response.writeHead(status, { 'content-type': 'application/json', 'request-id': 'req_1' }).end(JSON.stringify(body)), act);
  }

  const retrieve = (deps: ActivityDependencies, batchId: string) =>
    environment().run(createActivities(deps)['messageBatches.retrieveBatch'], job.ref, batchId);

  test('an answer about another batch is none, and nothing of it is put on record', async () => {
    job = await Job.create();
    const { data } = await job.deps.api.retrieve(await job.createBatch());
    const failure = await answering(200, data, (deps) => failureOf(retrieve(deps, 'msgbatch_other')));
    expect(failure).toMatchObject({ type: 'InvalidAnswerError', nonRetryable: false });
    expect(await job.records.readEnded()).toBeUndefined();
  });

  test('what is refused for good waits for a person, and little of its text travels', async () => {
    job = await Job.create();
    const error = { type: 'invalid_request_error', message: `params: ${'secret '.repeat(500)}` };
    const failure = await answering(400, { type: 'error', error }, (deps) => failureOf(retrieve(deps, 'msgbatch_1')));
    expect(failure).toMatchObject({ nonRetryable: true, details: [{ code: 'api_refused' }] });
    expect(failure.message).toMatch(/^retrieve msgbatch_1: 400 .{1,200}… \(request req_1\)$/);
  });

  test.each([408, 409, 429, 500, 529])('status %i is tried again', async (status) => {
    job = await Job.create();
    const failure = await answering(status, {}, (deps) => failureOf(retrieve(deps, 'msgbatch_1')));
    expect(failure.nonRetryable).toBe(false);
  });

  test('an id that can be none waits for a person', async () => {
    job = await Job.create();
    await expect(failureOf(job.run('retrieveBatch', job.ref, '..'))).resolves.toMatchObject({ nonRetryable: true, details: [{ code: 'api_refused' }] });
  });

  test('a cancel that meets a 404 says so', async () => {
    job = await Job.create({ processingMs: Infinity });
    const batchId = await job.createBatch();
    job.simulator.addFault({ on: 'cancel', kind: 'not-found' });
    await expect(job.run('cancelBatch', job.ref, batchId)).resolves.toEqual({ status: 'not_found' });
    await expect(job.run('cancelBatch', job.ref, batchId)).resolves.toMatchObject({ status: 'canceling' });
  });
});

describe('reportPart', () => {
  test('gives the report with tokens by model and what they cost; without a table of prices, without that', async () => {
    job = await Job.create();
    const batchId = await job.createBatch();
    await job.run('storeResults', job.ref, batchId, REQUESTS);
    const { outcomes, usage, problems, retryable } = await job.run('closeLedger', job.ref, batchId, REQUESTS, false);
    const report = { jobId: 'job', round: 1, part: 1, requests: REQUESTS, simulated: true, batchId, outcomes, usage, problems, retryable };
    expect(await job.run('reportPart', job.ref, report)).toEqual({ ...report, usageByModel: { 'claude-opus-4-5': usage } });
    job.deps.prices = await readPrices({ storage: job.folder });
    const whole = await job.run('reportPart', job.ref, report);
    expect(whole).toEqual({ ...report, usageByModel: { 'claude-opus-4-5': usage }, cost: expect.closeTo((usage.input_tokens * 2.5 + usage.output_tokens * 12.5) / 1e6, 9) });
    await expect(job.records.readReport()).resolves.toEqual(whole);
    const { cost, batches } = await job.run('finishJob', 'job');
    expect([cost?.total, batches[0]!.cost]).toEqual([expect.closeTo(whole.cost!, 6), expect.closeTo(whole.cost!, 6)]);
  });

  test('what was never sent has cost nothing', async () => {
    job = await Job.create();
    job.deps.prices = await readPrices({ storage: job.folder });
    const report = { jobId: 'job', round: 1, part: 1, requests: REQUESTS, simulated: true, outcomes: { ...noOutcomes(), unsent: REQUESTS }, usage: noUsage(), problems: [], retryable: 0 };
    expect(await job.run('reportPart', job.ref, report)).toEqual(report);
  });
});

describe('finishJob', () => {
  async function finished(lines = REQUESTS): Promise<JobReport> {
    job = await Job.create();
    const batchId = await job.createBatch();
    await job.records.creates.answered(1, { batch_id: batchId, created_at: '', simulated: true });
    if (lines < REQUESTS) job.simulator.addFault({ on: 'results', kind: 'cut', afterLines: lines, looksComplete: true, times: 3 });
    await job.attempt({ heartbeatDetails: { shortBodies: 24 } }, 'storeResults', job.ref, batchId, REQUESTS);
    const { outcomes, usage, problems, retryable } = await job.run('closeLedger', job.ref, batchId, REQUESTS, false);
    await job.run('reportPart', job.ref, { ...jobPart, batchId, outcomes, usage, problems, retryable });
    return job.run('finishJob', 'job');
  }
  const jobPart = { jobId: 'job', round: 1, part: 1, requests: REQUESTS, simulated: true };
  const work = () => outputFolder(job.ref.output).workFolder;

  test('a work folder that a killed worker has left is removed', async () => {
    const report = await finished();
    expect(existsSync(work())).toBe(false);
    await mkdir(join(work(), 'round-01'), { recursive: true });
    await expect(job.run('finishJob', 'job')).resolves.toEqual(report);
    expect(existsSync(work())).toBe(false);
  });

  test('not where another job works in the folder since', async () => {
    await finished();
    await mkdir(work());
    await writeFile(outputFolder(job.ref.output).claim, JSON.stringify({ job_id: 'other' }));
    await job.run('finishJob', 'job');
    expect(existsSync(work())).toBe(true);
  });

  /** One whose only part was never sent. */
  async function neverSent(): Promise<void> {
    job = await Job.create();
    await job.run('reportPart', job.ref, { ...jobPart, outcomes: { ...noOutcomes(), unsent: REQUESTS }, usage: noUsage(), problems: [], retryable: 0, unsentReason: 'refused' });
  }

  test('a worker that is frozen between the two copies of the report writes over nothing newer', async () => {
    await neverSent();
    const inOutput = outputFolder(job.ref.output).report;
    let newer: JobReport | undefined;
    job.deps.records = { ...syncedRecords, replace: async (path, value) => {
      await syncedRecords.replace(path, value);
      if (path !== inOutput || newer) return;
      // Another one has finished it since, and its follow-ups were run again.
      newer = { ...(value as JobReport), follow_ups: { ...noFollowUps(), retries: 1 } };
      await syncedRecords.replace(inOutput, newer);
      await job.job.writeReport(newer);
    } };
    expect(await job.run('finishJob', 'job')).toEqual(newer);
    expect([await job.job.readReport(), await syncedRecords.read(inOutput)]).toEqual([newer, newer]);
  });

  test('nor over the outputs of another job, where the folder has become that one\'s meanwhile', async () => {
    await neverSent();
    const { claim, report } = outputFolder(job.ref.output);
    let reads = 0;
    job.deps.records = { ...syncedRecords, read: async <T>(path: string): Promise<T | undefined> => {
      // Right before it writes, after all of its own outputs were made.
      if (path === join(job.job.folder, 'report.json') && ++reads === 2) for (const theirs of [claim, report]) await syncedRecords.replace(theirs, { job_id: 'other' });
      return syncedRecords.read<T>(path);
    } };
    await expect(failureOf(job.run('finishJob', 'job'))).resolves.toMatchObject({ nonRetryable: true, details: [{ code: 'output_taken', hint: expect.stringContaining('Nothing') as string }] });
    expect(await syncedRecords.read(report)).toEqual({ job_id: 'other' });
    expect(await job.job.readReport()).toBeUndefined();
  });

  test('a ledger that an older release has written is made again, of a part that was never sent too', async () => {
    await neverSent();
    await writeFile(job.part.ledger, Buffer.alloc(REQUESTS * 16, 6));
    expect((await job.run('finishJob', 'job')).outcomes).toMatchObject({ unsent: REQUESTS });
  });

  test('results that were counted and are gone are not reported as missing', async () => {
    job = await Job.create();
    const batchId = await job.createBatch();
    await job.run('storeResults', job.ref, batchId, REQUESTS);
    const { outcomes, usage, problems, retryable } = await job.run('closeLedger', job.ref, batchId, REQUESTS, false);
    await job.run('reportPart', job.ref, { ...jobPart, batchId, outcomes, usage, problems, retryable });
    await rm(job.part.segments, { recursive: true });
    await rm(job.part.ledger);
    await expect(failureOf(job.run('finishJob', 'job'))).resolves.toMatchObject({ nonRetryable: true, details: [{ code: 'storage' }] });
  });

  test('the working data is kept where results are missing', async () => {
    const report = await finished(3);
    expect(report.outcomes).toMatchObject({ succeeded: 3, missing: 2 });
    await job.run('finishJob', 'job');
    expect(existsSync(job.part.requests)).toBe(true);
  });
});

describe('planJob of a job that is known', () => {
  const INPUT_CHANGED = { nonRetryable: true, details: [{ code: 'input_changed' }] };

  test('refuses other requests, whether they are read or only named by their hash', async () => {
    job = await Job.create();
    const other = writeLines(job.folder, requestLines(REQUESTS, 'other'), 'other.jsonl');
    await expect(failureOf(job.run('planJob', job.planInput({ requests: other })))).resolves.toMatchObject(INPUT_CHANGED);
    await rm(other);
    await expect(failureOf(job.run('planJob', job.planInput({ requests: { uri: other, sha256: 'f'.repeat(64) } })))).resolves.toMatchObject(INPUT_CHANGED);
  });

  test('knows its input again: compressed, gone, or named by its hash', async () => {
    job = await Job.create();
    const planned = await job.run('planJob', job.planInput());
    const compressed = join(job.folder, 'input.jsonl.gz');
    await writeFile(compressed, gzipSync(readFileSync(job.input)));
    await expect(job.run('planJob', job.planInput({ requests: compressed }))).resolves.toEqual(planned);
    await rm(job.input);
    await expect(job.run('planJob', job.planInput())).resolves.toEqual(planned);
    const { sha256 } = (await job.job.readJob())!.input;
    await expect(job.run('planJob', job.planInput({ requests: { uri: job.input, sha256 } }))).resolves.toEqual(planned);
  });

  test('does not look again where the workflow only goes on', async () => {
    job = await Job.create();
    writeLines(job.folder, requestLines(REQUESTS, 'other'));
    await expect(job.run('planJob', job.planInput({ resumed: true }))).resolves.toMatchObject({ requests: REQUESTS });
  });
});
