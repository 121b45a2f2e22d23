/** Commands where a proxy stands between them and the API. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Simulator } from '../../src/simulator';
import { startSimulator } from '../../src/simulator';
import { closeProxies, connectProxy, PROXIED_HOST } from '../api/support/connect-proxy';
import { CliWorld } from './support/cli-world';
import { LONG } from '../support/long-form';

let world: CliWorld;
let simulator: Simulator;
let port: number;

/** A name that only the proxy knows. */
const baseUrl = `http://${PROXIED_HOST}`;
const key = { ANTHROPIC_API_KEY: 'test-key' };

beforeEach(async () => {
  world = await CliWorld.create();
  simulator = await startSimulator({ folder: join(world.folder, 'api'), processingMs: 0 });
  port = Number(new URL(simulator.url).port);
});
afterEach(async () => {
  await world.close();
  await closeProxies();
  await simulator.close();
});

const accepted = () => simulator.stats().accepted.length;

if (LONG) test.each(['lower', 'upper'] as const)('proxy variables in %s case do not come between a command and the embedded server', async (spelling) => {
  const proxy = await connectProxy({ target: port });
  proxy.refusal = 403;
  const names = ['https_proxy', 'http_proxy', 'grpc_proxy'].map((name) => (spelling === 'lower' ? name : name.toUpperCase()));
  const env = { ...noProxy, ...Object.fromEntries(names.map((name) => [name, proxy.url])) };
  expect(await world.run(['run', await world.input('direct'), '--simulate'], env)).toMatchObject({ code: 0 });
  expect([proxy.tunnels, proxy.forwarded]).toEqual([[], []]);
});

test('a proxy that wants other credentials: exit 4 with what to do, and the same command with them goes on', async () => {
  const proxy = await connectProxy({ target: port, credentials: 'user:right-password' });
  const env = (password: string) => ({ ...noProxy, ...key, ANTHROPIC_BASE_URL: baseUrl, HTTP_PROXY: `http://user:${password}@${proxy.host}` });
  const input = await world.input('proxied');
  const refused = await world.run(['run', input, '--json'], env('wrong-password'));
  expect(refused.code).toBe(4);
  const { error } = JSON.parse(refused.stdout) as { error: { code: string; message: string; hint: string } };
  expect(error.code).toBe('no_access');
  expect(error.message).toMatch(`the proxy ${proxy.host} refused to connect to ${baseUrl}: it answered 407; nothing was sent.`);
  expect(error.message).toContain('http://user:password@host');
  expect(error.hint).toMatch(/HTTP_PROXY[\s\S]*the same command[\s\S]*message-batches wait job_/);
  expect(refused.stdout + refused.stderr).not.toContain('wrong-password');
  expect(accepted()).toBe(0);

  expect(await world.run(['run', input], env('right-password'))).toMatchObject({ code: 0 });
  expect(accepted()).toBe(1);
});

if (LONG) test('a background worker that the proxy refuses ends, so that it takes no work from a good one', async () => {
  simulator.setOptions({ processingMs: 3_000 });
  const proxy = await connectProxy({ target: port });
  const env = { ...noProxy, ...key, ANTHROPIC_BASE_URL: baseUrl, HTTP_PROXY: proxy.url };
  const input = await world.input('background');
  expect(await world.run(['submit', input, '--poll-interval', '500ms'], env)).toMatchObject({ code: 0 });
  const { pid } = JSON.parse(await readFile(await inHome('run', 'worker-'), 'utf8')) as { pid: number };
  proxy.refusal = 407;
  // Open tunnels would still serve it.
  for (const client of proxy.clients) client.destroy();
  expect(await world.run(['wait', '--json'], env)).toMatchObject({ code: 4, stdout: expect.stringContaining('"code":"no_access"') });
  while (isAlive(pid)) await delay(50);
  proxy.refusal = undefined;
  expect(await world.run(['wait'], env)).toMatchObject({ code: 0 });
  expect(accepted()).toBe(1);
});

if (LONG) test('ANTHROPIC_LOG: the lines of a worker go to its log with the time, and to stderr with --verbose alone', async () => {
  const env = { ...noProxy, ...key, ANTHROPIC_BASE_URL: simulator.url, ANTHROPIC_LOG: 'debug' };
  const quiet = await world.run(['run', await world.input('quiet')], env);
  const line = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z create 200 in \d+ ms/m;
  expect([quiet.code, quiet.stderr]).toEqual([0, expect.not.stringMatching(/create (200|attempt)/)]);
  const log = await readFile(await inHome('logs', 'worker-'), 'utf8');
  expect(log).toMatch(line);
  expect(log).not.toContain('test-key');
  expect(await world.run(['run', await world.input('verbose'), '--verbose'], env)).toMatchObject({ code: 0, stderr: expect.stringMatching(line) });
});

test('doctor names the proxy of the API, and no secret of it', async () => {
  const finding = async (env: Record<string, string>) => {
    const { stdout } = await world.run(['doctor', '--json'], { ...noProxy, ...env });
    expect(stdout).not.toContain('secret');
    return (JSON.parse(stdout) as { findings: { name: string; ok: boolean; value: string }[] }).findings.find(({ name }) => name === 'proxy');
  };
  const secured = { HTTPS_PROXY: 'http://user:secret@proxy.example:3128' };
  expect(await finding({})).toMatchObject({ ok: true, value: 'none' });
  expect(await finding(secured)).toMatchObject({ ok: true, value: 'proxy.example:3128, for https://api.anthropic.com' });
  expect(await finding({ ...secured, NO_PROXY: 'intern.example' })).toMatchObject({ value: expect.stringContaining('; NO_PROXY: intern.example') });
  expect(await finding({ ...secured, ANTHROPIC_BASE_URL: simulator.url })).toMatchObject({ ok: true, value: `not used for ${simulator.url}` });
  expect(await finding({ HTTPS_PROXY: 'socks5://user:secret@proxy.example' })).toMatchObject({ ok: false, hint: expect.stringContaining('NO_PROXY') });
});

/** Whatever the machine that runs the tests has set. */
const noProxy = Object.fromEntries(['http_proxy', 'https_proxy', 'no_proxy', 'grpc_proxy', 'no_grpc_proxy'].flatMap((name) => [[name, undefined], [name.toUpperCase(), undefined]]));

/** The path of the only file of a folder that begins so. */
async function inHome(name: string, prefix: string): Promise<string> {
  const folder = join(world.home, name);
  const [found, ...more] = (await readdir(folder)).filter((file) => file.startsWith(prefix));
  if (!found || more.length > 0) throw new Error(`${[found, ...more].join(', ')}: not one file`);
  return join(folder, found);
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
