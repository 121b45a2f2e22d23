/** JSONL of requests: texts, files, sources, and a process that sends a file. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { FileChildMessage } from './create-file-child';
import { CERTIFICATE_FILE } from './servers';

const folders: string[] = [];

/** For `afterEach`. */
export function removeFiles(): void {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
}

export function writeFile(content: string | Uint8Array, name = 'requests.jsonl'): string {
  const folder = mkdtempSync(join(tmpdir(), 'create-jsonl-'));
  folders.push(folder);
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

/** A line with a request in the usual form. */
export function line(custom_id: string, content = 'Hello'): string {
  return JSON.stringify({ custom_id, params: { model: 'm', max_tokens: 16, messages: [{ role: 'user', content }] } });
}

export function lines(count: number, content?: string): string {
  return Array.from({ length: count }, (_, index) => `${line(`r-${index}`, content)}\n`).join('');
}

/** A source that gives `content` in chunks of `size` bytes, each in a turn of its own, and remembers whether it was closed. */
export class Source {
  opened = 0;
  closed = 0;

  constructor(
    private readonly content: string | Uint8Array,
    private readonly size = 1_000,
  ) {}

  get bytes(): number {
    return Buffer.byteLength(this.content);
  }

  readonly open = (): AsyncIterable<Uint8Array> => this.#chunks();

  async *#chunks(): AsyncGenerator<Uint8Array> {
    const bytes = Buffer.from(this.content);
    this.opened++;
    try {
      for (let at = 0; at < bytes.length; at += this.size) {
        yield bytes.subarray(at, at + this.size);
        await nextTurn();
      }
    } finally {
      this.closed++;
    }
  }
}

/** Creates a batch of a file in a process of its own, which trusts the certificate of these tests. */
export async function createInChild(url: string, path: string): Promise<FileChildMessage> {
  const child = fork(join(__dirname, 'create-file-child.ts'), [url, path], {
    execArgv: ['-r', join(__dirname, '..', '..', 'support', 'typescript-hook.js')],
    env: { PATH: process.env['PATH'], NODE_EXTRA_CA_CERTS: CERTIFICATE_FILE },
  });
  const [message] = (await once(child, 'message')) as [FileChildMessage];
  return message;
}
