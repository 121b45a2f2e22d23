/** Requests of a job that has ended are sent again, and outcomes of the same requests are taken over, counted at the API. */
import { appendFile, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { JobReport } from '../../src/contract';
import type { Simulator } from '../../src/simulator';
import type { CliWorld } from './support/cli-world';
import { useSimulatedApi } from './support/simulated-api';
import { endBatches } from '../support/end-batches';
import { LONG } from '../support/long-form';

let world: CliWorld;
let simulator: Simulator;
let api: Record<string, string>;
useSimulatedApi((opened) => ({ world, simulator, api } = opened));

/** Requests in all batches that the API has accepted. */
const sent = () => simulator.stats().accepted.reduce((sum, batch) => sum + batch.requests, 0);
const report = async (...args: string[]) => {
  const { code, stdout, stderr } = await world.run([...args, '--json'], api);
  if (code !== 0 && code !== 2) throw new Error(`${args.join(' ')}: ${stdout}\n${stderr}`);
  return JSON.parse(stdout) as JobReport;
};
const byId = async (output: string) => {
  const lines = (await readFile(join(output, 'results.jsonl'), 'utf8')).split('\n').filter(Boolean);
  return new Map(lines.map((line) => [(JSON.parse(line) as { custom_id: string }).custom_id, line]));
};

test('retry sends again what expired or failed for a passing reason, takes over the rest, and needs no input', async () => {
  simulator.setOptions({ erroredShare: 0.2, overloadedShare: 0.2, expiredShare: 0.2 });
  const input = await world.input('again', 60);
  const first = await report('run', input, '--retries', '0');
  const { errored, expired, succeeded } = first.outcomes;
  expect([errored > 0, expired > 0, succeeded > 0]).toEqual([true, true, true]);
  simulator.setOptions({ erroredShare: 0, overloadedShare: 0, expiredShare: 0 });
  await rm(join(world.folder, input));
  const before = sent();

  const dry = JSON.parse((await world.run(['retry', first.job_id, '--dry-run', '--json'], api)).stdout) as { requests: number; job_id: string };
  const second = await report('retry', first.job_id);
  expect(sent() - before).toBe(dry.requests);
  expect(dry.requests).toBeGreaterThan(expired);
  expect(second).toMatchObject({
    job_id: `${first.job_id}-retry-1`,
    output: `${first.output}-retry-1`,
    input: first.input,
    outcomes: { succeeded: succeeded + dry.requests, errored: errored + expired - dry.requests, expired: 0 },
    reused: { job_id: first.job_id, output: first.output, requests: 60 - dry.requests },
    attempts: [{ job_id: first.job_id, output: first.output, outcomes: first.outcomes, ended_at: first.ended_at }],
  });
  expect(second.batches.map((batch) => batch.requests)).toEqual([dry.requests]);
  // Byte for byte, and without what the first job has paid.
  const [old, now] = [await byId(first.output), await byId(second.output)];
  expect(now.size).toBe(60);
  for (const [id, line] of old) if (line.includes('"succeeded"') || line.includes('invalid_request_error')) expect(now.get(id)).toBe(line);
  expect(second.usage.input_tokens).toBeLessThan(first.usage.input_tokens);
  expect(await world.run(['verify', second.job_id])).toMatchObject({ code: 0 });
  expect((await world.run(['status', first.job_id])).stderr).toContain(`Sent again as ${second.job_id}: message-batches status`);

  // Again: the same job is not sent twice by mistake, and the rest only where it is named.
  expect(await world.run(['retry', first.job_id], api)).toMatchObject({ code: 1, stderr: expect.stringContaining(`was sent again as ${second.job_id}`) });
  const nothing = await world.run(['retry', second.job_id], api);
  expect(nothing).toMatchObject({ code: 0, stdout: expect.stringMatching(/so nothing is sent\. It has \d+ errored-final: name what is to be sent again with --only\.\n$/) });
  const third = await report('retry', second.job_id, '--only', 'errored-final');
  expect(third).toMatchObject({ job_id: `${first.job_id}-retry-2`, outcomes: { succeeded: 60 }, attempts: [{ job_id: first.job_id }, { job_id: second.job_id }] });
  expect(sent() - before).toBe(60 - succeeded);
  expect(await world.run(['verify', third.job_id])).toMatchObject({ code: 0 });
});

if (LONG) test('missing requests are sent again only by name, and it says what may be paid twice', async () => {
  simulator.addFault({ on: 'results', kind: 'change-lines', change: 'unknown-result-type' });
  const first = await report('run', await world.input('missing', 6));
  expect(first.outcomes).toMatchObject({ succeeded: 5, missing: 1 });
  const before = sent();
  expect(await world.run(['retry', first.job_id], api)).toMatchObject({ code: 0, stdout: expect.stringContaining('It has 1 missing') });
  const second = await world.run(['retry', first.job_id, '--only', 'missing'], api);
  expect(second).toMatchObject({ code: 0, stderr: expect.stringMatching(/Sending again: 1 missing of 6 requests\n[\s\S]*1 request got no result but may have been paid: these may be paid for a second time\./) });
  expect(sent() - before).toBe(1);
});

if (LONG) test('kill -9 while a retry is planned and while it runs: the same command goes on, and nothing is sent twice', async () => {
  simulator.setOptions({ expiredShare: 0.5 });
  const first = await report('run', await world.input('killed', 40), '--retries', '0');
  simulator.setOptions({ expiredShare: 0, processingMs: Infinity });
  const before = sent();
  for (const moment of [/Sending again|going on with it/, /web UI/, /processing/]) {
    const running = world.start(['retry', 'killed.jsonl', '--poll-interval', '500ms', '--create-grace', '2s'], api);
    await running.printed(moment);
    await running.signal('SIGKILL');
  }
  endBatches({ simulator });
  const second = await report('retry', first.job_id, '--poll-interval', '500ms', '--create-grace', '2s');
  expect(second).toMatchObject({ job_id: `${first.job_id}-retry-1`, outcomes: { succeeded: 40 }, attempts: [{ job_id: first.job_id }] });
  expect(sent() - before).toBe(first.outcomes.expired);
});

test('run --reuse takes over the same requests of another input, and sends the rest', async () => {
  simulator.setOptions({ erroredShare: 0.2, expiredShare: 0.2 });
  const first = await report('run', await world.input('grown', 50), '--retries', '0');
  simulator.setOptions({ erroredShare: 0, expiredShare: 0 });
  // Ten more, one that has changed, one that is gone, and another order.
  const lines = (await readFile(join(world.folder, 'grown.jsonl'), 'utf8')).split('\n').filter(Boolean).reverse();
  const succeeded = [...(await byId(first.output))].filter(([, line]) => line.includes('"succeeded"')).map(([id]) => id);
  const changed = lines.filter((line) => !line.includes(`"${succeeded[1]}"`)).map((line) => (line.includes(`"${succeeded[0]}"`) ? line.replace('What is', 'How much is') : line));
  const more = Array.from({ length: 10 }, (_, index) => lines[0]!.replace(/"grown-\d+"/, `"more-${index}"`));
  await world.file('larger.jsonl', `${[...more, ...changed].join('\n')}\n`);
  const before = sent();
  const second = await report('run', 'larger.jsonl', '--reuse', first.job_id);
  // The changed one, those that expired, and the new ones.
  const expected = 1 + first.outcomes.expired + 10;
  expect(sent() - before).toBe(expected);
  expect(second).toMatchObject({
    outcomes: { succeeded: 59 - first.outcomes.errored, errored: first.outcomes.errored },
    reused: { job_id: first.job_id, requests: 59 - expected, output: first.output },
  });
  expect(second.attempts).toBeUndefined();
  const [old, now] = [await byId(first.output), await byId(second.output)];
  for (const id of succeeded.slice(2)) expect(now.get(id)).toBe(old.get(id));
  expect((await readFile(join(second.output, 'failed-requests.jsonl'), 'utf8')).split('\n').filter(Boolean)).toEqual(changed.filter((line) => now.get((JSON.parse(line) as { custom_id: string }).custom_id)!.includes('"errored"')));
  expect(await world.run(['verify', second.job_id])).toMatchObject({ code: 0 });
  // All of it is settled now.
  await appendFile(join(world.folder, 'larger.jsonl'), '\n');
  const third = await report('run', 'larger.jsonl', '--reuse', second.job_id, '--output', 'third');
  expect(third).toMatchObject({ batches: [], reused: { requests: 59 }, outcomes: second.outcomes, usage: { input_tokens: 0 } });
  expect(sent() - before).toBe(expected);
});

if (LONG) test('outputs that were changed since are not taken over', async () => {
  simulator.setOptions({ expiredShare: 0.5 });
  const first = await report('run', await world.input('edited', 20), '--retries', '0');
  const before = sent();
  const failed = join(first.output, 'failed-requests.jsonl');
  const content = await readFile(failed, 'utf8');
  await appendFile(failed, `${content.split('\n')[0]}\n`);
  expect(await world.run(['retry', first.job_id], api)).toMatchObject({ code: 1, stderr: expect.stringMatching(/Error: [\s\S]*failed-requests\.jsonl has more requests than the job left there/) });
  await truncate(join(first.output, 'results.jsonl'), 100);
  expect(await world.run(['retry', first.job_id], api)).toMatchObject({ code: 1, stderr: expect.stringMatching(/^Error: The outputs of job \w+ are not what they were\. In .*, results\.jsonl has 100 bytes, and/) });
  expect(await world.run(['run', await world.input('other', 3), '--reuse', first.job_id], api)).toMatchObject({ code: 1, stderr: expect.stringContaining('results.jsonl has 100 bytes') });
  expect(sent()).toBe(before);
});

if (LONG) test('rows without ids: the outputs can be joined, verified and retried', async () => {
  simulator.setOptions({ overloadedShare: 0.5, faultyAttempts: 1 });
  const input = join(world.folder, 'nameless.jsonl');
  await writeFile(input, Array.from({ length: 10 }, (_, index) => `${JSON.stringify({ params: { model: 'claude-sonnet-4-5', max_tokens: 20, messages: [{ role: 'user', content: `Row ${index}` }] }, metadata: { row: index } })}\n`).join(''));
  expect(await world.run(['run', input, '--ids', 'generate', '--retries', '0'], api)).toMatchObject({ code: 2 });
  expect(await world.run(['results', input, '--format', 'csv', '--fields', 'custom_id,metadata.row'])).toMatchObject({ code: 0 });
  expect(await world.run(['verify', input])).toMatchObject({ code: 0, stdout: expect.not.stringContaining('not checked') });
  expect(await world.run(['retry', input], api)).toMatchObject({ code: 0 });
});

if (LONG) test('--reuse counts where an earlier start of the job came to nothing', async () => {
  const first = await world.input('old', 5);
  expect(await world.run(['run', first], api)).toMatchObject({ code: 0 });
  const grown = join(world.folder, 'grown-later.jsonl');
  await writeFile(grown, (await readFile(join(world.folder, first), 'utf8')) + JSON.stringify({ custom_id: 'more', params: { model: 'claude-unpriced', max_tokens: 20, messages: [{ role: 'user', content: 'Hi' }] } }) + '\n');
  // Nothing is sent, but the job may stand on record.
  expect(await world.run(['run', grown, '--max-cost', '1'], api)).toMatchObject({ code: 1 });
  const before = simulator.stats().accepted.length;
  expect(await world.run(['run', grown, '--reuse', first], api)).toMatchObject({ code: 0 });
  expect(simulator.stats().accepted.slice(before).map(({ requests }) => requests)).toEqual([1]);
});
