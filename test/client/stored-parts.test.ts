import type { ObservedPart } from '../../src/client';
import { withStoredParts } from '../../src/client/stored-parts';
import type { BatchStatus, JobStatus } from '../../src/contract';
import { noOutcomes, noUsage } from '../../src/contract';

const job = (more: Partial<JobStatus> = {}): JobStatus => ({
  jobId: 'job', phase: 'running', simulated: false, account: { label: 'test', baseUrl: '' }, round: 1, parts: { total: 4, ended: 1 }, running: [], cancelRequested: false, paused: false, startedAt: '',
  outcomes: { ...noOutcomes(), succeeded: 100 }, usage: { ...noUsage(), input_tokens: 10 }, problems: [{ kind: 'duplicate_result', count: 1, examples: [] }], cost: { spent: 1, reserved: 9, estimated: { low: 3, high: 12 }, cap: 20 }, ...more,
});
const part = (number: number, status?: Partial<BatchStatus>): ObservedPart => ({
  round: 1, part: number, workflowId: `${number}`, reserved: 4,
  ...(status && { status: { jobId: 'job', round: 1, part: number, phase: 'following_up', requests: 100, polls: 1, stored: { lines: 100, bytes: 1 }, usage: { ...noUsage(), input_tokens: 5 }, problems: [], cancelRequested: false, cancelSent: false, paused: false, ...status } }),
});
const outcomes = { ...noOutcomes(), succeeded: 90, errored: 6, expired: 4 };
const problem = { kind: 'malformed_line', count: 2, examples: [] };

test('what is stored counts, without what will be sent again', () => {
  const running = [part(2, { outcomes, retryable: 5, cost: 1.5, problems: [problem] }), part(3, { phase: 'processing', usage: noUsage() }), part(4)];
  expect(withStoredParts(job(), running)).toEqual({
    outcomes: { ...noOutcomes(), succeeded: 190, errored: 5 },
    usage: { ...noUsage(), input_tokens: 15 },
    problems: [job().problems[0], problem],
    cost: { spent: 2.5, reserved: 5, estimated: { low: 3, high: 12 }, cap: 20 },
  });
  // Nothing is sent again then.
  expect(withStoredParts(job({ cancelRequested: true }), running).outcomes).toEqual({ ...noOutcomes(), succeeded: 190, errored: 6, expired: 4 });
});

test('where nothing is stored, it is as the job says', () => {
  const { outcomes, usage, cost, problems } = job();
  expect(withStoredParts(job(), [part(2, { phase: 'storing' }), part(3)])).toEqual({ outcomes, usage, cost, problems });
});

test('of a cost that nobody knows, or that may be more, nothing is told', () => {
  const { cost } = job();
  for (const status of [{ outcomes }, { outcomes: { ...outcomes, missing: 1 }, cost: 1 }]) expect(withStoredParts(job(), [part(2, status)]).cost).toEqual(cost);
  expect(withStoredParts(job({ cost: undefined }), [part(2, { outcomes, cost: 1 })])).not.toHaveProperty('cost');
});

test('once all that runs is stored, the cost is known', () => {
  const running = [2, 3, 4].map((number) => part(number, { outcomes, cost: 1 }));
  expect(withStoredParts(job(), running).cost).toEqual({ spent: 4, reserved: 0, estimated: { low: 4, high: 4 }, cap: 20 });
});
