/** A job whose follow-ups nobody serves, after the command that has said so is gone: who goes on, and what others are told. */
import { DefaultLogger, Runtime } from '@temporalio/worker';
import type { CliWorld } from './support/cli-world';
import { whileGraded } from './support/grading-worker';
import { useSimulatedApi } from './support/simulated-api';

let world: CliWorld;
let api: Record<string, string>;

// What a worker says of a type that it does not know is no news here.
beforeAll(() => void Runtime.install({ logger: new DefaultLogger('ERROR', () => undefined) }));
useSimulatedApi((opened) => ({ world, api } = opened));

/** The worker of the queue says at once that it does not know the type. */
const run = (input: string, ...flags: string[]) => whileGraded(world, () => world.run(['run', input, '--follow-up', 'unknownType@grading', ...flags], api));
const backgroundWorker = async () => /worker-default/.test((await world.run(['doctor', '--json'], api)).stdout);

test('--foreground leaves no worker: status and results tell what was told last, and how to go on', async () => {
  const input = await world.input('left');
  const { code, stderr } = await run(input, '--foreground');
  expect(code).toBe(4);
  expect(stderr).toMatch(/\npoll at {2}TEMPORAL_ADDRESS=127\.0\.0\.1:\d+ \(the worker of your follow-ups\)\n/);
  expect(stderr).toMatch(/no worker polls grading for unknownType[\s\S]*\nSuch a worker polls at TEMPORAL_ADDRESS=127\.0\.0\.1:\d+\nNo worker of message-batches runs now\. Then go on: message-batches wait job_\w+\nOr end it without the follow-ups that have not begun: message-batches cancel job_\w+\n$/);
  expect(await backgroundWorker()).toBe(false);

  const status = await world.run(['status', input], api);
  expect(status.stdout).toMatch(/\nno worker of message-batches answers; what follows was told before\n[\s\S]*\npoll at {3}TEMPORAL_ADDRESS=127[\s\S]*\nGo on: message-batches wait job_\w+\nOr end it without .*: message-batches cancel job_\w+\n$/);
  expect(JSON.parse((await world.run(['status', input, '--json'], api)).stdout)).toMatchObject({ source: 'memo', parts: { total: 1, ended: 0 } });
  expect(await world.run(['results', input], api)).toMatchObject({ code: 1, stdout: '', stderr: expect.stringMatching(/^Error: The batches of job job_\w+ have ended, and its follow-ups wait for a person: no worker polls grading for unknownType.*\n[\s\S]*message-batches api results msgbatch_\w+\n$/) });
});

test('else a background worker goes on with the job', async () => {
  const input = await world.input('handed');
  const { code, stderr } = await run(input);
  expect({ code, stderr }).toEqual({ code: 4, stderr: expect.stringMatching(/\nThe job itself goes on in the background\. Stay with it: message-batches wait job_\w+\nOr end it .*\nEnd what runs in the background: message-batches stop\n$/) });
  expect(await backgroundWorker()).toBe(true);
  const status = JSON.parse((await world.run(['status', input, '--json'], api)).stdout) as object;
  expect(status).toMatchObject({ source: 'workflow', outcomes: { succeeded: 3 }, attention: { code: 'follow_up_unserved' } });
  expect(await world.run(['cancel', input], api)).toMatchObject({ code: 0 });
  expect(await world.run(['wait', input], api)).toMatchObject({ code: 3 });
});
