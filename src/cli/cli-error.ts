import { ExitCode } from './exit-codes';

/** Something that a person can do something about. Printed as message and hint, never as a stack trace. */
export class CliError extends Error {
  override readonly name = 'CliError';
  /** What to do now. */
  readonly hint?: string;
  readonly exitCode: ExitCode;
  /** Facts that go with it into the JSON document, e.g. the job's id. */
  readonly details?: Record<string, unknown>;

  constructor(
    /** A stable word for scripts. */
    readonly code: string,
    message: string,
    { hint, exitCode = ExitCode.failed, details, cause }: { hint?: string; exitCode?: ExitCode; details?: Record<string, unknown>; cause?: unknown } = {},
  ) {
    super(message, { cause });
    this.hint = hint;
    this.exitCode = exitCode;
    this.details = details;
  }
}

/**
 * Makes any error one that can be shown. Errors of the other rooms are told apart by their names, not their
 * classes, because loading those rooms takes longer than most commands.
 */
export function toCliError(error: unknown): CliError {
  if (error instanceof CliError) return error;
  if (!(error instanceof Error)) return unexpected(String(error), error);
  const { code, hint } = error as { code?: unknown; hint?: unknown };
  if (typeof code === 'string' && typeof hint === 'string') return new CliError(code, error.message, { hint, cause: error });
  switch (error.name) {
    case 'JobNotFoundError':
      return new CliError('job_not_found', `${error.message}.`, { hint: 'See all jobs: message-batches status', cause: error });
    case 'JobFailedError':
      return new CliError('job_failed', `${error.message}.`, { hint: '`message-batches run INPUT` goes on from its records; nothing is paid twice.', cause: error });
    case 'InvalidRequestError':
      return new CliError('invalid_settings', error.message, { cause: error });
  }
  if (isUnreachable(error)) {
    return new CliError('temporal_unreachable', `The Temporal server does not answer: ${innermost(error).message}.`, {
      hint: 'Nothing is lost. See what is reachable: message-batches doctor',
      cause: error,
    });
  }
  const file = fileProblem(error);
  return file ?? unexpected(error.message, error);
}

function unexpected(message: string, cause: unknown): CliError {
  return new CliError('unexpected', message, { hint: 'This should not happen. The same command with --verbose tells where; what was paid is on record.', cause });
}

/** gRPC's codes for a server that is not there: CANCELLED, DEADLINE_EXCEEDED, UNAVAILABLE. */
const UNREACHABLE_GRPC_CODES = [1, 4, 14];

function isUnreachable(error: Error): boolean {
  const names = ['TransportError', 'ServiceError', 'IllegalStateError'];
  const { code } = innermost(error) as { code?: unknown };
  if (typeof code === 'number' && UNREACHABLE_GRPC_CODES.includes(code)) return true;
  return names.includes(error.name) && /connect|unavailable|deadline/i.test(error.message);
}

const FILE_PROBLEMS: Record<string, string> = {
  ENOENT: 'does not exist',
  EACCES: 'may not be read or written by this user',
  EPERM: 'may not be changed by this user',
  EROFS: 'is on a file system that cannot be written',
  EISDIR: 'is a folder, not a file',
  ENOTDIR: 'goes through a file that is not a folder',
  ENOSPC: 'has no space left on its disk',
  EDQUOT: 'is over the disk quota',
};

function fileProblem(error: Error): CliError | undefined {
  const { code, path } = error as NodeJS.ErrnoException;
  const what = code === undefined ? undefined : FILE_PROBLEMS[code];
  if (code === undefined || what === undefined) return undefined;
  return new CliError('file_problem', `${path ?? 'A file'} ${what}.`, { cause: error });
}

function innermost(error: Error): Error {
  return error.cause instanceof Error ? innermost(error.cause) : error;
}
