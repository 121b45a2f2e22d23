import type { MessageBatchIndividualResponse } from '@anthropic-ai/sdk/resources/messages/batches';
import type { DataReference, FollowUpInput } from '../contract';
import { changedResults, type PartFolder, readLedgerRecord, selectResults } from '../jobs';
import { joinLocation, readChunks, openSegments, type Segments } from '../storage';
import type { ActivityDependencies } from './dependencies';
import { partFolderOf } from './dependencies';
import { runActivity } from './failures';
import { locationOf } from './plan-job';
import type { FollowUpShard, SelectFollowUpsInput } from './payloads';

/** Results that one shard starts follow-ups for. */
const RESULTS_PER_SHARD = 1_000;

/** Most bytes of follow-up inputs that travel in one answer; a payload may have 2 MB. */
const PAGE_BYTES = 256 * 1024;

/** Writes the list of a part's results that get a follow-up, and cuts it into shards. */
export function selectFollowUpsActivity(deps: ActivityDependencies) {
  return async function selectFollowUps(input: SelectFollowUpsInput): Promise<FollowUpShard[]> {
    return runActivity(deps, async () => {
      const { ref, options } = input;
      const folder = partFolderOf(ref);
      const path = joinLocation(folder.folder, 'follow-ups.jsonl');
      const slices = await selectResults({
        partFolder: folder,
        requests: input.requests,
        segments: await segmentsOfLedger(folder),
        outcomes: options.on ?? ['succeeded'],
        withoutRetryable: input.withoutRetryable,
        perSlice: RESULTS_PER_SHARD,
        listPath: path,
        lineOf: (selected): FollowUpInput => ({
          jobId: ref.jobId,
          round: ref.round,
          part: ref.part,
          activityTaskQueue: input.activityTaskQueue,
          ...selected,
        }),
      });
      return slices.map(({ offset, length, count }) => ({ ref, list: { uri: path, offset, length }, count }));
    });
  };
}

/** Those that the ledger speaks of, whatever a frozen attempt has begun since. @throws StorageError `changed` */
async function segmentsOfLedger(folder: PartFolder): Promise<Segments> {
  const record = await readLedgerRecord(folder);
  const segments = await openSegments(folder.segments, { generation: record?.generation, synced: record?.bytes });
  if (!record || segments.checkpoint < record.bytes) throw changedResults(folder, record?.batch_id, `Results stored in ${folder.segments} are gone: ${segments.checkpoint} of ${record?.bytes ?? 0} bytes are left.`);
  return segments;
}

/** Reads the next inputs of a shard's list: as many as fit one answer. `next` is where the following ones begin. */
export function listFollowUpsActivity(deps: ActivityDependencies) {
  return async function listFollowUps(list: DataReference): Promise<{ inputs: FollowUpInput[]; next?: DataReference }> {
    return runActivity(deps, async () => {
      const length = list.length ?? 0;
      const bytes = await readBytes({ ...list, length: Math.min(length, PAGE_BYTES) });
      const end = bytes.lastIndexOf(0x0a) + 1;
      const inputs = bytes
        .subarray(0, end)
        .toString('utf8')
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as FollowUpInput);
      const next = end < length ? { uri: list.uri, offset: (list.offset ?? 0) + end, length: length - end } : undefined;
      return { inputs, next };
    });
  };
}

/** Reads one stored result. It then stands in the history of the workflow that asked. */
export function loadResultActivity(deps: ActivityDependencies) {
  return async function loadResult(reference: DataReference): Promise<MessageBatchIndividualResponse> {
    return runActivity(deps, async () => {
      const bytes = await readBytes(reference);
      return JSON.parse(bytes.toString('utf8')) as MessageBatchIndividualResponse;
    });
  };
}

async function readBytes(reference: DataReference): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of readChunks(locationOf(reference), { offset: reference.offset, length: reference.length })) chunks.push(chunk);
  return Buffer.concat(chunks);
}
