import { appendFileSync } from 'node:fs';

/** Adds lines to the log of a worker, each with its ISO time: stderr belongs to the display. */
export class WorkerLog {
  constructor(
    private readonly file: string,
    /** Log to stderr as well, and more. */
    readonly verbose: boolean,
  ) {}

  write(text: string, time = new Date()): void {
    const line = `${time.toISOString()} ${text}\n`;
    appendFileSync(this.file, line, { mode: 0o600 });
    if (this.verbose) process.stderr.write(line);
  }
}
