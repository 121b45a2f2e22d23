/** A batch that a script has made comes under a job, and nothing is sent for it, whatever dies. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MessageBatchesApi } from '../../src/api';
import type { JobReport } from '../../src/contract';
import type { Simulator } from '../../src/simulator';
import type { CliWorld } from './support/cli-world';
import { useSimulatedApi } from './support/simulated-api';
import { LONG } from '../support/long-form';

let world: CliWorld;
let simulator: Simulator;
let api: Record<string, string>;
useSimulatedApi((opened) => ({ world, simulator, api } = opened));

/** Makes a batch of an input as a script would: without any record of ours. */
async function createdByScript(input: string): Promise<string> {
  const client = new MessageBatchesApi({ baseUrl: simulator.url, credential: { kind: 'x-api-key', token: 'test-key' } });
  try {
    const requests = (await readFile(join(world.folder, input), 'utf8')).split('\n').filter(Boolean).map((line) => JSON.parse(line) as never);
    return (await client.create({ requests })).data.id;
  } finally {
    await client.close();
  }
}

const accepted = () => simulator.stats().accepted.length;

test('a batch that has ended becomes a job with outputs and a report; run and adopt show it afterwards', async () => {
  const input = await world.input('ended', 20);
  const id = await createdByScript(input);
  const adopted = await world.run(['adopt', id, '--input', input, '--json'], api);
  expect(adopted).toMatchObject({ code: 0, stderr: expect.stringMatching(new RegExp(`^Taking over ${id}: 20 requests, ended\\. Nothing is sent for it\\.\\njob +job_`)) });
  const report = JSON.parse(adopted.stdout) as JobReport;
  expect(report).toMatchObject({ output: join(world.folder, 'ended.results'), outcomes: { succeeded: 20 }, batches: [{ id, requests: 20 }] });
  expect(await world.run(['verify', report.job_id])).toMatchObject({ code: 0 });
  for (const args of [['run', input], ['adopt', id, '--input', input]]) expect(await world.run(args, api)).toMatchObject({ code: 0, stderr: expect.stringContaining('has ended already, and nothing is sent') });
  expect(accepted()).toBe(1);
});

if (LONG) test('kill -9 at any moment sends nothing: the same command goes on', async () => {
  simulator.setOptions({ processingMs: Infinity, expiredShare: 0.3 });
  const input = await world.input('killed', 30);
  const id = await createdByScript(input);
  const before = accepted();
  for (const moment of [/Taking over/, /web UI/, /processing/]) {
    const running = world.start(['adopt', id, '--input', input, '--poll-interval', '500ms'], api);
    await running.printed(moment.source === 'Taking over' ? /Taking over|Going on with/ : moment);
    await running.signal('SIGKILL');
  }
  simulator.endBatch(id);
  const { code, stdout } = await world.run(['adopt', id, '--input', input, '--poll-interval', '500ms', '--json'], api);
  const report = JSON.parse(stdout) as JobReport;
  // Not sent again, as nobody has asked for it.
  expect({ code, expired: report.outcomes.expired > 0, batches: report.batches.map((batch) => batch.id) }).toEqual({ code: 2, expired: true, batches: [id] });
  expect(accepted()).toBe(before);
  expect(simulator.stats().calls.create).toBe(before);
});

test('what cannot be the same requests is refused, with both numbers, before anything is on record', async () => {
  const input = await world.input('right', 5);
  const id = await createdByScript(input);
  const more = await world.input('more', 6);
  expect(await world.run(['adopt', id, '--input', more], api)).toEqual({ code: 1, stdout: '', stderr: `Error: ${id} has 5 requests, and more.jsonl has 6.\nName the input that the batch was made of, whole.\n` });
  const others = await world.input('others', 5);
  expect(await world.run(['adopt', id, '--input', others], api)).toMatchObject({ code: 1, stdout: '', stderr: expect.stringMatching(/has a result for "right-\d", which is no request of others\.jsonl/) });
  expect(JSON.parse((await world.run(['status', '--json'])).stdout).jobs.filter((job: { output?: string }) => /more|others/.test(job.output ?? ''))).toEqual([]);
  expect(await world.run(['adopt', 'msgbatch_nobody', '--input', input], api)).toMatchObject({ code: 1, stderr: expect.stringMatching(/^Error: /) });

  // Requests that differ all the same show at the end: missing, and results of unknown ids put aside. Nothing is sent.
  const results = (await world.run(['api', 'results', id], api)).stdout.split('\n').filter(Boolean);
  const { custom_id: last } = JSON.parse(results.at(-1)!) as { custom_id: string };
  await world.file('one-other.jsonl', (await readFile(join(world.folder, input), 'utf8')).replace(`"${last}"`, '"other"'));
  const before = accepted();
  const { code, stdout } = await world.run(['adopt', id, '--input', 'one-other.jsonl', '--json'], api);
  expect({ code, report: JSON.parse(stdout) as JobReport }).toMatchObject({ code: 2, report: { outcomes: { succeeded: 4, missing: 1 }, problems: expect.arrayContaining([expect.objectContaining({ kind: 'unknown_custom_id', count: 1 })]) as unknown } });
  expect(accepted()).toBe(before);
});

if (LONG) test('a batch has one job, and a job its own batches', async () => {
  const input = await world.input('mine');
  const report = JSON.parse((await world.run(['run', input, '--json'], api)).stdout) as JobReport;
  const [own] = report.batches;
  expect(await world.run(['adopt', own!.id, '--input', input, '--id', 'other', '--output', 'elsewhere'], api)).toMatchObject({ code: 1, stderr: expect.stringContaining(`${own!.id} belongs to job ${report.job_id} already.`) });
  const second = await createdByScript(input);
  expect(await world.run(['adopt', second, '--input', input], api)).toMatchObject({ code: 1, stderr: expect.stringMatching(new RegExp(`Job ${report.job_id} has another batch for these requests, ${own!.id}\\.\\n.*--id ID --output DIR`)) });
  expect(await world.run(['adopt', second, '--input', input, '--id', 'second', '--output', 'second'], api)).toMatchObject({ code: 0 });
});

test('a batch whose results are gone is refused', async () => {
  const input = await world.input('gone');
  const id = await createdByScript(input);
  simulator.addFault({ on: 'retrieve', kind: 'change-answer', fields: { archived_at: '2026-01-01T00:00:00Z', results_url: null } });
  expect(await world.run(['adopt', id, '--input', input], api)).toMatchObject({ code: 1, stderr: expect.stringMatching(/does not keep the results of msgbatch_\w+ any more/) });
});

if (LONG) test('a batch that may be the one of a create without an answer stays with that job', async () => {
  simulator.addFault({ on: 'create', kind: 'lose-answer' });
  const input = await world.input('doubt', 7);
  const before = accepted();
  const running = world.start(['run', input, '--create-grace', '20s', '--json'], api);
  await simulator.waitFor('create-accepted', before + 1);
  const batch = simulator.stats().accepted.at(-1)!;
  for (const apart of [[], ['--id', 'doubtful', '--output', 'doubtful']]) {
    expect(await world.run(['adopt', batch.id, '--input', input, ...apart], api)).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^Error: Job (job_\w+) has got no answer to a create, and is finding out whether msgbatch_\w+ is its own\.\nTaken away from it, its requests would be sent and paid for again\. Wait until it knows: message-batches status \1\n$/),
    });
  }
  expect(await running.ended()).toMatchObject({ code: 0 });
  expect(accepted()).toBe(before + 1);
});
