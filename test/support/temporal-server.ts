/** A real Temporal dev server with a database file, which a test may kill, restart, and set back. */
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Connection } from '@temporalio/client';

export class TemporalServer {
  private process?: ChildProcess;

  private constructor(
    private readonly folder: string,
    readonly port: number,
    private readonly dynamicConfig: readonly string[],
  ) {}

  /** @param folder where the database lies; kept by the caller. @param dynamicConfig settings of the server, `KEY=VALUE`. */
  static async start(folder: string, dynamicConfig: readonly string[] = []): Promise<TemporalServer> {
    await mkdir(folder, { recursive: true });
    // A port that was free a moment ago can be taken by a test file that runs beside this one.
    for (let triesLeft = 3; ; triesLeft--) {
      const server = new TemporalServer(folder, await freePort(), dynamicConfig);
      try {
        await server.start();
        return server;
      } catch (error) {
        if (triesLeft === 0) throw error;
      }
    }
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  async start(): Promise<void> {
    const binary = process.env['TEMPORAL_CLI_PATH'];
    if (!binary) throw new Error('No Temporal dev server: the global setup of the tests finds or builds one and sets TEMPORAL_CLI_PATH');
    const args = ['server', 'start-dev', '--headless', '--ip', '127.0.0.1', '--port', String(this.port), '--db-filename', this.database];
    const pragmas = ['--sqlite-pragma', 'journal_mode=wal', '--sqlite-pragma', 'synchronous=1', '--log-level', 'never'];
    this.process = spawn(binary, [...args, ...pragmas, ...this.dynamicConfig.flatMap((value) => ['--dynamic-config-value', value])], { stdio: 'ignore' });
    await this.ready();
  }

  /** Ends it as a power cut would, from the point of view of its clients. */
  async kill(): Promise<void> {
    const { process } = this;
    if (!process || process.exitCode !== null) return;
    process.kill('SIGKILL');
    await once(process, 'exit');
  }

  async restart(): Promise<void> {
    await this.kill();
    await this.start();
  }

  /** Copies the database while the server is down. */
  async copyDatabase(to: string): Promise<void> {
    await mkdir(to, { recursive: true });
    for (const suffix of ['', '-wal', '-shm']) await cp(this.database + suffix, join(to, `temporal.db${suffix}`), { force: true }).catch(ignoreMissing);
  }

  /** Puts an earlier copy in the database's place while the server is down. */
  async setBack(from: string): Promise<void> {
    for (const suffix of ['', '-wal', '-shm']) {
      await rm(this.database + suffix, { force: true });
      await cp(join(from, `temporal.db${suffix}`), this.database + suffix).catch(ignoreMissing);
    }
  }

  private get database(): string {
    return join(this.folder, 'temporal.db');
  }

  private async ready(): Promise<void> {
    for (;;) {
      if (this.process?.exitCode !== null && this.process?.exitCode !== undefined) {
        throw new Error(`The Temporal server ended with exit code ${this.process.exitCode}`);
      }
      try {
        const connection = await Connection.connect({ address: this.address, connectTimeout: 1_000 });
        await connection.workflowService.describeNamespace({ namespace: 'default' });
        await connection.close();
        return;
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
  }
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

function ignoreMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}
