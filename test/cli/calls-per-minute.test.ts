/** The bound of calls per minute, from the command line to workers in the foreground and in the background. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { callsPerMinuteOf } from '../../src/cli/calls-per-minute';
import { CliWorld } from './support/cli-world';

const VARIABLE = 'MESSAGE_BATCHES_CALLS_PER_MINUTE';

describe('the variable', () => {
  test.each([
    [undefined, undefined],
    ['', undefined],
    [' 50 ', 50],
  ])('%j is %j', (text, bound) => {
    expect(callsPerMinuteOf({ [VARIABLE]: text })).toBe(bound);
  });

  test.each(['0', '-1', '1.5', 'many'])('%j is refused', (text) => {
    expect(() => callsPerMinuteOf({ [VARIABLE]: text })).toThrow(`${VARIABLE} is "${text}", not a number of calls.`);
  });
});

describe('commands', () => {
  let world: CliWorld;
  beforeEach(async () => {
    world = await CliWorld.create();
  });
  afterEach(() => world.close());

  const windows = (): Promise<string[]> => readdir(join(world.home, 'accounts', 'simulated', 'calls')).catch(() => []);

  test('a wrong bound is told before anything is started', async () => {
    const input = await world.input('bad');
    const option = await world.run(['run', input, '--simulate', '--calls-per-minute', '0']);
    expect(option.code).toBe(1);
    expect(option.stderr).toContain('Write a whole number from 1.');
    const variable = await world.run(['run', input, '--simulate'], { [VARIABLE]: 'all' });
    expect(variable.code).toBe(1);
    expect(variable.stderr).toContain(`${VARIABLE} is "all"`);
  });

  test('workers take places with a bound, and none without; a background worker has that of its command', async () => {
    expect(await world.run(['run', await world.input('free'), '--simulate'])).toMatchObject({ code: 0 });
    expect(await windows()).toEqual([]);
    expect(await world.run(['submit', await world.input('bounded'), '--simulate', '--calls-per-minute', '600'])).toMatchObject({ code: 0 });
    expect(await windows()).not.toEqual([]);
  });
});
