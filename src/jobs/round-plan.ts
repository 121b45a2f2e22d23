import type { ExpectedUse } from '../contract';

export type { ExpectedUse };

/** One part: the requests of one message batch. */
export interface PlannedPart {
  /** From 1. */
  part: number;
  requests: number;
  /** Bytes of the create body. */
  bodyBytes: number;
  /** Hex SHA-256 of the create body. */
  bodySha256: string;
  /** Beta names that these requests ask for beside the job's own; absent where there are none. */
  betas?: string[];
  /** Each line of the job's copy is sent as it is, so that the body can be made without looking into them. */
  plain?: true;
  /** What these requests are expected to use, by model; absent in plans of older releases. */
  expected?: ExpectedUse[];
  /** One request of each shared cached prefix: it ends before other parts of the round begin. */
  warm?: true;
  /** Its outcomes come from an ended job: nothing of it is sent. */
  reused?: { jobId: string };
  /** The API found it too large: it was cut into these parts of the same round, and is not sent itself. */
  splitInto?: number[];
}

/** A round: its parts, whose input lines the job has copied to its work folder. */
export interface RoundPlan {
  /** From 1. */
  round: number;
  requests: number;
  /** Round 1: of the decompressed input, hex. */
  sha256?: string;
  /** Round 1: of the decompressed input. */
  bytes?: number;
  /** Round 1: what the ids begin with that were made for requests (`JobInput.ids`); absent where none was. */
  generatedIds?: string;
  /** Empty where there is nothing to send again. */
  parts: PlannedPart[];
}
