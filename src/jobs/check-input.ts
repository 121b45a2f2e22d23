import type { ExpectedUse } from '../contract';
import { ExpectedUses } from './expected-use';
import { GeneratedIds } from './generated-ids';
import type { InputProblem } from './input-error';
import { InputScanner } from './input-scanner';
import { ParamsWarnings } from './params-warnings';
import { PartCutter } from './part-cutter';
import { bodyOverhead, type PartBudget, type PartLimits, partLimits } from './part-size';
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

export interface CheckInputOptions extends PassOptions, Partial<PartLimits> {
  /** See `JobInput.ids`. */
  ids?: 'given' | 'generate';
  budget?: PartBudget;
}

/**
 * Looks at every line of an input without sending anything, in one pass (two where custom_ids stand twice)
 * and in about 16 bytes of memory a request.
 * @param path JSONL, plain or gzip.
 * @throws InputError for what is wrong with the file as a whole; the signal's reason as it is.
 */
export async function checkInput(path: string, options: CheckInputOptions = {}): Promise<InputCheck> {
  const limits = partLimits(options);
  const scanner = new InputScanner(path, limits, options, options.ids === 'generate' ? new GeneratedIds() : undefined);
  const cutter = new PartCutter({ limits, budget: options.budget });
  const uses = new ExpectedUses();
  const warnings = new ParamsWarnings();
  let bytes = 0;
  for await (const requests of scanner.requests()) {
    for (const { request, lineNumber } of requests) {
      cutter.place(request);
      uses.add(request);
      warnings.add(lineNumber, request.facts);
      bytes += request.sent.length;
    }
  }
  const scan = await scanner.finish();
  const { parts } = cutter;
  const { uncounted } = uses;
  return { ...scan, sentBytes: bytes + bodyOverhead(scan.requests, parts), parts, expected: uses.list(), uncounted, warnings: warnings.first, warningCount: warnings.count };
}
