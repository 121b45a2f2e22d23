import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A folder for each test, removed after it. */
export function useFolder(): { readonly path: string } {
  let path = '';
  beforeEach(() => {
    path = mkdtempSync(join(tmpdir(), 'message-batches-test-'));
  });
  afterEach(() => rmSync(path, { recursive: true, force: true }));
  return {
    get path() {
      return path;
    },
  };
}

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

/** All bytes of a source of chunks. */
export async function bytesOf(chunks: AsyncIterable<Buffer>): Promise<Buffer> {
  return Buffer.concat(await collect(chunks));
}

/** Runs a TypeScript file of the tests as a process of its own. */
export function runChild(file: string, args: string[], wrapper: string[] = []): ChildProcess {
  const [command, ...rest] = [...wrapper, process.execPath, '--require', join(__dirname, '..', 'support', 'typescript-hook.js'), file, ...args];
  return spawn(command!, rest, { stdio: ['ignore', 'pipe', 'inherit'] });
}

/** Kills a child with SIGKILL as soon as it has written so many lines to stdout; gives these lines. */
export async function killAfterLines(child: ChildProcess, lines: number): Promise<string[]> {
  let text = '';
  const exited = once(child, 'exit');
  child.stdout!.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
    if (text.split('\n').length > lines) child.kill('SIGKILL');
  });
  const [code] = (await exited) as [number | null];
  if (code !== null && code !== 0) throw new Error(`The child failed with ${code}`);
  return text.split('\n').slice(0, -1);
}
