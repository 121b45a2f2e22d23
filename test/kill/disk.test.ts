/**
 * A full disk, one that cannot be written, and files that somebody changed: a person is told, nothing is lost, and it goes on.
 * `npm test` does one of each kind: a disk that is full, one that cannot be written, a segment that is cut, gone, changed; `npm run test:long`
 * does all.
 */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdir, open as openFile, readdir, rename, rm, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import type { WorkflowHandle } from '@temporalio/client';
import type { JobReport } from '../../src/contract';
import { resumeSignal } from '../../src/contract';
import type { Variant } from '../support/long-form';
import type { OpenWorld } from '../support/side-by-side';
import { testSideBySide } from '../support/side-by-side';
import { SmallDisk } from '../support/small-disk';
import { expectTruth, sizeOfTruth } from '../support/truth';
import type { StopAtStep, World } from '../support/world';

const REQUESTS = 2_000;
/** Results of about 21 MB. */
const LONG_ANSWERS = { answerBytes: 10_000 };
const MB = 1_000_000;
const ENOUGH = 100 * MB;
const NOBODY = 65_534;

const CASES: (Variant & { name: string; run: (open: OpenWorld) => Promise<void> })[] = [
  { name: 'the disk fills up while results stream, with Range', run: (open: OpenWorld) => expectGoesOnAfterFullDisk(open, { disk: 12 * MB, supportsRange: true }) },
  { onlyLong: true, name: 'the disk fills up while results stream, without Range', run: (open: OpenWorld) => expectGoesOnAfterFullDisk(open, { disk: 12 * MB, supportsRange: false }) },
  { onlyLong: true, name: 'the disk fills up while outputs are written', run: (open: OpenWorld) => expectGoesOnAfterFullDisk(open, { disk: 32 * MB, supportsRange: false }) },
  { name: 'the disk is read-only when results come', run: expectGoesOnAfterReadOnly },
  { onlyLong: true, name: 'the folder belongs to another user when results come', run: expectGoesOnAfterChown },
  ...[true, false].flatMap((supportsRange) => {
    const how = supportsRange ? 'with' : 'without';
    return [
      { onlyLong: true, name: `the only segment is deleted while nobody works, ${how} Range`, run: (open: OpenWorld) => expectTruthAfterTampering(open, supportsRange, 1, (segments) => rm(segments[0]!)) },
      { onlyLong: supportsRange, name: `the only segment is cut in a line while nobody works, ${how} Range`, run: (open: OpenWorld) => expectTruthAfterTampering(open, supportsRange, 1, (segments) => truncate(segments[0]!, 10_001)) },
      { onlyLong: true, name: `the last segment is deleted while nobody works, ${how} Range`, run: (open: OpenWorld) => expectTruthAfterTampering(open, supportsRange, 2, (segments) => rm(segments[1]!)) },
      { onlyLong: !supportsRange, name: `an earlier segment is deleted while nobody works, ${how} Range`, run: (open: OpenWorld) => expectClearErrorAfterTampering(open, supportsRange, (segments) => rm(segments[0]!)) },
      { onlyLong: true, name: `an earlier segment is cut while nobody works, ${how} Range`, run: (open: OpenWorld) => expectClearErrorAfterTampering(open, supportsRange, (segments) => truncate(segments[0]!, 10_001)) },
    ];
  }),
  { onlyLong: true, name: 'a segment is changed in its middle while nobody works, without Range', run: (open: OpenWorld) => expectTruthAfterTampering(open, false, 1, (segments) => overwrite(segments[0]!, 10_000)) },
  { name: 'a segment is changed in its middle while nobody works, with Range', run: expectTruthAfterChange },
  ...(['removed', 'cut', 'changed'] as const).flatMap((how) => [
    { onlyLong: how !== 'cut', name: `a segment is ${how} between the last line and the ledger`, run: (open: OpenWorld) => expectTruthOrClearError(open, { operation: 'open', path: /\.ledger\.bin\./, when: 'before' }, how) },
    { onlyLong: true, name: `a segment is ${how} between the ledger and the merge`, run: (open: OpenWorld) => expectTruthOrClearError(open, { operation: 'open', path: /\.results\.jsonl/, when: 'before' }, how) },
  ]),
];

