import { once } from 'node:events';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { BatchCreateParams } from '@anthropic-ai/sdk/resources/messages/batches';
import { checkInput, InputError, type ProgramRequest, writeRequests } from '../../src/jobs';
import { runChild, useFolder } from '../storage/helpers';
import { linesOfFile } from './helpers';

const folder = useFolder();
const dir = () => join(folder.path, 'requests');
const request = (customId: string, more: object = {}): ProgramRequest => ({ custom_id: customId, params: { model: 'claude-haiku-5-5', max_tokens: 10, messages: [{ role: 'user', content: `Hé ${customId}` }] }, ...more });
const written = () => readdirSync(dir());

function* some(count: number): Generator<ProgramRequest> {
  for (let i = 0; i < count; i++) yield request(`q-${i}`, { metadata: { i } });
}

it('writes them as an input that can be sent, named by its content', async () => {
  const reference = await writeRequests(some(3), { folder: dir() });
  expect(reference).toEqual({ uri: join(dir(), `requests-${reference.sha256.slice(0, 16)}.jsonl`), length: statSync(reference.uri).size, sha256: expect.stringMatching(/^[0-9a-f]{64}$/) });
  expect(linesOfFile(reference.uri)).toEqual([...some(3)].map((each) => JSON.stringify(each)));
  expect(await checkInput(reference.uri)).toMatchObject({ sha256: reference.sha256, bytes: reference.length, requests: 3, problemCount: 0 });
  expect(statSync(reference.uri).mode & 0o777).toBe(0o600);
});

it('gives the same reference when it is tried again, also at once, and keeps one file', async () => {
  const all = await Promise.all([1, 2, 3].map(() => writeRequests(some(100), { folder: dir() })));
  expect(new Set(all.map((reference) => JSON.stringify(reference))).size).toBe(1);
  expect(written()).toHaveLength(1);
  expect((await writeRequests(some(101), { folder: dir() })).uri).not.toBe(all[0]!.uri);
});

it('takes requests of the official SDK', async () => {
  const ofSdk: BatchCreateParams.Request[] = [{ custom_id: 'a', params: { model: 'claude-haiku-5-5', max_tokens: 10, messages: [{ role: 'user', content: 'Hi' }] } }];
  expect(linesOfFile((await writeRequests(ofSdk, { folder: dir() })).uri)).toEqual([JSON.stringify(ofSdk[0])]);
});

describe('refuses, by its index, and leaves nothing behind', () => {
  const circular: Record<string, unknown> = {};
  circular['self'] = circular;
  const cells: [string, unknown, RegExp][] = [
    ['a bad custom_id', request('a b'), /^requests\[2\]: custom_id "a b" has " " in it\.$/],
    ['no params', { custom_id: 'x' }, /^requests\[2\]: params is missing\.$/],
    ['an unknown key', request('x', { priority: 1 }), /^requests\[2\]: "priority" is not a key of a request\.$/],
    ['large metadata', request('x', { metadata: { a: 'x'.repeat(5000) } }), /^requests\[2\]: metadata has \d+ bytes/],
    ['nothing', undefined, /^requests\[2\]: A JSON null, not a request\.$/],
    ['what is no JSON', request('x', { metadata: circular }), /^requests\[2\]: It cannot be written as JSON\.$/],
    ['a custom_id that stands twice', request('q-1'), /^requests\[2\]: requests\[1\] has the custom_id "q-1" already\.$/],
  ];
  it.each(cells)('%s', async (_, bad, message) => {
    const error = await writeRequests([...some(2), bad as ProgramRequest, request('later')], { folder: dir() }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(InputError);
    expect(error).toMatchObject({ code: 'input_invalid', message: expect.stringMatching(message), hint: expect.stringMatching(/./) });
    expect(written()).toEqual([]);
  });

  it('no requests at all', async () => {
    await expect(writeRequests([], { folder: dir() })).rejects.toMatchObject({ code: 'input_empty' });
    expect(written()).toEqual([]);
  });

  it('an iterable that throws, whose error comes as it is', async () => {
    const reason = new Error('the database is gone');
    async function* failing(): AsyncGenerator<ProgramRequest> {
      yield* some(5000);
      throw reason;
    }
    await expect(writeRequests(failing(), { folder: dir() })).rejects.toBe(reason);
    expect(written()).toEqual([]);
  });

  it('and ends the iterable where it stops early', async () => {
    let closed = false;
    function* watched(): Generator<ProgramRequest> {
      try {
        yield* some(2);
        yield request('a b');
      } finally {
        closed = true;
      }
    }
    await expect(writeRequests(watched(), { folder: dir() })).rejects.toThrow('requests[2]');
    expect(closed).toBe(true);
    const controller = new AbortController();
    const stop = new Error('stop');
    await expect(writeRequests(some(50_000), { folder: dir(), signal: controller.signal, onProgress: () => controller.abort(stop) })).rejects.toBe(stop);
    expect(written()).toEqual([]);
  });
});

it('asks for one request after another, and tells how far it is', async () => {
  let asked = 0;
  let ahead = 0;
  let lines = 0;
  async function* slow(): AsyncGenerator<ProgramRequest> {
    for (const each of some(30_000)) {
      asked++;
      ahead = Math.max(ahead, asked - lines);
      yield each;
    }
  }
  await writeRequests(slow(), { folder: dir(), onProgress: (progress) => (lines = progress.lines) });
  expect(lines).toBe(30_000);
  // What fits one write, and no more.
  expect(ahead).toBeLessThan(10_000);
});

it('holds little memory over 100,000 requests of 2.5 KB', async () => {
  const child = runChild(join(__dirname, 'children/write-requests.ts'), [dir()]);
  let said = '';
  child.stdout!.setEncoding('utf8').on('data', (chunk: string) => (said += chunk));
  expect(await once(child, 'exit')).toEqual([0, null]);
  const { before, peak, length } = JSON.parse(said) as { before: number; peak: number; length: number };
  expect(length).toBeGreaterThan(250_000_000);
  expect(peak - before).toBeLessThan(100);
});

it('kill -9 leaves a file or none', async () => {
  for (const steps of [1, 21]) {
    const child = runChild(join(__dirname, 'children/write-requests.ts'), [dir(), 'tell']);
    // Several may come at once.
    for (let told = 0; told < steps; ) told += String((await once(child.stdout!, 'data'))[0]).split('\n').length - 1;
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(written().filter((name) => !name.endsWith('.tmp'))).toEqual([]);
  }
  expect(readFileSync((await writeRequests(some(1), { folder: dir() })).uri, 'utf8')).toBe(`${JSON.stringify(request('q-0', { metadata: { i: 0 } }))}\n`);
});
