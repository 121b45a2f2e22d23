import { ExitCode } from './exit-codes';

type StopSignal = 'SIGINT' | 'SIGTERM' | 'SIGHUP';
const STOP_SIGNALS: StopSignal[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/** Takes Ctrl-C, SIGTERM and SIGHUP over from Node, until disposed. */
export class StopSignals implements Disposable {
  /** Resolves at the first one. */
  readonly received: Promise<StopSignal>;
  private readonly listeners = new Map<StopSignal, () => void>();

  /** @param onSecond is told of a second Ctrl-C or SIGTERM; the process then ends at once. */
  constructor(onSecond: () => void) {
    let first: StopSignal | undefined;
    this.received = new Promise((resolve) => {
      for (const signal of STOP_SIGNALS) {
        const listener = () => {
          if (first === undefined) {
            first = signal;
            resolve(signal);
          } else if (signal !== 'SIGHUP') {
            onSecond();
            process.exit(exitCodeOf(signal));
          }
        };
        this.listeners.set(signal, listener);
        process.on(signal, listener);
      }
    });
  }

  [Symbol.dispose](): void {
    for (const [signal, listener] of this.listeners) process.off(signal, listener);
  }
}

export function exitCodeOf(signal: StopSignal): ExitCode {
  return signal === 'SIGINT' ? ExitCode.interrupted : ExitCode.terminated;
}
