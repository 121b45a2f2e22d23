/** What the examples of another language do, against a real server and the simulator. It is the same in each. */
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { Client } from '@temporalio/client';
import type { Worker } from '@temporalio/worker';
import { DefaultLogger, NativeConnection, Runtime } from '@temporalio/worker';
import { createWorker } from '../../examples/worker';
import { followUpWorkflowId, type JobReport } from '../../src/contract';
import { sharedTemporal } from './shared-temporal';
import { World } from './world';

/** Commands with their arguments. */
export interface Programs {
  /** Serves `gradeAnswer` and `countWords` on the task queue `grading`. */
  followUpWorker: string[];
  /** Given a date and a file of requests, runs a workflow that runs the job as its child, and prints its report. */
  runJob: string[];
  env?: Record<string, string>;
}

/** The first build of a program, on a machine that has built nothing yet. */
const PREPARE_MS = 600_000;

/** @param prepare installs or builds the programs. @throws where the language is missing. */
export function testOtherLanguage(prepare: () => Programs): void {
  const shared = sharedTemporal();
  let programs: Programs;
  let world: World;
  let native: NativeConnection;
  let worker: Worker;
  let running: Promise<void>;
  let serving: Promise<void>;
  let client: Client;
  let requests: string;
  const started: ChildProcess[] = [];

  /** It finds Temporal by its environment. @returns what it has said, once it has ended. */
  async function run([command, ...args]: string[]): Promise<{ code: number | null; output: string; errors: string }> {
    const env = { ...process.env, ...programs.env, TEMPORAL_ADDRESS: world.temporal.address };
    const child = spawn(command!, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    started.push(child);
    const [output, errors] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
    return { code: child.exitCode, output, errors };
  }

  /** It runs until it is killed. */
  async function serveFollowUps(): Promise<void> {
    const { code, errors } = await run(programs.followUpWorker);
    if (code !== null) process.stderr.write(`The worker of follow-ups ended by itself, with ${code}: ${errors}\n`);
  }

  beforeAll(async () => {
    Runtime.install({ logger: new DefaultLogger('ERROR') });
    programs = prepare();
    const temporal = await shared.start();
    world = await World.create({ processingMs: 300 }, temporal);
    client = await world.client();
    process.env['ANTHROPIC_API_KEY'] = 'test-key';
    process.env['ANTHROPIC_BASE_URL'] = world.simulator.url;
    native = await NativeConnection.connect({ address: temporal.address });
    worker = await createWorker(native, world.storage);
    running = worker.run();
    serving = serveFollowUps();
    requests = join(world.folder, 'questions.jsonl');
    const lines = [7, 8, 9, 10].map((factor) => ({
      custom_id: `times-${factor}`,
      params: { model: 'claude-sonnet-4-5', max_tokens: 64, messages: [{ role: 'user', content: factor < 10 ? `What is ${factor} * 6?` : 'Say anything.' }] },
      metadata: { 7: { expected: '42' }, 8: { expected: '48' }, 9: { expected: '55' } }[factor],
    }));
    await writeFile(requests, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  }, PREPARE_MS);

  afterAll(async () => {
    for (const child of started) child.kill('SIGKILL');
    await serving;
    worker.shutdown();
    await running;
    await native.close();
    await world.close();
    await shared.stop();
  });

  test('a job that is the child of its workflow has follow-ups that it serves: their values, and the failure of one, whose question says not what is expected', async () => {
    const { code, output, errors } = await run([...programs.runJob, '2026-11-21', requests]);
    if (code !== 0) throw new Error(errors);
    const report = JSON.parse(output) as JobReport;
    expect(report).toMatchObject({ job_id: 'grading-2026-11-21', status: 'finished', outcomes: { succeeded: 4 } });
    expect(report.follow_ups).toMatchObject({ selected: 4, started: 4, succeeded: 3, failed: 1 });
    const graded = await Promise.allSettled([7, 8, 9, 10].map((factor) => client.workflow.getHandle(followUpWorkflowId(report.job_id, 1, `times-${factor}`)).result()));
    expect(graded.slice(0, 3)).toEqual([true, true, false].map((correct) => ({ status: 'fulfilled', value: { correct } })));
    expect(graded[3]).toMatchObject({ status: 'rejected', reason: { cause: { message: expect.stringContaining("'expected'") } } });
  });

  test('an activity of its reads results by reference, and no history holds them', async () => {
    const report = (await client.workflow.execute('batchJobWorkflow', {
      workflowId: 'counting',
      taskQueue: 'message-batches',
      args: [{ requests, followUp: { workflow: 'countWords', taskQueue: 'grading' } }],
    })) as JobReport;
    expect(report.follow_ups).toMatchObject({ succeeded: 4, failed: 0 });
    for (const [id, line] of await world.results(report)) {
      const answer = (line.result as unknown as { message: { content: [{ text: string }] } }).message.content[0].text;
      const followUp = client.workflow.getHandle(followUpWorkflowId(report.job_id, 1, id));
      expect([id, await followUp.result()]).toEqual([id, answer.split(/\s+/).filter(Boolean).length]);
      expect(await textOfHistory(followUp)).not.toContain(answer);
    }
  });

  test('where its workflow is canceled, the job cancels its batch', async () => {
    world.simulator.setOptions({ processingMs: Infinity });
    const batches = world.simulator.stats().accepted.length;
    const result = run([...programs.runJob, '2026-11-22', requests]);
    await world.simulator.waitFor('create-accepted', batches + 1);
    await client.workflow.getHandle('nightly-2026-11-22').cancel();
    const { code, errors } = await result;
    expect([code, errors]).toEqual([1, expect.stringMatching(/no report: .*cancel+ed/i)]);
    const [parent, job] = await Promise.all(['nightly-2026-11-22', 'grading-2026-11-22'].map((id) => client.workflow.getHandle(id).describe()));
    const answer = await fetch(`${world.simulator.url}/v1/messages/batches/${world.simulator.stats().accepted.at(-1)!.id}`, { headers: { 'x-api-key': 'test-key', 'anthropic-version': '2023-06-01' } });
    expect([parent!.status.name, job!.status.name, await answer.json()]).toEqual(['CANCELLED', 'CANCELLED', expect.objectContaining({ processing_status: 'ended', request_counts: expect.objectContaining({ canceled: 4 }) })]);
    // It has waited for that.
    expect(parent!.closeTime!.getTime()).toBeGreaterThanOrEqual(job!.closeTime!.getTime());
  });
}

/** All that the payloads of a workflow's history say. */
async function textOfHistory(handle: ReturnType<Client['workflow']['getHandle']>): Promise<string> {
  const { events } = await handle.fetchHistory();
  return JSON.stringify(events, (_, value: unknown) => (value instanceof Uint8Array ? Buffer.from(value).toString('utf8') : value));
}
