/** Starts and kills simulators in processes of their own. */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { SimulatorOptions, SimulatorStats } from '../../../src/simulator';

export interface Usage {
  /** Heap and buffers. */
  usedBytes: number;
  /** The most of it since `usage` was first called. */
  peakBytes: number;
  /** Since its start, of all its threads. */
  cpuSeconds: number;
}

export class SimulatorProcess {
  private constructor(
    private readonly child: ChildProcess,
    readonly url: string,
  ) {}

  /** @throws Error with the simulator's own message where it does not start. */
  static async start(options: SimulatorOptions): Promise<SimulatorProcess> {
    const child = fork(join(__dirname, 'simulator-main.js'), [], { env: { ...process.env, SIMULATOR_OPTIONS: JSON.stringify(options) }, execArgv: [] });
    const [{ url, error }] = (await once(child, 'message')) as [{ url?: string; error?: string }];
    const started = new SimulatorProcess(child, url ?? '');
    if (url !== undefined) return started;
    await started.kill();
    throw new Error(error);
  }

  get pid(): number {
    return this.child.pid!;
  }

  async kill(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const exited = once(this.child, 'exit');
    this.child.kill('SIGKILL');
    await exited;
  }

  stop(): void {
    this.child.kill('SIGSTOP');
  }

  async stats(): Promise<SimulatorStats> {
    return (await (await fetch(`${this.url}/simulator/stats`)).json()) as SimulatorStats;
  }

  async waitFor(event: string, count = 1): Promise<void> {
    await fetch(`${this.url}/simulator/wait?event=${event}&count=${count}`);
  }

  async addFault(fault: object): Promise<void> {
    const answer = await fetch(`${this.url}/simulator/faults`, { method: 'POST', body: JSON.stringify(fault) });
    if (!answer.ok) throw new Error(await answer.text());
  }

  /** What it uses; from the first call on it watches its memory. */
  async usage(): Promise<Usage> {
    this.child.send('usage');
    const [usage] = (await once(this.child, 'message')) as [Usage];
    return usage;
  }
}
