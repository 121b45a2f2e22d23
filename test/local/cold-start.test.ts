import type { TestHome } from './support';
import { race } from './cold-start-race';
import { temporalCliPath, testHome } from './support';

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

  test.each([1, 2])('share one server where its starter is killed before it is on record (run %i)', async () => {
    const { problems, killed, told } = await race(home, { commands: 10, kill: 'starter' });
    expect(problems).toEqual([]);
    expect(killed).toBeDefined();
    expect(told).toContain('Found the Temporal server of this home running');
  });

  test('share one server where the first one is killed at any moment', async () => {
    const { problems } = await race(home, { commands: 10, kill: Math.random() * 2_500 });
    expect(problems).toEqual([]);
  });
});
