/** How jobs of ten parts end as a person has them: one part refused, all canceled, the input gone, the cap reached after the workflow was lost. */
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import type { JobReport } from '../../src/contract';
import { jobWorkflowId } from '../../src/contract';
import { openHome, temporalConnection } from '../../src/local';
import type { CliWorld } from '../cli/support/cli-world';
import { testsOfTenParts } from './support/ten-parts';

const together = testsOfTenParts();

together('one part is refused for good: exit 2, and the report says why', async (parts) => {
  const { world, simulator, run, real } = parts;
  simulator.addFault({ on: 'create', kind: 'status', status: 400, message: 'Something in this batch is not allowed.', after: 3 });
  simulator.setOptions({ processingMs: 0 });
  const { code, stdout, stderr } = await world.run(run, real);
  expect({ code, stderr }).toMatchObject({ code: 2 });
  expect(JSON.parse(stdout)).toMatchObject({ outcomes: { succeeded: 90, unsent: 10 }, unsent_reason: expect.stringContaining('Something in this batch is not allowed') });
});

together('cancel of a job of ten parts: exit 3, and what waited for room is never sent', async (parts) => {
  const { world, simulator, input, run, real } = parts;
  const first = world.start(run, real);
  await simulator.waitFor('create-accepted', 6);
  expect(await world.run(['cancel', input], real)).toMatchObject({ code: 0 });
  const { code, stdout } = await first.ended();
  expect(code).toBe(3);
  expect(JSON.parse(stdout)).toMatchObject({ status: 'canceled', outcomes: { canceled: 60, unsent: 40 } });
  expect(await world.run(run, real)).toMatchObject({ code: 3 });
  expect(simulator.stats()).toMatchObject({ accepted: { length: 6 }, calls: { cancel: 6 } });
});

together('the input is deleted, then another one, while the job runs: the job ends with what it was planned of; the other one is refused', async (parts) => {
  const { world, simulator, input, run, real } = parts;
  const path = join(world.folder, input);
  const first = world.start([...run, '--id', 'ten-parts'], real);
  await simulator.waitFor('create-accepted', 6);
  await rename(path, `${path}.kept`);
  expect(await world.run(['run', input], real)).toMatchObject({ code: 1, stderr: expect.stringMatching(/There is no file/) });
  await writeFile(path, `${await readFile(`${path}.kept`, 'utf8')}${JSON.stringify({ custom_id: 'one-more', params: { model: 'claude-sonnet-4-5', max_tokens: 64, messages: [{ role: 'user', content: 'Hi' }] } })}\n`);
  expect(await world.run(['run', input, '--id', 'ten-parts'], real)).toMatchObject({ code: 1, stderr: expect.stringMatching(/Job ten-parts was made of other requests than/) });
  await rm(path);
  parts.endBatches();
  await parts.expectDoneOnce(await first.ended());
});

together('a cap survives a workflow that was terminated: the same job without --max-cost keeps to it', async (parts) => {
  const { world, simulator, real } = parts;
  simulator.setOptions({ usageFactor: 3, processingMs: 300 });
  const expensive = await world.input('expensive', 1_000);
  const maxCost = 0.2;
  const command = ['run', expensive, '--poll-interval', '200ms', '--json'];
  const first = world.start([...command, '--max-cost', String(maxCost)], real);
  await simulator.waitFor('results-finished', 2);
  await first.signal('SIGKILL');
  const [jobId] = /job_[0-9a-f]+/.exec(first.stderr) ?? [];
  await terminate(world, jobId!);
  const { code, stdout } = await world.run(command, real);
  const report = JSON.parse(stdout) as JobReport;
  console.info(`Cost $${report.cost?.total} of $${maxCost}: ${report.outcomes.succeeded} succeeded in ${report.batches.length} batches`);
  expect(code).toBe(2);
  expect(report.cost!.total).toBeLessThanOrEqual(maxCost);
  expect(report.outcomes.unsent).toBeGreaterThan(0);
});

async function terminate(world: CliWorld, jobId: string): Promise<void> {
  const env = { MESSAGE_BATCHES_HOME: world.home, TEMPORAL_CLI_PATH: process.env['TEMPORAL_CLI_PATH'] };
  const { address, namespace, connectionOptions } = await temporalConnection(await openHome(env), env, () => undefined);
  const connection = await Connection.connect({ ...connectionOptions, address });
  try {
    await new Client({ connection, namespace }).workflow.getHandle(jobWorkflowId(jobId)).terminate('test');
  } finally {
    await connection.close();
  }
}
