import pc from 'picocolors';
import type { Colors } from 'picocolors/types';
import type { CliError } from './cli-error';
import { loadFormats } from './display/formats';
import type { Rendering } from './display/rendering';
import { ExitCode } from './exit-codes';
import { printable, printableJson, printableLines } from './printable';

export interface OutputOptions {
  json: boolean;
  verbose: boolean;
  env: NodeJS.ProcessEnv;
}

/**
 * What a command prints. stdout has the answer: text for people, or with `--json` one document (or, while
 * watching, one a line). stderr has everything else.
 */
export class Output {
  readonly json: boolean;
  readonly verbose: boolean;
  readonly stderrColors: Colors;
  private readonly stdoutColors: Colors;

  constructor({ json, verbose, env }: OutputOptions) {
    this.json = json;
    this.verbose = verbose;
    const wanted = env.NO_COLOR === undefined || env.NO_COLOR === '';
    this.stdoutColors = pc.createColors(wanted && process.stdout.isTTY === true);
    this.stderrColors = pc.createColors(wanted && process.stderr.isTTY === true);
  }

  /** A person looks on and can act. */
  get interactive(): boolean {
    return process.stderr.isTTY === true;
  }

  /** A line for the person who waits. */
  readonly say = (line: string): void => {
    process.stderr.write(`${line}\n`);
  };

  /** The answer for a person; nothing with `--json`. */
  print(text: string): void {
    if (!this.json) process.stdout.write(`${printableLines(text)}\n`);
  }

  /** The answer for a script; nothing without `--json`. Keys are those of our files: snake_case. */
  document(value: unknown): void {
    if (this.json) process.stdout.write(`${printableJson(snakeCased(value))}\n`);
  }

  error(error: CliError): void {
    if (this.json) {
      this.document({ error: { code: error.code, message: error.message, hint: error.hint ?? null }, ...error.details });
    } else {
      // To leave a job to the background, or to wait for a person, is no error.
      const prefix = error.exitCode === ExitCode.failed ? `${this.stderrColors.red('Error:')} ` : '';
      process.stderr.write(`${prefix}${printableLines(error.message)}\n`);
      if (error.hint) process.stderr.write(`${printableLines(error.hint)}\n`);
    }
    if (this.verbose && error.cause instanceof Error) process.stderr.write(`${stackOf(error.cause)}\n`);
  }

  /** How to draw for stdout, now. */
  async rendering(): Promise<Rendering> {
    return { now: new Date(), width: process.stdout.columns ?? 80, colors: this.stdoutColors, formats: await loadFormats(), cwd: process.cwd() };
  }

  /** How to draw for stderr, now. */
  async progressRendering(): Promise<Rendering> {
    return { ...(await this.rendering()), width: process.stderr.columns ?? 80, colors: this.stderrColors };
  }
}

/** Renames the keys of a document, all the way down. */
export function snakeCased(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(snakeCased);
  if (value === null || typeof value !== 'object' || value instanceof Date) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`), snakeCased(each)]));
}

/** Its message may have come from outside. */
function stackOf({ message, stack = message }: Error): string {
  return stack.replace(message, () => printable(message)).split('\n').map(printable).join('\n');
}
