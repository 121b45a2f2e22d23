import pc from 'picocolors';
import type { Colors } from 'picocolors/types';
import type { CliError } from './cli-error';
import { loadFormats } from './display/formats';
import { columnsOf } from './display/live-text';
import type { Rendering } from './display/rendering';
import { ExitCode } from './exit-codes';
import { printable, printableJson, printableLines } from './printable';
import { canRedraw, toAscii, wantsAscii, wantsColor } from './terminal';

export interface OutputOptions {
  json: boolean;
  /** Nothing but the answer and errors. */
  quiet?: boolean;
  verbose: boolean;
  env: NodeJS.ProcessEnv;
}

/**
 * What a command prints. stdout has the answer: text for people, or with `--json` one document (or, while
 * watching, one a line). stderr has everything else.
 */
export class Output {
  readonly json: boolean;
  readonly quiet: boolean;
  readonly verbose: boolean;
  /** stderr is a terminal on which lines can be drawn again. */
  readonly redraws: boolean;
  /** The same of stdout. */
  readonly redrawsStdout: boolean;
  readonly stderrColors: Colors;
  private readonly stdoutColors: Colors;
  private readonly stdoutAscii: boolean;
  private readonly stderrAscii: boolean;

  constructor({ json, quiet = false, verbose, env }: OutputOptions) {
    this.json = json;
    this.quiet = quiet;
    this.verbose = verbose;
    this.redraws = canRedraw(env, process.stderr);
    this.redrawsStdout = canRedraw(env, process.stdout);
    this.stdoutColors = pc.createColors(wantsColor(env, process.stdout));
    this.stderrColors = pc.createColors(wantsColor(env, process.stderr));
    this.stdoutAscii = wantsAscii(env, process.stdout);
    this.stderrAscii = wantsAscii(env, process.stderr);
  }

  /** A person looks on and can act: with `--quiet` they would see nothing to act on. */
  get interactive(): boolean {
    return process.stderr.isTTY === true && !this.quiet;
  }

  /** A line for the person who waits; nothing with `--quiet`. */
  readonly say = (line: string): void => {
    if (!this.quiet) process.stderr.write(`${this.forStderr(line)}\n`);
  };

  /** A text as the terminal of stderr can show it: what came from outside has nothing in it that a terminal obeys. */
  readonly forStderr = (text: string): string => shownAs(text, this.stderrAscii);

  /** The same for stdout. */
  readonly forStdout = (text: string): string => shownAs(text, this.stdoutAscii);

  /** The answer for a person; nothing with `--json`. */
  print(text: string): void {
    if (!this.json) process.stdout.write(`${this.forStdout(text)}\n`);
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
      process.stderr.write(`${prefix}${this.forStderr(error.message)}\n`);
      if (error.hint) process.stderr.write(`${this.forStderr(error.hint)}\n`);
    }
    if (this.verbose && error.cause instanceof Error) process.stderr.write(`${stackOf(error.cause)}\n`);
  }

  /** How to draw for stdout, now. */
  async rendering(): Promise<Rendering> {
    return { now: new Date(), width: widthOf(process.stdout), colors: this.stdoutColors, formats: await loadFormats(), cwd: process.cwd() };
  }

  /** How to draw for stderr, now. */
  async progressRendering(): Promise<Rendering> {
    return { ...(await this.rendering()), width: widthOf(process.stderr), colors: this.stderrColors };
  }
}

function shownAs(text: string, ascii: boolean): string {
  const safe = printableLines(text);
  return ascii ? toAscii(safe) : safe;
}

/** What goes to a file or a pipe is cut nowhere. */
function widthOf(stream: NodeJS.WriteStream): number {
  return stream.isTTY ? columnsOf(stream) : Infinity;
}

/** Of follow-ups, what the user has given, or they have returned: its keys are not ours. */
const GIVEN: ReadonlySet<string> = new Set(['args', 'equals', 'reasons']);

/** Renames the keys of a document, all the way down. */
export function snakeCased(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(snakeCased);
  if (value === null || typeof value !== 'object' || value instanceof Date) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`), GIVEN.has(key) ? each : snakeCased(each)]));
}

/** Its message may have come from outside. */
function stackOf({ message, stack = message }: Error): string {
  return stack.replace(message, () => printable(message)).split('\n').map(printable).join('\n');
}
