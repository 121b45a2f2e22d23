import type { ExpectedUse } from '../contract';
import { ExpectedUses } from './expected-use';
import type { InputProblem } from './input-error';
import { InputScanner } from './input-scanner';
import { ParamsWarnings } from './params-warnings';
import { type PartLimits, partLimits, PartSize } from './part-size';
import type { PassOptions } from './progress';

/** What a look at the whole input found. It can be sent if `problemCount` is 0. */
export interface InputCheck {
  /** Of the decompressed bytes, hex. */
  sha256: string;
  /** Decompressed. */
  bytes: number;
  requests: number;
  /** Bytes of all create bodies together. */
  sentBytes: number;
  /** How many message batches it takes. */
  parts: number;
  /** What they are expected to use, by model. */
  expected: ExpectedUse[];
  /** How many bring in what is not in them (by URL or file id, by server tools), which `expected` cannot know. */
  uncounted: number;
  /** What the API will refuse in single requests, the first twenty by line. They can be sent all the same. */
  warnings: InputProblem[];
  warningCount: number;
  /** The first twenty, by line. */
  problems: InputProblem[];
  problemCount: number;
}

export interface CheckInputOptions extends PassOptions, Partial<PartLimits> {}

/**
 * Looks at every line of an input without sending anything, in one pass (two where custom_ids stand twice)
 * and in about 16 bytes of memory a request.
 * @param path JSONL, plain or gzip.
 * @throws InputError for what is wrong with the file as a whole; the signal's reason as it is.
 */
export async function checkInput(path: string, options: CheckInputOptions = {}): Promise<InputCheck> {
  const limits = partLimits(options);
  const scanner = new InputScanner(path, limits, options);
  let part: PartSize | undefined;
  let parts = 0;
  let sentBytes = 0;
  const use = new ExpectedUses();
  const warnings = new ParamsWarnings();
  for await (const requests of scanner.requests()) {
    for (const { request, lineNumber } of requests) {
      use.add(request);
      warnings.add(lineNumber, request.facts);
      if (!part?.fits(request.sent.length)) {
        sentBytes += part?.bodyBytes ?? 0;
        part = new PartSize(limits);
        parts++;
      }
      part.add(request.sent.length);
    }
  }
  sentBytes += part?.bodyBytes ?? 0;
  return { ...(await scanner.finish()), sentBytes, parts, expected: use.list(), uncounted: use.uncounted, warnings: warnings.first, warningCount: warnings.count };
}
