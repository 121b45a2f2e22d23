/**
 * Ten commands at once in a home where nothing runs yet: one server, ten jobs done; also with kill -9 of the first.
 * `npm run test:long` repeats it twenty times, and as often without the kill.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { JobReport } from '../../src/contract';
import { CliWorld } from '../cli/support/cli-world';
import { ofThisForm } from '../support/long-form';

const COMMANDS = 10;
const REPETITIONS = Number(process.env['REPETITIONS'] ?? 1);
const CASES = [
  { how: 'all of them left alone', kill: false, onlyLong: true },
  { how: 'kill -9 of the first, which then runs again', kill: true },
];

describe.each(Array.from({ length: REPETITIONS }, (_, index) => index + 1))('repetition %d', () => {
  let world: CliWorld;

  beforeEach(async () => {
    world = await CliWorld.create();
  });

  afterEach(() => world.close());

  test.each(ofThisForm<(typeof CASES)[number]>(CASES))('ten commands at once from a cold home, $how', async ({ kill }) => {
    const inputs = await Promise.all(Array.from({ length: COMMANDS }, (_, index) => world.input(`job-${index}`, 5)));
    const running = inputs.map((input) => world.start(['run', input, '--simulate', '--json']));
    if (kill) {
      await running[0]!.printed(/^outputs /m);
      await running[0]!.signal('SIGKILL');
      running[0] = world.start(['run', inputs[0]!, '--simulate', '--json']);
    }
    const ended = await Promise.all(running.map((command) => command.ended()));

    const reports = ended.map(({ code, stdout, stderr }) => {
      expect({ code, stderr }).toEqual({ code: 0, stderr });
      return JSON.parse(stdout) as JobReport;
    });
    expect(new Set(reports.map((report) => report.job_id)).size).toBe(COMMANDS);
    expect(reports.every((report) => report.outcomes.succeeded === 5)).toBe(true);
    // One server: all have told of the same address, which is the one on record.
    const server = JSON.parse(await readFile(join(world.home, 'run', 'server.json'), 'utf8')) as { web_ui_url: string };
    const addresses = new Set(ended.flatMap(({ stderr }) => /web UI +(http\S+)/.exec(stderr)?.[1] ?? []));
    expect([...addresses]).toEqual([server.web_ui_url]);
  }, 240_000);
});
