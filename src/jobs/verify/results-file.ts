import { createHash } from 'node:crypto';
import type { JobReport } from '../../contract';
import { isBlankLine, type Line } from '../../jsonl';
import { linesOf, readChunks, StorageError } from '../../storage';
import { outputFolder } from '../output-folder';
import type { PassOptions } from '../progress';
import { type Check, count, failed, RESULTS_HINT, sameBytes, unchecked } from './check';

/**
 * Reads results.jsonl once, and holds its bytes against those that were written.
 * @param take is given the lines, blank ones left out, those of one chunk together.
 */
export async function checkResultsFile(report: JobReport, options: PassOptions = {}, take: (lines: Line[]) => void = () => undefined): Promise<Check> {
  const { results: path } = outputFolder(report.output);
  const hash = createHash('sha256');
  let bytes = 0;
  let seen = 0;
  const hashed = async function* (): AsyncGenerator<Buffer, void, undefined> {
    // With a length, so that bytes that look like gzip are not taken for it.
    for await (const chunk of readChunks(path, { length: Infinity, signal: options.signal })) {
      hash.update(chunk);
      bytes += chunk.length;
      yield chunk;
    }
  };
  try {
    for await (const lines of linesOf(path, hashed())) {
      seen += lines.length;
      take(lines.filter((line) => !isBlankLine(line.bytes)));
      options.onProgress?.({ lines: seen, bytes });
    }
  } catch (error) {
    if (!(error instanceof StorageError) || error.code !== 'changed') throw error;
    return failed('results', 'results.jsonl is not there any more', RESULTS_HINT);
  }
  const { results } = report;
  if (!results) return unchecked('results', `results.jsonl has ${count(bytes)} bytes; the release that wrote it kept no hash of it`);
  return sameBytes('results', 'results.jsonl', results, { bytes, sha256: hash.digest('hex') }, RESULTS_HINT);
}
