/** A process that makes one create of a file and tells how much memory it took: `create-file-child.ts <url> <path>`. */
import { readFileSync } from 'node:fs';
import { jsonlFile, MessageBatchesApi } from '../../../src/api';

export interface FileChildMessage {
  error?: string;
  /** Of the whole process, MB; Node itself and the transpiler are the larger part. */
  peakMemoryMb: number;
  growthMb: number;
}

/** Unlike `maxRSS`, this begins with the process and not with the one that started it. */
function peakMemoryMb(): number {
  return Number(/VmHWM:\s*(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))![1]) / 1024;
}

async function main([url, path]: string[]): Promise<void> {
  const before = peakMemoryMb();
  const error = await new MessageBatchesApi({ baseUrl: url, maxRetries: 0 }).create(await jsonlFile(path!)).then(
    () => undefined,
    (reason: Error) => reason.message,
  );
  const message: FileChildMessage = { error, peakMemoryMb: peakMemoryMb(), growthMb: peakMemoryMb() - before };
  process.send!(message);
  process.disconnect();
}

void main(process.argv.slice(2));
