/** Why a job waits for a person. */
export type AttentionCode =
  /** 401/403: the key in the worker's environment was refused, or cannot see the job's batches. */
  | 'key_refused'
  /** The worker cannot reach the API as it was started: its proxy refuses it, a certificate is not trusted, or no credential is to be had. */
  | 'no_access'
  /** 402, or a spend limit that somebody set: sending more would be refused as well. */
  | 'spend_limit'
  /** More than one batch could be the one that an unanswered create made. */
  | 'ambiguous_create'
  /** A cancel was asked for, and the batch was found by its total after an unanswered create: only its results can prove that it is the job's. */
  | 'unproved_batch'
  /** The API refuses a call for good, for a reason that is neither the key nor money. */
  | 'api_refused'
  /** The API keeps answering 404 for a batch that it accepted. A cancel while this stands says that the batch is lost: what is not stored of it is missing. */
  | 'batch_not_found'
  /** An error that nobody has thought of, again and again. */
  | 'unexpected'
  /** A part's workflow was ended from outside; its records are kept. */
  | 'part_failed'
  /** Follow-ups were started, and no worker serves them, or gets through their first task. */
  | 'follow_up_unserved'
  /** Follow-ups had begun when they were canceled, and no worker is there that could end them. */
  | 'cancel_unserved'
  /** The results differ from what was stored, or cannot be stored (disk full, permission, a file changed). */
  | 'storage';

/** Something only a person can mend. While it stands, nothing is paid and nothing is lost. */
export interface Attention {
  code: AttentionCode;
  /** What happened, to which batch. */
  message: string;
  /** What to do now. */
  hint: string;
  /** ISO time since when. */
  since: string;
}
