/** What is wrong with an input or an output folder, as a stable word. */
export type InputErrorCode =
  | 'input_not_found'
  | 'input_not_a_file'
  | 'input_not_readable'
  | 'input_damaged'
  | 'input_empty'
  | 'input_changed'
  /** The requests lie where this version cannot read them: neither a path, nor a file: URL, nor in S3. */
  | 'unsupported_location'
  /** Lines are wrong; `problems` says which. */
  | 'input_invalid'
  | 'output_taken'
  | 'output_not_a_folder'
  | 'output_not_writable'
  | 'disk_too_small'
  | 'results_not_found'
  /** Of a job whose outcomes are to be taken over there are no outputs. */
  | 'earlier_job_not_found'
  /** They are not what was written. */
  | 'earlier_job_changed'
  /** A table of prices that cannot be used. */
  | 'invalid_prices'
  /** A model has no price, so that a cap could not be held. */
  | 'no_price'
  /** A field of a result, or of a row, that there is not. */
  | 'unknown_field'
  /** Braces in a template that are no placeholder. */
  | 'bad_template'
  /** What is the same in all requests cannot be sent. */
  | 'bad_params'
  /** Follow-ups cannot be run with these options. */
  | 'bad_follow_up'
  /** The job was started with other follow-ups before. */
  | 'follow_up_changed'
  /** A follow-up that checks answers was given no JSON schema that can be used. */
  | 'bad_schema'
  /** Of a job that has ended follow-ups are to run again: it has not, it had none, or its outputs are not what was written. */
  | 'job_unfinished'
  | 'no_follow_ups'
  | 'metadata_gone'
  | 'outputs_changed';

/** Something wrong with one line of an input. */
export interface InputProblem {
  /** From 1, blank lines counted, as an editor shows it. */
  line: number;
  /** What is wrong. Never holds the line's content beyond its `custom_id` and key names. */
  message: string;
  /** How to mend it. */
  hint: string;
}

/** A user's input or output folder cannot be used; the message says why, the hint what to do. Nothing was sent. */
export class InputError extends Error {
  override readonly name = 'InputError';
  /** `input_invalid`: the first twenty bad lines. */
  readonly problems: InputProblem[];
  /** `input_invalid`: how many bad lines there are. */
  readonly problemCount: number;

  constructor(
    readonly code: InputErrorCode,
    message: string,
    readonly hint: string,
    options: { cause?: unknown; problems?: InputProblem[]; problemCount?: number } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.problems = options.problems ?? [];
    this.problemCount = options.problemCount ?? this.problems.length;
  }
}
