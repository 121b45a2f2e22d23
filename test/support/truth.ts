/** The truth about a batch is what the server gives for it. What is stored in the end is held against that, byte by byte. */
import { once } from 'node:events';
import type { FileHandle } from 'node:fs/promises';
import { open, readdir, readFile, stat } from 'node:fs/promises';
import { get as httpGet, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import type { JobReport, OutcomeCounts } from '../../src/contract';
import { splitLines } from '../../src/jsonl';
import type { World } from './world';

const LINE_FEED = Buffer.from('\n');
/** How much of two files that differ is shown. */
const SHOWN_BYTES = 80;

/** What the simulator makes of the custom_id of a request whose result is lost. */
const UNKNOWN_ID = 'not-in-the-batch-';

/**
 * Exactly one batch was accepted; results.jsonl is byte for byte, in the same order, what the server gives for it, apart from
 * lines of unknown requests; both reports say what that amounts to; and the output folder holds what a finished job leaves there.
 */
export async function expectTruth(world: World, report: JobReport): Promise<void> {
  const accepted = world.simulator.stats().accepted;
  expect(report.batches.map(({ id }) => id)).toEqual(accepted.map(({ id }) => id));
  expect(accepted).toHaveLength(1);

  const truth = await compareWithTruth(world, accepted[0]!.id, join(report.output, 'results.jsonl'));
  const missing = accepted[0]!.requests - truth.lines;
  expect(report.outcomes).toEqual({ ...truth.outcomes, missing, unsent: 0 });
  expect(report.input.requests).toBe(accepted[0]!.requests);

  for (const path of [join(report.output, 'report.json'), join(world.storage, 'jobs', report.job_id, 'report.json')]) {
    expect(JSON.parse(await readFile(path, 'utf8'))).toEqual(report);
  }
  const failed = totalOf(truth.outcomes) - truth.outcomes.succeeded;
  expect((await readdir(report.output)).sort()).toEqual(
    [
      // What is missing may still be found in the working data.
      ...(missing > 0 ? ['.parts', 'missing-requests.jsonl'] : []),
      ...(failed > 0 ? ['failed-requests.jsonl'] : []),
      ...(truth.unknown > 0 ? ['quarantine.jsonl'] : []),
      'report.json',
      'requests.index',
      'results.index',
      'results.jsonl',
    ].sort(),
  );
  await expectLines(join(report.output, 'failed-requests.jsonl'), failed);
  await expectLines(join(report.output, 'missing-requests.jsonl'), missing);
  await expectLines(join(report.output, 'quarantine.jsonl'), truth.unknown);
}

/** Bytes of the results of the only batch, without asking for them. */
export async function sizeOfTruth({ simulator, folder }: World): Promise<number> {
  return (await stat(join(folder, 'simulator', 'batches', simulator.stats().accepted[0]!.id, 'answers.jsonl'))).size;
}

interface Truth {
  /** Of known requests. */
  lines: number;
  unknown: number;
  outcomes: Pick<OutcomeCounts, 'succeeded' | 'errored' | 'canceled' | 'expired'>;
}

/** Reads the results of a batch from the server, as fast as it can, beside a file that has to be the same. */
async function compareWithTruth(world: World, batchId: string, path: string): Promise<Truth> {
  const truth: Truth = { lines: 0, unknown: 0, outcomes: { succeeded: 0, errored: 0, canceled: 0, expired: 0 } };
  const file = await open(path, 'r');
  try {
    let at = 0;
    for await (const lines of splitLines(await resultsOf(world, batchId))) {
      const expected: Buffer[] = [];
      for (const { bytes } of lines) {
        const { custom_id, result } = JSON.parse(bytes.toString()) as { custom_id: string; result: { type: keyof Truth['outcomes'] } };
        if (custom_id.startsWith(UNKNOWN_ID)) {
          truth.unknown++;
          continue;
        }
        truth.lines++;
        truth.outcomes[result.type]++;
        expected.push(bytes, LINE_FEED);
      }
      at = await expectNext(file, at, Buffer.concat(expected));
    }
    expect({ bytes: (await file.stat()).size }).toEqual({ bytes: at });
  } finally {
    await file.close();
  }
  return truth;
}

async function resultsOf({ simulator }: World, batchId: string): Promise<AsyncIterable<Buffer>> {
  simulator.setOptions({ resultsBytesPerSecond: Infinity });
  // Not by fetch: it fails where a server closes the connection while the end of its answer is still being read.
  const call = httpGet(`${simulator.url}/v1/messages/batches/${batchId}/results`, { headers: { 'x-api-key': 'test-key', 'anthropic-version': '2023-06-01' } });
  const [answer] = (await once(call, 'response')) as [IncomingMessage];
  expect(answer.statusCode).toBe(200);
  return answer;
}

/** @returns where these bytes end in the file. */
async function expectNext(file: FileHandle, at: number, expected: Buffer): Promise<number> {
  const found = Buffer.alloc(expected.length);
  if (found.length > 0) await file.read(found, 0, found.length, at);
  if (!found.equals(expected)) {
    const first = expected.findIndex((byte, index) => byte !== found[index]);
    const shown = (bytes: Buffer): string => bytes.toString('utf8', first, first + SHOWN_BYTES);
    expect({ byte: at + first, stored: shown(found) }).toEqual({ byte: at + first, stored: shown(expected) });
  }
  return at + expected.length;
}

async function expectLines(path: string, count: number): Promise<void> {
  if (count === 0) return;
  expect((await readFile(path, 'utf8')).split('\n').filter(Boolean)).toHaveLength(count);
}

function totalOf(counts: Truth['outcomes']): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}
