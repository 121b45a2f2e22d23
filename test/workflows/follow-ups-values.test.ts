/** What follow-ups return that is not small plain JSON, from a worker with a codec that the product's does not have: none holds up its shard. */
import { FollowUpBatch } from '../support/follow-ups/batch';
import { ForeignCodec } from '../support/follow-ups/foreign-codec';
import { FollowUpWorker, quiet } from '../support/follow-ups/worker';
import type { Returned } from '../support/follow-ups/workflows';
import { sharedTemporal } from '../support/shared-temporal';
import type { TemporalServer } from '../support/temporal-server';

const shared = sharedTemporal();
let temporal: TemporalServer;
let batch: FollowUpBatch;

const dataConverter = { payloadCodecs: [new ForeignCodec()], failureConverterPath: require.resolve('../support/served/encoded-failures') };

/** What each gives back, and what stands on record of it besides its id. */
const cases: [Returned, Record<string, unknown>][] = [
  [{ returns: { grade: 1 } }, { value: { grade: 1 } }],
  [{ returns: null }, { value: null }],
  [{}, {}],
  [{ returns: { encoding: 'json/protobuf', data: '{"grade":2}' } }, { value: { grade: 2 } }],
  [{ returns: { encoding: 'binary/protobuf', data: '\b\u0002' } }, { value_bytes: 2, value_encoding: 'binary/protobuf' }],
  [{ returns: { encoding: 'json/plain', data: '{"grade":' } }, { value_bytes: 9, value_encoding: 'json/plain' }],
  [{ returns: { encoding: '', data: 'x' } }, { value_bytes: 1, value_encoding: '' }],
  [{ bytes: [1, 2, 3] }, { value_bytes: 3, value_encoding: 'binary/plain' }],
  [{ returns: { secret: 'grade' } }, { value_bytes: 46, value_encoding: 'binary/encrypted' }],
  [{ fail: 'It does not fit' }, { status: 'failed', failure: { type: 'Unfit', message: 'It does not fit' } }],
  [{ fail: 'It does not fit', details: { secret: 'grade' } }, { status: 'failed', failure: { type: 'Unfit', message: 'It does not fit' } }],
  [{ fail: 'It is secret' }, { status: 'failed', failure: { type: 'Unfit', message: 'Encoded failure' } }],
];

beforeAll(async () => {
  quiet();
  temporal = await shared.start();
});

afterAll(() => shared.stop());

afterEach(() => batch.close());

test('all are on record, with what can be read of them', async () => {
  batch = await FollowUpBatch.start({ address: temporal.address, behaviours: cases.map(([returned]) => returned), perShard: 20 });
  const worker = await FollowUpWorker.start(temporal.address, batch.queue, undefined, dataConverter);
  await (await batch.run({ workflow: 'valueFollowUp' })).result();
  await worker.stop();
  expect(cases.map((_, index) => batch.ends.get(index))).toEqual(cases.map(([, end], index) => ({ workflowId: batch.id(index), status: 'completed', ...end })));
  expect(batch.report?.followUps).toEqual({ selected: 12, started: 12, succeeded: 9, failed: 3 });
});
