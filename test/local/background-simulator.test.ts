import { once } from 'node:events';
import { createServer } from 'node:net';
import { ensureSimulator, runningBackground, stopBackground } from '../../src/local';
import type { TestHome } from './support';
import { nodeArguments, testHome } from './support';

// A port that was free a moment ago can be taken by a test file that runs beside this one.
jest.retryTimes(3);

let home: TestHome;
beforeEach(async () => {
  home = await testHome();
});
afterEach(() => home.remove());

const ensure = () => ensureSimulator(home, { entry: nodeArguments('simulator-child.ts') }, home.say);
const pid = async () => (await runningBackground(home)).find(({ name }) => name === 'simulator')?.pid;

test('is started once for all, with a folder of this home', async () => {
  const answers = await Promise.all([ensure(), ensure(), ensure()]);
  expect(new Set(answers.map(({ url }) => url)).size).toBe(1);
  const [url = ''] = answers.map(({ url }) => url);
  expect(await (await fetch(`${url}/simulator/stats`)).json()).toEqual({ folder: home.simulator });
  expect(home.said.filter((line) => line.startsWith('The simulator runs at'))).toHaveLength(1);
});

test('comes back at the same address, or at another where that is taken', async () => {
  const { url } = await ensure();
  await stopBackground(home, 'simulator');
  expect(await ensure()).toEqual({ url });
  await stopBackground(home, 'simulator');
  const other = createServer().listen(Number(new URL(url).port), '127.0.0.1');
  await once(other, 'listening');
  const { url: elsewhere } = await ensure();
  other.close();
  expect(elsewhere).not.toBe(url);
  expect((await fetch(`${elsewhere}/simulator/stats`)).ok).toBe(true);
});

test('that does not answer any more is replaced', async () => {
  const { url } = await ensure();
  const deaf = await pid();
  await fetch(`${url}/close`, { headers: { connection: 'close' } });
  expect(await ensure()).toEqual({ url });
  expect(await pid()).not.toBe(deaf);
  expect(home.said).toContain(`The simulator (process ${deaf}) does not answer: ending it, and starting another.`);
});
