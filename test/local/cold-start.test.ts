import type { TestHome } from './support';
import { race } from './cold-start-race';
import { temporalCliPath, testHome } from './support';
import { LONG, rowsOfThisForm } from '../support/long-form';

describe('ten commands at once in a cold home', () => {
  let home: TestHome;
  beforeEach(async () => {
    temporalCliPath();
    home = await testHome();
  });
  afterEach(() => home.remove());

  test('share one server, and lose nothing', async () => {
    const { problems, killed } = await race(home, { commands: 10 });
    expect(problems).toEqual([]);
    expect(killed).toBeUndefined();
  });

  test.each(rowsOfThisForm([1], [2]))('share one server where its starter is killed before it is on record (run %i)', async () => {
    let result = await race(home, { commands: 10, kill: 'starter' });
    // Where nobody was killed, it was another race: once more, with a new home.
    for (let triesLeft = 4; result.killed === undefined && triesLeft > 0; triesLeft--) {
      expect(result.problems).toEqual([]);
      await home.remove();
      home = await testHome();
      result = await race(home, { commands: 10, kill: 'starter' });
    }
    const { problems, killed, told } = result;
    expect(problems).toEqual([]);
    expect(killed).toBeDefined();
    expect(told).toContain('Found the Temporal server of this home running');
  });

  if (LONG) test('share one server where the first one is killed at any moment', async () => {
    const { problems } = await race(home, { commands: 10, kill: Math.random() * 2_500 });
    expect(problems).toEqual([]);
  });
});
