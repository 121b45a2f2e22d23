import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { listensAt, listensByLsof, listensByProc } from '../../src/local/listening';
import { choosePort } from '../../src/local/ports';
import { endProcess, identifyByProc, identifyByPs, identifyProcess, isRunning, listByPs, listProcesses, thisProcess } from '../../src/local/processes';

const onLinux = process.platform === 'linux';

describe.each([
  ['ps', identifyByPs],
  ...(onLinux ? [['/proc', identifyByProc] as const] : []),
] as [string, typeof identifyProcess][])('a process by %s', (_name, identify) => {
  test('is the same each time, and another than its child', async () => {
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
    try {
      const me = await identify(process.pid);
      expect(me).toEqual(await identify(process.pid));
      expect(me?.pid).toBe(process.pid);
      expect(me?.startTime).toBeTruthy();
      expect(await identify(child.pid!)).toMatchObject({ pid: child.pid });
    } finally {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    expect(await identify(child.pid!)).toBeUndefined();
  });

  test('is none where only its remains are left', async () => {
    // The parent never waits for its child, as some init processes of containers do not either.
    const parent = spawn('sh', ['-c', 'sleep 0.5 & echo $!; exec sleep 60'], { stdio: ['ignore', 'pipe', 'inherit'] });
    try {
      const [line] = (await once(parent.stdout, 'data')) as [Buffer];
      const zombie = Number(line.toString());
      while (await identify(zombie)) await new Promise(setImmediate);
      expect(() => process.kill(zombie, 0)).not.toThrow();
    } finally {
      parent.kill('SIGKILL');
      await once(parent, 'exit');
    }
  });
});

test('a process of the same pid but another start time is another one, and is left alone', async () => {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
  const identity = (await identifyProcess(child.pid!))!;
  const earlier = { ...identity, startTime: 'at another time' };
  expect(await isRunning(earlier)).toBe(false);
  await endProcess(earlier, 0);
  expect(await isRunning(identity)).toBe(true);
  await endProcess(identity, 5_000);
  expect(await isRunning(identity)).toBe(false);
});

test('a process that ignores SIGTERM is killed after its grace', async () => {
  const child = spawn(process.execPath, ['-e', 'process.on("SIGTERM", () => {}); setInterval(() => {}, 1000); console.log("up")'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  await once(child.stdout, 'data');
  await endProcess((await identifyProcess(child.pid!))!, 100);
  expect(await ended).toEqual([null, 'SIGKILL']);
});

test.each([
  ['the list', listProcesses],
  ['ps', listByPs],
])('command lines are listed whole (%s)', async (_name, list) => {
  const marker = `a marker ${'x'.repeat(300)}`;
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000); console.log("up")', marker], { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    await once(child.stdout, 'data');
    expect((await list()).filter(({ commandLine }) => commandLine.endsWith(marker)).map(({ pid }) => pid)).toEqual([child.pid]);
  } finally {
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
});

test.each([
  ['this platform', listensAt],
  ['lsof', listensByLsof],
  ...(onLinux ? [['/proc', listensByProc]] : []),
] as [string, typeof listensAt][])('who listens at a port is known by its process (%s)', async (_name, listens) => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  expect(await listens(process.pid, port)).toBe(true);
  expect(await listens(process.ppid, port)).toBe(false);
  expect(await choosePort([port])).not.toBe(port);
  server.close();
  await once(server, 'close');
  expect(await listens(process.pid, port)).toBe(false);
  expect(await choosePort([port])).toBe(port);
});

test('a port at which another listens on all addresses is not free', async () => {
  const server = createServer().listen(0, '0.0.0.0');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  expect(await choosePort([port])).not.toBe(port);
  server.close();
});

test('this process runs', async () => {
  expect(await isRunning(await thisProcess())).toBe(true);
});