testSideBySide(CASES, { timeoutMs: 120_000, atOnce: 8 }, ({ run }, open) => run(open));

async function expectGoesOnAfterFullDisk(open: OpenWorld, { disk: bytes, supportsRange }: { disk: number; supportsRange: boolean }): Promise<void> {
  const world = await open({ ...LONG_ANSWERS, supportsRange });
  const disk = SmallDisk.mount(join(world.folder, 'disk'), bytes);
  try {
    const output = join(disk.path, 'results');
    await world.startWorker();
    const job = await world.startJob({ output, requests: await world.writeRequests(REQUESTS) });
    await expectAttention(world, job, { names: output, says: /the disk is full/, does: /Free some disk space/ });
    const before = world.simulator.stats().results;
    const body = await sizeOfTruth(world);
    const wasFetched = before.length === 1 && before[0]!.bytes === body;
    disk.resize(ENOUGH);
    const report = await resumed(job);
    const after = world.simulator.stats().results.slice(before.length);
    await expectTruth(world, report);
    // What was stored before is not fetched again.
    expect(after.filter(({ offset }) => offset === 0)).toHaveLength(supportsRange || wasFetched ? 0 : 1);
  } finally {
    disk.unmount();
  }
}

async function expectGoesOnAfterReadOnly(open: OpenWorld): Promise<void> {
  const world = await open({ processingMs: Infinity });
  const disk = SmallDisk.mount(join(world.folder, 'disk'), ENOUGH);
  try {
    const output = join(disk.path, 'results');
    await world.startWorker();
    const job = await world.startJob({ output, pollIntervalMs: 200, requests: await world.writeRequests(REQUESTS) });
    await world.simulator.waitFor('poll');
    disk.makeReadOnly();
    world.simulator.endBatch(world.simulator.stats().accepted[0]!.id);
    await expectAttention(world, job, { names: output, says: /read-only/, does: /Mount it writable/ });
    disk.makeWritable();
    await expectTruth(world, await resumed(job));
  } finally {
    disk.unmount();
  }
}

async function expectGoesOnAfterChown(open: OpenWorld): Promise<void> {
  const world = await open({ processingMs: Infinity });
  // The worker is no root, whom no permission would keep out.
  const output = join(world.folder, 'of-nobody', 'results');
  await mkdir(join(world.folder, 'of-nobody'));
  await chmod(world.folder, 0o755);
  const requests = await world.writeRequests(REQUESTS);
  chown(NOBODY, world.storage, join(world.folder, 'of-nobody'));
  await world.startWorker({ uid: NOBODY });
  const job = await world.startJob({ output, requests, pollIntervalMs: 200 });
  await world.simulator.waitFor('poll');
  chown(0, output);
  execFileSync('chmod', ['-R', 'go-w,go+rX', output]);
  world.simulator.endBatch(world.simulator.stats().accepted[0]!.id);
  await expectAttention(world, job, { names: output, says: /permission denied/, does: /Give this user permission/ });
  chown(NOBODY, output);
  await expectTruth(world, await resumed(job));
}

/** Workers are killed until there are so many segments; then somebody does something to them; then another worker goes on. */
async function tamperedJob(open: OpenWorld, supportsRange: boolean, segments: number, tamper: (paths: string[]) => Promise<void>): Promise<{ world: World; job: WorkflowHandle }> {
  const world = await open({ supportsRange, resultsBytesPerSecond: 200_000 });
  let worker = await world.startWorker();
  const job = await world.startJob({ requests: await world.writeRequests(REQUESTS) });
  for (let killed = 1; killed <= segments; killed++) {
    while ((await segmentsOf(world)).length < killed) await new Promise((resolve) => setTimeout(resolve, 50));
    await worker.kill();
    if (killed < segments) worker = await world.startWorker();
  }
  const paths = await segmentsOf(world);
  expect(paths).toHaveLength(segments);
  await tamper(paths);
  world.simulator.setOptions({ resultsBytesPerSecond: Infinity });
  await world.startWorker();
  return { world, job };
}

async function expectTruthAfterTampering(open: OpenWorld, supportsRange: boolean, segments: number, tamper: (paths: string[]) => Promise<void>): Promise<void> {
  const { world, job } = await tamperedJob(open, supportsRange, segments, tamper);
  await expectTruth(world, (await job.result()) as JobReport);
}

