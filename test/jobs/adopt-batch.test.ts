import { join } from 'node:path';
import { AccountRecords, adoptBatch, JobFolder, type RecordStore, syncedRecords } from '../../src/jobs';
import { useFolder } from '../storage/helpers';

const folder = useFolder();
const ACCOUNT = { label: 'default', baseUrl: 'https://api.anthropic.com' };
const BATCH = { batchId: 'msgbatch_1', createdAt: '2026-11-27T10:00:00Z', requests: 3, bodyBytes: 100, simulated: false };

function job(id: string, records: RecordStore = syncedRecords) {
  return [new JobFolder(folder.path, id, records), new AccountRecords(folder.path, ACCOUNT, records)] as const;
}

/** Fails at the n-th record that is to be created, as a kill before it would. */
function killedAt(nth: number): RecordStore {
  let created = 0;
  return { ...syncedRecords, create: (path, value) => (++created === nth ? Promise.reject(new Error('killed')) : syncedRecords.create(path, value)) };
}

it('is the answer to the first create, and can be repeated', async () => {
  for (let time = 0; time < 2; time++) expect(await adoptBatch(...job('a'), BATCH)).toBeUndefined();
  const [records, account] = job('a');
  expect(await records.part(1, 1).creates.state()).toEqual({ kind: 'accepted', attempt: 1, batchId: 'msgbatch_1', createdAt: BATCH.createdAt, adopted: false, simulated: false });
  expect(await records.part(1, 1).creates.readIntent(1)).toMatchObject({ requests: 3, made_by: 'adopt' });
  expect(await account.owner('msgbatch_1')).toEqual({ job_id: 'a', round: 1, part: 1 });
});

it.each([1, 2, 3])('a kill before record %i leaves no create whose outcome is unknown, and the same goes on', async (nth) => {
  await expect(adoptBatch(...job('a', killedAt(nth)), BATCH)).rejects.toThrow('killed');
  const { creates } = job('a')[0].part(1, 1);
  expect((await creates.state()).kind).toBe(nth < 3 ? 'none' : 'accepted');
  expect(await adoptBatch(...job('a'), BATCH)).toBeUndefined();
  expect(await creates.state()).toMatchObject({ kind: 'accepted', attempt: 1, batchId: 'msgbatch_1' });
});

it('is refused where the batch has another job, or the job another batch', async () => {
  await adoptBatch(...job('a'), BATCH);
  expect(await adoptBatch(...job('b'), BATCH)).toEqual({ kind: 'owned', by: { job_id: 'a', round: 1, part: 1 } });
  expect((await job('b')[0].part(1, 1).creates.state()).kind).toBe('none');
  expect(await adoptBatch(...job('a'), { ...BATCH, batchId: 'msgbatch_2' })).toEqual({ kind: 'has_batch', batchId: 'msgbatch_1' });
  expect(await job('a')[1].owner('msgbatch_2')).toBeUndefined();
});

it('takes a batch over that a killed adoption has kept for a job that never came to be', async () => {
  await expect(adoptBatch(...job('a', killedAt(2)), BATCH)).rejects.toThrow('killed');
  expect(await adoptBatch(...job('b'), BATCH)).toBeUndefined();
  expect(await job('b')[1].owner('msgbatch_1')).toEqual({ job_id: 'b', round: 1, part: 1 });
});

it('leaves a job alone that has begun to create', async () => {
  const [records, account] = job('a');
  await records.part(1, 1).creates.begin({ attempt: 1, requests: 3, body_bytes: 1, body_sha256: '', created_at: '', deadline: '', grace_ms: 0, newest_before: [], made_by: join('1', 'x') });
  expect(await adoptBatch(records, account, BATCH)).toEqual({ kind: 'has_batch', batchId: undefined });
  expect(await account.owner('msgbatch_1')).toBeUndefined();
});
