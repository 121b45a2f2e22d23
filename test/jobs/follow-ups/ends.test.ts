import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type FollowUpInput, followUpWorkflowId, MAX_FOLLOW_UP_VALUE_BYTES } from '../../../src/contract';
import { type FollowUpEnd, followUpFiles, type PartFolder, partFolder, recordEnds } from '../../../src/jobs';
import { useFolder } from '../../storage/helpers';
import { closePart, linesOfFile, plannedJob, requestLines, succeeded } from '../helpers';
import { listed, select } from './helpers';

const folder = useFolder();

const end = (customId: string, status: FollowUpEnd['status'] = 'completed', more: Partial<FollowUpEnd> = {}): FollowUpEnd => ({ workflowId: followUpWorkflowId('j', 1, customId), status, ...more });
const idsOf = (lines: unknown[]) => lines.map((line) => (line as FollowUpInput).customId);

/** A part with this many follow-ups. */
async function selected(count: number): Promise<{ place: PartFolder; shards: { offset: number; length: number; count: number }[] }> {
  const { work, plan } = await plannedJob(folder.path, requestLines(count));
  await closePart(work, plan, 1, requestLines(count).map((_, i) => succeeded(`q-${i}`)));
  return { place: partFolder(work, 1, 1), shards: await select(work, count) };
}

/** The one file of ends that was written under this name. */
function fileOf(place: PartFolder, name: string): string {
  const { ends } = followUpFiles(place);
  return join(ends, readdirSync(ends).find((each) => each.startsWith(`${name}-`))!);
}

it('leaves out of a page what has an end, and counts it', async () => {
  const { place, shards } = await selected(6);
  await recordEnds(place, '1-run-1', [end('q-0'), end('q-1', 'failed', { failure: { type: 'T', message: 'm' } }), end('q-2', 'canceled')]);
  await recordEnds(place, '1-run-2', [end('q-3', 'not_started'), end('q-5', 'timed_out')]);
  const read = await listed(place, shards[0]!, true);
  expect([idsOf(read.lines), read.succeeded, read.failed]).toEqual([['q-3', 'q-4'], 1, 3]);
  expect(idsOf((await listed(place, shards[0]!)).lines)).toHaveLength(6);
});

it('of several ends of one follow-up takes the one that is for good', async () => {
  const { place, shards } = await selected(3);
  await recordEnds(place, '1-b-1', [end('q-0', 'canceled'), end('q-1', 'not_started'), end('q-2', 'failed')]);
  await recordEnds(place, '1-a-1', [end('q-0'), end('q-1', 'failed')]);
  await recordEnds(place, '1-c-1', [end('q-0', 'not_started'), end('q-2')]);
  expect(await listed(place, shards[0]!, true)).toMatchObject({ lines: [], succeeded: 2, failed: 1 });
});

it('the same ends again under a name change nothing', async () => {
  const { place } = await selected(2);
  for (let attempt = 1; attempt <= 2; attempt++) await recordEnds(place, '1-run-1', [end('q-0', 'completed', { value: { n: 1 } })]);
  const { ends } = followUpFiles(place);
  const names = readdirSync(ends);
  expect(names).toEqual([expect.stringMatching(/^1-run-1-[0-9a-f]{12}\.jsonl$/)]);
  expect(linesOfFile(join(ends, names[0]!)).map((line) => JSON.parse(line) as unknown)).toEqual([end('q-0', 'completed', { value: { n: 1 } })]);
});

it('other ends under a name, of a server that a power loss has set back, are kept as well', async () => {
  const { place, shards } = await selected(3);
  await recordEnds(place, '1-run-1', [end('q-0'), end('q-1')]);
  await recordEnds(place, '1-run-1', [end('q-0', 'failed'), end('q-2')]);
  expect(await listed(place, shards[0]!, true)).toMatchObject({ lines: [], succeeded: 3, failed: 0 });
});

it('no name leads out of the folder of ends', async () => {
  const { place } = await selected(1);
  await recordEnds(place, '1-../../x', [end('q-0')]);
  expect(readdirSync(followUpFiles(place).ends)).toEqual([expect.stringMatching(/^1-%2E%2E%2F%2E%2E%2Fx-[0-9a-f]{12}\.jsonl$/)]);
});

it('keeps values of up to 64 KB, and of larger ones how large they were', async () => {
  const { place } = await selected(1);
  const largest = 'x'.repeat(MAX_FOLLOW_UP_VALUE_BYTES - 2);
  await recordEnds(place, '1-r-1', [end('a', 'completed', { value: largest }), end('b', 'completed', { value: `${largest}x` }), end('c', 'completed', { value: null })]);
  const [a, b, c] = linesOfFile(fileOf(place, '1-r-1')).map((line) => JSON.parse(line) as FollowUpEnd);
  expect(a!.value).toBe(largest);
  expect(b).toEqual(end('b', 'completed', { value_bytes: MAX_FOLLOW_UP_VALUE_BYTES + 1 }));
  expect(c).toEqual(end('c', 'completed', { value: null }));
});

it('makes no folder where the job has ended, and says so', async () => {
  const { place } = await selected(1);
  rmSync(place.folder, { recursive: true });
  await expect(recordEnds(place, '1-r-1', [end('q-0')])).rejects.toMatchObject({ code: 'changed', message: expect.stringContaining('the job has ended and its working data was removed') });
  expect(existsSync(place.folder)).toBe(false);
});

it('reads only the files of the shard', async () => {
  const { place, shards } = await selected(2_001);
  await recordEnds(place, '1-r-1', [end('q-0')]);
  await recordEnds(place, '2-r-1', [end('q-1000')]);
  await recordEnds(place, '3-r-1', [end('q-2000')]);
  for (const name of ['1-r-1', '3-r-1']) writeFileSync(fileOf(place, name), 'not read');
  expect(await listed(place, shards[1]!, true)).toMatchObject({ succeeded: 1, failed: 0 });
  await expect(listed(place, shards[0]!, true)).rejects.toMatchObject({ code: 'damaged', path: fileOf(place, '1-r-1') });
  expect(readFileSync(fileOf(place, '2-r-1'), 'utf8')).toContain('q-1000');
});