/** What a heartbeat has told of is known by its checksum. */
async function expectTruthAfterChange(open: OpenWorld): Promise<void> {
  const world = await open({ supportsRange: true, resultsBytesPerSecond: 100_000 });
  const worker = await world.startWorker();
  const job = await world.startJob({ requests: await world.writeRequests(REQUESTS) });
  await world.bytesStored(100_000);
  await world.heartbeats(2);
  await worker.kill();
  await overwrite((await segmentsOf(world))[0]!, 10_000);
  world.simulator.setOptions({ resultsBytesPerSecond: Infinity });
  await world.startWorker();
  const report = await job.result();
  await expectTruth(world, report);
  expect(report.problems.map(({ kind }) => kind)).toEqual(['results_changed']);
}

async function expectClearErrorAfterTampering(open: OpenWorld, supportsRange: boolean, tamper: (paths: string[]) => Promise<void>): Promise<void> {
  const { world, job } = await tamperedJob(open, supportsRange, 2, tamper);
  await expectAttention(world, job, { names: segmentsFolder(world), says: /gone|shorter/, does: /move the whole folder away/ });
  await rename(segmentsFolder(world), join(world.folder, 'moved-away'));
  await expectTruth(world, await resumed(job));
}

/** A worker dies at a step, and somebody takes from what is stored: it is fetched again, or a person is asked, who brings it back. */
async function expectTruthOrClearError(open: OpenWorld, step: Omit<StopAtStep, 'signal'>, how: 'removed' | 'cut' | 'changed'): Promise<void> {
  const world = await open();
  const first = await world.startWorker({ stopAtStep: { ...step, signal: 'SIGKILL' } });
  const job = await world.startJob({ requests: await world.writeRequests(REQUESTS) });
  await first.stopped();
  const [segment] = await segmentsOf(world);
  const kept = join(world.folder, 'kept');
  if (how === 'removed') {
    await rename(segment!, kept);
  } else {
    execFileSync('cp', [segment!, kept]);
    await (how === 'cut' ? truncate(segment!, 10_001) : overwrite(segment!, 10_000));
  }
  await world.startWorker();
  const report = await Promise.race([job.result(), world.attention(job)]);
  if ('batches' in report) return expectTruth(world, report);
  await expectAttention(world, job, { names: segmentsFolder(world), says: /gone|shorter|changed/, does: /from a copy/ });
  await rename(kept, segment!);
  await expectTruth(world, await resumed(job));
}

/** Other bytes in the place of some, which leave the line a result. */
async function overwrite(path: string, at: number): Promise<void> {
  const file = await openFile(path, 'r+');
  const found = Buffer.alloc(10_000);
  await file.read(found, 0, found.length, at);
  const answer = found.indexOf('Simulated answer');
  await file.write(Buffer.from('Falsified'), 0, 9, at + answer);
  await file.close();
}

interface Expected {
  names: string;
  says: RegExp;
  does: RegExp;
}

async function expectAttention(world: World, job: WorkflowHandle, { names, says, does }: Expected): Promise<void> {
  const { code, message, hint } = await world.attention(job);
  expect({ code, message, hint }).toEqual({ code: 'storage', message: expect.stringMatching(says), hint: expect.stringMatching(/resume/) });
  expect(message).toContain(names);
  expect(message).toMatch(does);
}

async function resumed(job: WorkflowHandle): Promise<JobReport> {
  await job.signal(resumeSignal);
  return (await job.result()) as JobReport;
}

function segmentsFolder(world: World): string {
  return join(world.outputOf(world.jobId), '.parts', 'round-01', 'part-0001', 'segments');
}

/** Those that hold something. */
async function segmentsOf(world: World): Promise<string[]> {
  const folder = segmentsFolder(world);
  if (!existsSync(folder)) return [];
  const paths = (await readdir(folder)).filter((name) => name.endsWith('.jsonl')).sort().map((name) => join(folder, name));
  const sizes = await Promise.all(paths.map(async (path) => (await stat(path)).size));
  return paths.filter((_path, index) => sizes[index]! > 0);
}

function chown(uid: number, ...paths: string[]): void {
  execFileSync('chown', ['-R', String(uid), ...paths]);
}
