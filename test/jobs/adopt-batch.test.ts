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
  expect(await records.part(1, 1).creates.readIntent(1)).toMatchObject({ requests: 3, made_by: 'adopt msgbatch_1' });
  expect(await account.owner('msgbatch_1')).toEqual({ job_id: 'a', round: 1, part: 1 });
});

it.each([1, 2, 3])('after a kill before record %i the same goes on, and what was begun can be looked up', async (nth) => {
  await expect(adoptBatch(...job('a', killedAt(nth)), BATCH)).rejects.toThrow('killed');
  const { creates } = job('a')[0].part(1, 1);
  expect((await creates.state()).kind).toBe(nth < 3 ? 'none' : 'open');
  // The look-up takes what the job owns.
  if (nth === 3) expect(await job('a')[1].owner('msgbatch_1')).toMatchObject({ job_id: 'a' });
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

const INTENT = { attempt: 1, requests: 3, body_bytes: 1, body_sha256: '', created_at: '', deadline: '', grace_ms: 0, newest_before: [], made_by: join('1', 'x') };

it('leaves a job alone that has begun to create', async () => {
  const [records, account] = job('a');
  await records.part(1, 1).creates.begin(INTENT);
  expect(await adoptBatch(records, account, BATCH)).toEqual({ kind: 'in_doubt', by: { job_id: 'a', round: 1, part: 1 } });
  expect(await account.owner('msgbatch_1')).toBeUndefined();
});

it('takes nothing that may be the batch of a create without an answer, of whatever job', async () => {
  const other = { job_id: 'other', round: 2, part: 7 };
  await job('other')[1].claimCreate(3, other, new Date());
  const { creates } = job('other')[0].part(2, 7);
  await creates.begin(INTENT);
  for (const id of ['a', 'other']) expect(await adoptBatch(...job(id), BATCH)).toEqual({ kind: 'in_doubt', by: other });
  expect(await job('a')[1].owner('msgbatch_1')).toBeUndefined();
  // Of another size it cannot be that one.
  expect(await adoptBatch(...job('b'), { ...BATCH, batchId: 'msgbatch_4', requests: 4 })).toBeUndefined();
  await creates.voided(1, { at: '', reason: 'not_in_list', message: '' });
  expect(await adoptBatch(...job('a'), BATCH)).toBeUndefined();
});

/** Does something before the n-th record is created. */
function meanwhileAt(nth: number, act: () => Promise<unknown>): RecordStore {
  let created = 0;
  return {
    ...syncedRecords,
    create: async (path, value) => {
      if (++created === nth) await act();
      return syncedRecords.create(path, value);
    },
  };
}

it('gives the batch back where another create of its size is begun meanwhile', async () => {
  const other = { job_id: 'other', round: 1, part: 1 };
  const records = meanwhileAt(1, async () => {
    await job('other')[1].claimCreate(3, other, new Date());
    await job('other')[0].part(1, 1).creates.begin(INTENT);
  });
  expect(await adoptBatch(...job('a', records), BATCH)).toEqual({ kind: 'in_doubt', by: other });
  expect(await job('a')[1].owner('msgbatch_1')).toBeUndefined();
});

it('gives the batch back where a worker begins the first create of the job meanwhile', async () => {
  const { creates } = job('a')[0].part(1, 1);
  expect(await adoptBatch(...job('a', meanwhileAt(2, () => creates.begin(INTENT))), BATCH)).toEqual({ kind: 'in_doubt', by: { job_id: 'a', round: 1, part: 1 } });
  expect(await job('a')[1].owner('msgbatch_1')).toBeUndefined();
  expect(await creates.state()).toEqual({ kind: 'open', attempt: 1 });
});
