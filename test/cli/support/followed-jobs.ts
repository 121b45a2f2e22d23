/** Jobs with follow-ups, at a simulated API, and what becomes of these: for all tests of a file. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Connection } from '@temporalio/client';
import type { FollowUpLine, FollowUpRetryResult, JobReport } from '../../../src/contract';
import { FollowUpEffects } from '../../support/follow-ups/effects';
import { FollowUpWorker, quiet } from '../../support/follow-ups/worker';
import type { Behaviour } from '../../support/follow-ups/workflows';
import { sharedTemporal } from '../../support/shared-temporal';
import { CliWorld } from './cli-world';

interface Opened {
  world: CliWorld;
  /** So that commands come to the server of the file. */
  env: Record<string, string>;
  connection: Connection;
}

export interface RunAgain {
  code: number | null;
  stderr: string;
  result: FollowUpRetryResult & { follow_ups: JobReport['follow_ups'] };
  error?: { code: string; message: string; hint: string };
}

export interface FollowedJobs {
  /** What follow-ups have done, counted outside of Temporal. */
  effects: FollowUpEffects;
  /** Writes requests whose follow-ups do what is said here, each for its own. @returns the name of the file */
  input(name: string, behaviours: Behaviour[]): Promise<string>;
  /** Runs a job of them to its end. */
  ended(name: string, behaviours: Behaviour[]): Promise<JobReport>;
  /** How often each of them has run. */
  runs(name: string, count: number): (number | undefined)[];
  linesOf(report: JobReport): Promise<FollowUpLine[]>;
  /** `retry-follow-ups`, to its end. */
  again(...args: string[]): Promise<RunAgain>;
}

/** A home, a Temporal server, and a worker of follow-ups on the queue `followers`. */
export function useFollowedJobs(opened: (opened: Opened) => void): FollowedJobs {
  const temporal = sharedTemporal();
  const effects = new FollowUpEffects();
  let world: CliWorld;
  let env: Record<string, string>;
  let connection: Connection;
  let follower: FollowUpWorker;

  beforeAll(async () => {
    quiet();
    const { address } = await temporal.start();
    env = { TEMPORAL_ADDRESS: address };
    connection = await Connection.connect({ address });
    [world, follower] = await Promise.all([CliWorld.create(), FollowUpWorker.start(address, 'followers', effects)]);
    opened({ world, env, connection });
  });
  afterAll(async () => {
    await world.close();
    await follower.stop();
    await connection.close();
    await temporal.stop();
  });

  async function input(name: string, behaviours: Behaviour[]): Promise<string> {
    const lines = behaviours.map((metadata, index) =>
      JSON.stringify({ custom_id: `${name}-${index}`, params: { model: 'claude-sonnet-4-5', max_tokens: 64, messages: [{ role: 'user', content: 'Hi' }] }, metadata }),
    );
    return world.file(`${name}.jsonl`, `${lines.join('\n')}\n`);
  }

  return {
    effects,
    input,
    async ended(name, behaviours) {
      const { code, stdout, stderr } = await world.run(['run', await input(name, behaviours), '--simulate', '--follow-up', 'testFollowUp@followers', '--json'], env);
      if (code === 1) throw new Error(stderr + stdout);
      const { output } = JSON.parse(stdout) as JobReport;
      return JSON.parse(await readFile(join(output, 'report.json'), 'utf8')) as JobReport;
    },
    runs: (name, count) => Array.from({ length: count }, (_, index) => effects.runs.get(`${name}-${index}`)),
    linesOf: async ({ output }) => (await readFile(join(output, 'follow-ups.jsonl'), 'utf8')).trimEnd().split('\n').map((line) => JSON.parse(line) as FollowUpLine),
    async again(...args) {
      const { code, stdout, stderr } = await world.run(['retry-follow-ups', ...args, '--json'], env);
      return { code, stderr, result: JSON.parse(stdout) as RunAgain['result'], error: (JSON.parse(stdout) as { error?: RunAgain['error'] }).error };
    },
  };
}
