/** What went wrong on this machine, for those who decide what to do about it. */
export type LocalErrorCode =
  /** The home folder cannot be made, written, or kept private. */
  | 'home_unusable'
  /** The TEMPORAL_* settings, or the configuration file they name, contradict themselves or cannot be read. */
  | 'temporal_settings'
  /** There is no Temporal server program on this machine. */
  | 'temporal_cli_not_found'
  /** The program that TEMPORAL_CLI_PATH names is not one that can be used. */
  | 'temporal_cli_unusable'
  /** The server program is older than the one that wrote the database. */
  | 'temporal_cli_too_old'
  | 'temporal_build_failed'
  | 'temporal_start_failed'
  /** A server that is not ours has the database open. */
  | 'database_in_use'
  /** Another process of this home has not finished what only one may do at a time. */
  | 'lock_timeout'
  /** A process ignored even SIGKILL. */
  | 'process_will_not_end'
  | 'background_start_failed'
  /** A background process whose starter died before it was on record. */
  | 'background_not_recorded';

/** Something about this machine that a person can mend: the message says what happened, the hint what to do now. */
export class LocalError extends Error {
  override readonly name = 'LocalError';

  constructor(
    readonly code: LocalErrorCode,
    message: string,
    readonly hint: string,
    options?: { cause?: unknown },
  ) {
    super(message, options);
  }
}
