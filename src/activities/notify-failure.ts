/** Somebody could not be told of a job. The message holds neither credentials nor secrets of a URL or a command. */
export class NotifyFailure extends Error {
  override readonly name = 'NotifyFailure';

  constructor(
    message: string,
    /** Whether the same may go well a moment later. */
    readonly passing: boolean,
    options: { cause?: unknown } = {},
  ) {
    super(message, options);
  }
}
