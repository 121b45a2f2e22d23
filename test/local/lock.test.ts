import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ifUnlocked, withLock } from '../../src/local/lock';
import type { TestHome } from './support';
import { Child, testHome } from './support';

let home: TestHome;
beforeEach(async () => {
  home = await testHome();
});
afterEach(() => home.remove());

const lock = <T>(work: () => Promise<T>, timeoutMs = 10_000) => withLock(home, 'counter', { timeoutMs }, work);
const count = async () => Number(await readFile(join(home.folder, 'counter'), 'utf8'));

test('of many processes, one works at a time', async () => {
  const children = Array.from({ length: 5 }, () => new Child('lock-child.ts', ['30'], home.env));
  expect(await Promise.all(children.map((child) => child.ended))).toEqual([0, 0, 0, 0, 0]);
  expect(await count()).toBe(150);
  expect((await readdir(join(home.run, 'locks'))).length).toBeLessThanOrEqual(2);
});

test('of one process, one works at a time', async () => {
  let inside = 0;
  const most = await Promise.all(
    Array.from({ length: 5 }, () =>
      lock(async () => {
        inside++;
        await new Promise((resolve) => setTimeout(resolve, 5));
        return inside--;
      }),
    ),
  );
  expect(Math.max(...most)).toBe(1);
});

test('is free at once when its holder is killed', async () => {
  const holder = new Child('lock-child.ts', ['1', 'hold'], home.env);
  await holder.printed('holding');
  const next = lock(async () => performance.now(), 60_000);
  const killed = performance.now();
  holder.process.kill('SIGKILL');
  expect((await next) - killed).toBeLessThan(30_000);
});

test('stays with a holder that is frozen; who waits is told of it, and gives up in the end', async () => {
  const holder = new Child('lock-child.ts', ['1', 'hold'], home.env);
  await holder.printed('holding');
  holder.process.kill('SIGSTOP');
  const waitedFor: number[] = [];
  let worked = false;
  const attempt = withLock(home, 'counter', { timeoutMs: 1_500, doing: 'counts', onWait: ({ pid }) => waitedFor.push(pid) }, async () => {
    worked = true;
  });
  await expect(attempt).rejects.toMatchObject({
    code: 'lock_timeout',
    message: expect.stringMatching(new RegExp(`^Process ${holder.pid} counts, and has not finished after \\d+ s\\.$`)),
    hint: expect.stringContaining(`kill ${holder.pid}`),
  });
  expect(worked).toBe(false);
  expect(waitedFor).toEqual([holder.pid]);
  await ifUnlocked(home, 'counter', async () => {
    worked = true;
  });
  expect(worked).toBe(false);
  holder.process.kill('SIGKILL');
  await holder.ended;
  await ifUnlocked(home, 'counter', async () => {
    worked = true;
  });
  expect(worked).toBe(true);
});

test('who waits and stands still past the time limit is told of it all the same', async () => {
  const waitedFor: number[] = [];
  await lock(async () => {
    // As if all of this happened after a minute; the first look at the clock is when the wait begins.
    const clock = jest.spyOn(performance, 'now').mockReturnValue(60_000).mockReturnValueOnce(0);
    const attempt = withLock(home, 'counter', { timeoutMs: 1_500, onWait: ({ pid }) => waitedFor.push(pid) }, () => Promise.resolve());
    await expect(attempt).rejects.toMatchObject({ code: 'lock_timeout', message: expect.stringContaining('after 60 s') });
    clock.mockRestore();
  });
  expect(waitedFor).toEqual([process.pid]);
});

test('is let go of where the work fails', async () => {
  await expect(lock(() => Promise.reject(new Error('failed')))).rejects.toThrow('failed');
  expect(await lock(async () => 'done', 0)).toBe('done');
});
