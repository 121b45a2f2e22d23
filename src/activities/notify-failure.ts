/** Somebody could not be told of a job. The message travels, into histories and reports: it holds neither secrets of a URL or a command, nor what a command printed. */
export class NotifyFailure extends Error {
  override readonly name = 'NotifyFailure';

  /** What the command printed, shortened: for the log of the worker only. */
  readonly output?: string;

  constructor(
    message: string,
    /** Whether the same may go well a moment later. */
    readonly passing: boolean,
    { cause, output }: { cause?: unknown; output?: string } = {},
  ) {
    super(message, { cause });
    this.output = output;
  }
}
