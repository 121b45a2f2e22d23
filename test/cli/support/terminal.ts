/** A real terminal, of tmux: a shell in it, keys that are typed, and what stands on the screen. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);
const LOOK_EVERY_MS = 50;

export interface TerminalOptions {
  columns: number;
  lines: number;
  cwd: string;
  env: Record<string, string>;
}

let opened = 0;

export class Terminal {
  /** @param socket path of the socket of its server */
  private constructor(private readonly socket: string) {}

  /** @throws where the machine has no tmux */
  static async open({ columns, lines, cwd, env }: TerminalOptions): Promise<Terminal> {
    // A server of its own, below the folder of the test: nobody else's sessions or settings.
    const terminal = new Terminal(join(cwd, `tmux-${++opened}`));
    const settings = Object.entries({ LANG: 'C.UTF-8', LC_ALL: 'C.UTF-8', ...env }).flatMap(([name, value]) => ['-e', `${name}=${value}`]);
    await terminal.tmux('new-session', '-d', '-x', String(columns), '-y', String(lines), '-c', cwd, ...settings, 'sh').catch((error: NodeJS.ErrnoException) => {
      throw error.code === 'ENOENT' ? new Error('tmux is not installed: this test needs a real terminal. Install it, e.g. apt-get install tmux') : error;
    });
    await terminal.shows(/^[#$]/m);
    return terminal;
  }

  async type(line: string): Promise<void> {
    await this.tmux('send-keys', '-l', line);
    await this.tmux('send-keys', 'Enter');
  }

  /** @param key as tmux names it, e.g. `C-c` */
  async press(key: string): Promise<void> {
    await this.tmux('send-keys', key);
  }

  async resize(columns: number, lines: number): Promise<void> {
    await this.tmux('resize-window', '-x', String(columns), '-y', String(lines));
  }

  /** What stands on the screen, and with `history` what has left it at its top. */
  async screen({ history = false, escapes = false } = {}): Promise<string> {
    return this.tmux('capture-pane', '-p', ...(history ? ['-S', '-'] : []), ...(escapes ? ['-e'] : []));
  }

  /** Waits until the screen shows what is looked for. @returns the whole screen */
  shows(pattern: RegExp, timeoutMs?: number): Promise<string> {
    return this.becomes((screen) => pattern.test(screen), { what: String(pattern), timeoutMs });
  }

  /** Waits until the screen is as it should be: it may be seen in the middle of a change. @returns the whole screen */
  async becomes(isRight: (screen: string) => boolean, { what = '', timeoutMs = 30_000, history = false } = {}): Promise<string> {
    const until = Date.now() + timeoutMs;
    for (;;) {
      const screen = await this.screen({ history });
      if (isRight(screen)) return screen;
      if (Date.now() > until) throw new Error(`The screen did not show within ${timeoutMs} ms what was looked for ${what}:\n${screen}`);
      await sleep(LOOK_EVERY_MS);
    }
  }

  async close(): Promise<void> {
    await this.tmux('kill-server').catch(() => undefined);
  }

  private async tmux(...args: string[]): Promise<string> {
    return (await run('tmux', ['-u', '-S', this.socket, '-f', '/dev/null', ...args])).stdout;
  }
}
