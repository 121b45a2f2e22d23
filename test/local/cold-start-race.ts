/** Many commands at once in a home where nothing runs yet; for the tests, and for longer runs of the same. */
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Connection } from '@temporalio/client';
import { embeddedServer } from '../../src/local';
import { listProcesses } from '../../src/local/processes';
import type { TestHome } from './support';
import { Child } from './support';

export interface RaceOptions {
  commands: number;
  /** kill -9 of the command started first after so many ms, or of the one that starts the server, just before that is on record. */
  kill?: number | 'starter';
}

export interface RaceResult {
  /** What went wrong, in words; empty where exactly one server served all. */
  problems: string[];
  /** Which command was killed, if any: under load the moment to kill the starter can pass unseen. */
  killed?: number;
  /** What all commands told the person. */
  told: string;
  ms: number;
}

interface Printed {
  address: string;
  pid: number;
  workflowId: string;
}

export async function race(home: TestHome, { commands, kill }: RaceOptions): Promise<RaceResult> {
  const started = performance.now();
  // Whoever comes there first; those after it find that it was done.
  const beforeRecord = { operation: 'rename', path: '/server\\.json$', when: 'before', signal: 'SIGKILL', once: join(home.folder, 'starter-killed') };
  const env = { ...home.env, ...(kill === 'starter' && { STOP_AT_STEP: JSON.stringify(beforeRecord) }) };
  const children = Array.from({ length: commands }, () => new Child('race-child.ts', [], env));
  const watch = new Watch(home);
  const timer = typeof kill === 'number' ? setTimeout(() => children[0]?.process.kill('SIGKILL'), kill) : undefined;
  const ends = await Promise.all(children.map((child) => child.ended));
  clearTimeout(timer);
  const problems = await watch.stop();
  const survivors = children.filter((_, index) => ends[index] !== 'SIGKILL');
  for (const child of survivors) {
    const end = ends[children.indexOf(child)];
    if (end !== 0) problems.push(`command ${child.pid} ended with ${end}: ${child.stderr}`);
  }
  const printed = survivors.flatMap(({ stdout }) => (stdout ? [JSON.parse(stdout) as Printed] : []));
  const servers = new Set(printed.map(({ address, pid }) => `${address} (process ${pid})`));
  if (servers.size !== 1) problems.push(`commands were told of ${servers.size} servers: ${[...servers].join(', ')}`);
  problems.push(...(await missingWorkflows(home, printed)));
  const running = (await serversOf(home)).length;
  if (running !== 1) problems.push(`${running} servers run in the end`);
  return { problems, killed: ends.includes('SIGKILL') ? ends.indexOf('SIGKILL') : undefined, told: children.map(({ stderr }) => stderr).join(''), ms: performance.now() - started };
}

/** Looks all the time whether there are two servers. */
class Watch {
  private most = 0;
  private stopped = false;
  private readonly done: Promise<void>;

  constructor(private readonly home: TestHome) {
    this.done = this.run();
  }

  async stop(): Promise<string[]> {
    this.stopped = true;
    await this.done;
    return this.most > 1 ? [`${this.most} servers ran at the same time`] : [];
  }

  private async run(): Promise<void> {
    while (!this.stopped) {
      const servers = await serversOf(this.home);
      this.most = Math.max(this.most, servers.length);
      await delay(25);
    }
  }
}

async function serversOf({ database }: TestHome): Promise<number[]> {
  const all = await listProcesses();
  return all.filter(({ commandLine }) => commandLine.includes(` server start-dev --db-filename ${database} `) && !commandLine.startsWith('/bin/sh')).map(({ pid }) => pid);
}

async function missingWorkflows(home: TestHome, printed: Printed[]): Promise<string[]> {
  const server = await embeddedServer(home);
  if (!server) return ['no server is on record in the end'];
  const connection = await Connection.connect({ address: server.address });
  try {
    const found = await Promise.all(
      printed.map(({ workflowId }) =>
        connection.workflowService.describeWorkflowExecution({ namespace: 'default', execution: { workflowId } }).then(
          () => [],
          (error: Error) => [`${workflowId} is lost: ${error.message}`],
        ),
      ),
    );
    return found.flat();
  } finally {
    await connection.close();
  }
}
