/** The built command line as a person or a script runs it: a process, with a home folder of its own. */
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The built program. */
export const MAIN = join(__dirname, '..', '..', '..', 'dist', 'cli', 'main.js');

export interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

type Env = Record<string, string | undefined>;

export class CliWorld {
  private constructor(readonly folder: string) {}

  static async create(): Promise<CliWorld> {
    return new CliWorld(await mkdtemp(join(tmpdir(), 'message-batches-cli-')));
  }

  get home(): string {
    return join(this.folder, 'home');
  }

  /** Starts a command and lets it run. */
  start(args: string[], env: Env = {}): RunningCli {
    const child = spawn(process.execPath, [MAIN, ...args], {
      cwd: this.folder,
      env: { ...withoutSettings(process.env), MESSAGE_BATCHES_HOME: this.home, XDG_CONFIG_HOME: this.folder, ...env },
    });
    return new RunningCli(child, args);
  }

  /** Runs a command to its end. */
  run(args: string[], env: Env = {}, input = ''): Promise<Ended> {
    const running = this.start(args, env);
    running.child.stdin.end(input);
    return running.ended();
  }

  /** Writes requests and gives the file's name; other `seed`s make other jobs. */
  async input(seed: string, count = 3): Promise<string> {
    const lines = Array.from({ length: count }, (_, index) =>
      JSON.stringify({ custom_id: `${seed}-${index}`, params: { model: 'claude-sonnet-4-5', max_tokens: 64, messages: [{ role: 'user', content: `What is ${index} + 1?` }] } }),
    );
    return this.file(`${seed}.jsonl`, `${lines.join('\n')}\n`);
  }

  /** Those of a file below the folder, without empty ones. */
  async lines(...path: string[]): Promise<string[]> {
    return (await readFile(join(this.folder, ...path), 'utf8')).split('\n').filter(Boolean);
  }

  async file(name: string, content: string): Promise<string> {
    await writeFile(join(this.folder, name), content);
    return name;
  }

  /** Ends what runs in the background for this home, and removes everything. */
  async close(): Promise<void> {
    const stopped = await this.run(['stop']);
    if (stopped.code !== 0) throw new Error(`stop failed: ${stopped.stderr}`);
    await rm(this.folder, { recursive: true, force: true });
  }
}

export class RunningCli {
  stdout = '';
  stderr = '';
  private readonly exit: Promise<unknown[]>;

  constructor(
    readonly child: ChildProcessWithoutNullStreams,
    private readonly args: string[],
  ) {
    child.stdout.setEncoding('utf8').on('data', (text: string) => (this.stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (this.stderr += text));
    this.exit = once(child, 'close');
  }

  async ended(): Promise<Ended> {
    const [code] = (await this.exit) as [number | null];
    return { code, stdout: this.stdout, stderr: this.stderr };
  }

  /** Waits until it has printed what is looked for, on either stream. */
  async printed(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const found = pattern.exec(this.stdout) ?? pattern.exec(this.stderr);
      if (found) return found;
      const more = Promise.race([once(this.child.stdout, 'data'), once(this.child.stderr, 'data')]);
      const gone = this.exit.then(() => {
        if (!pattern.test(this.stdout) && !pattern.test(this.stderr)) throw new Error(`message-batches ${this.args.join(' ')} ended without ${pattern}:\n${this.stdout}\n${this.stderr}`);
      });
      await Promise.race([more, gone]);
    }
  }

  async signal(signal: NodeJS.Signals): Promise<Ended> {
    this.child.kill(signal);
    return this.ended();
  }
}

/** No setting of the machine that runs the tests may change what they see. */
function withoutSettings(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !/^(ANTHROPIC_|MESSAGE_BATCHES_|NO_COLOR|FORCE_COLOR)/.test(name) && (name === 'TEMPORAL_CLI_PATH' || !name.startsWith('TEMPORAL_'))));
}

/** An address where nobody listens. */
export const NOTHING_LISTENS = '127.0.0.1:1';
