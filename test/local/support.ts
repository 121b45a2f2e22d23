/** Homes of their own for tests, and processes of their own that use them. */
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Home } from '../../src/local';
import { embeddedServer, openHome, runningBackground, stopBackground } from '../../src/local';
import { endProcess } from '../../src/local/processes';
import { findServer } from '../../src/local/server-process';

const HOOK = join(__dirname, '..', 'support', 'typescript-hook.js');

/** What Node needs to run a TypeScript file of this folder. */
export function nodeArguments(script: string): string[] {
  return ['--require', HOOK, join(__dirname, script)];
}

/** The real server program; a test without one fails, as it would prove nothing. */
export function temporalCliPath(): string {
  const path = process.env['TEMPORAL_CLI_PATH'];
  if (!path) throw new Error('These tests need a Temporal server program: set TEMPORAL_CLI_PATH to the `temporal` program.');
  return path;
}

export interface TestHome extends Home {
  /** Environment of a command that uses this home and the real server program. */
  env: NodeJS.ProcessEnv;
  /** What was told to the person. */
  said: string[];
  say: (line: string) => void;
  /** Ends what runs there, and removes it. */
  remove(): Promise<void>;
}

export async function testHome(): Promise<TestHome> {
  const folder = await mkdtemp(join(tmpdir(), 'message-batches-home-'));
  const { PATH } = process.env;
  const home = await openHome({ MESSAGE_BATCHES_HOME: folder });
  const said: string[] = [];
  return {
    ...home,
    env: { PATH, HOME: home.folder, MESSAGE_BATCHES_HOME: folder, TEMPORAL_CLI_PATH: process.env['TEMPORAL_CLI_PATH'] },
    said,
    say: (line) => said.push(line),
    async remove() {
      for (const { name } of await runningBackground(home)) await stopBackground(home, name, 0);
      // Faster than stopping it, and nobody needs its data any more.
      const server = (await embeddedServer(home)) ?? (await findServer(home));
      if (server) await endProcess(server, 0);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

export class Child {
  readonly process: ChildProcess;
  stdout = '';
  stderr = '';
  readonly ended: Promise<number | NodeJS.Signals>;

  constructor(script: string, args: string[], env: NodeJS.ProcessEnv) {
    this.process = spawn(process.execPath, [...nodeArguments(script), ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    this.process.stdout?.on('data', (data: Buffer) => (this.stdout += data.toString()));
    this.process.stderr?.on('data', (data: Buffer) => (this.stderr += data.toString()));
    this.ended = once(this.process, 'close').then(([code, signal]) => (signal ?? code) as number | NodeJS.Signals);
  }

  get pid(): number {
    return this.process.pid!;
  }

  /** Waits until it has printed the word. */
  async printed(word: string): Promise<void> {
    while (!this.stdout.includes(word)) {
      const end = await Promise.race([once(this.process.stdout!, 'data'), this.ended]);
      if (!Array.isArray(end) && !this.stdout.includes(word)) throw new Error(`It ended (${end}) without printing ${word}:\n${this.stderr}`);
    }
  }
}
