/** What went wrong with a file, for those who decide what to do about it. */
export type StorageErrorCode =
  /** The disk or the quota is full. */
  | 'disk_full'
  /** The permissions of a file or folder, or a read-only file system. */
  | 'not_permitted'
  /** A file is not what this software wrote: not JSON, cut, or half there. */
  | 'damaged'
  /** A file was removed or changed by somebody while it was needed. */
  | 'changed'
  /** A line is longer than the reader was told to accept. */
  | 'line_too_long'
  /** The file system or the S3 server cannot do what is needed, e.g. hard links. */
  | 'unsupported'
  /** The bucket does not exist. */
  | 'no_bucket'
  /** There are no credentials for S3, or no region. */
  | 'not_configured'
  /** The S3 server cannot be reached, or says that it cannot answer now. */
  | 'unavailable'
  /** Anything else that the operating system answered. */
  | 'io';

/** A file could not be read, written or trusted. The message names the file, the hint says what to do. */
export class StorageError extends Error {
  override readonly name = 'StorageError';
  /** The same may go well a moment later, without anybody doing anything. */
  readonly passing: boolean;
  /** Nothing is there. */
  readonly missing: boolean;

  constructor(
    readonly code: StorageErrorCode,
    /** The file or folder. */
    readonly path: string,
    message: string,
    readonly hint: string,
    options: { cause?: unknown; passing?: boolean; missing?: boolean } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.passing = options.passing ?? false;
    this.missing = options.missing ?? false;
  }
}

const MISSING_HINT = 'Somebody removed it. Put it back if there is a copy.';

/**
 * Turns an error of the operating system into a StorageError that names the file; gives other errors back as they are.
 * @param doing what was being done, as in `write`, `read`, `create`.
 */
export function storageError(error: unknown, doing: string, path: string): unknown {
  if (error instanceof StorageError || !isSystemError(error)) return error;
  const { code, hint } = classify(error.code);
  return new StorageError(code, path, `Could not ${doing} ${path}: ${describe(error)}.`, hint, { cause: error, missing: error.code === 'ENOENT' });
}

/** Something was read that is not there. */
export function missingError(path: string): StorageError {
  return new StorageError('changed', path, `Could not read ${path}: it does not exist.`, MISSING_HINT, { missing: true });
}

/** An error that a call of the operating system answered with. */
export function isSystemError(error: unknown): error is NodeJS.ErrnoException & { code: string } {
  // By its fields: errors of Node's own code are of another realm than those of code that runs in a VM.
  const { syscall, code } = (error ?? {}) as NodeJS.ErrnoException;
  return typeof syscall === 'string' && typeof code === 'string';
}

function classify(code: string): { code: StorageErrorCode; hint: string } {
  switch (code) {
    case 'ENOSPC':
    case 'EDQUOT':
      return { code: 'disk_full', hint: 'Free some disk space, then go on with the same command. What was written before is kept.' };
    case 'EACCES':
    case 'EPERM':
      return { code: 'not_permitted', hint: 'Give this user permission to read and write there, or choose another folder.' };
    case 'EROFS':
      return { code: 'not_permitted', hint: 'The file system is mounted read-only. Mount it writable, or choose another folder.' };
    case 'ENOENT':
      return { code: 'changed', hint: MISSING_HINT };
    default:
      return { code: 'io', hint: 'Look at the disk and its file system, then go on with the same command.' };
  }
}

function describe(error: NodeJS.ErrnoException & { code: string }): string {
  switch (error.code) {
    case 'ENOSPC':
      return 'the disk is full';
    case 'EDQUOT':
      return 'the disk quota is used up';
    case 'EACCES':
    case 'EPERM':
      return 'permission denied';
    case 'EROFS':
      return 'the file system is read-only';
    case 'ENOENT':
      return 'it does not exist';
    default:
      return error.code;
  }
}
