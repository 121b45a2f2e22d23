import { exitCodeOfReport } from '../../src/cli/attach';
import { type JobReport, noOutcomes, noUsage, type OutcomeCounts } from '../../src/contract';

function report(outcomes: Partial<OutcomeCounts>, more: Partial<JobReport> = {}): JobReport {
  return {
    job_id: 'job',
    simulated: false,
    account: { label: 'default', base_url: 'https://api.example' },
    status: 'finished',
    input: { path: '/requests.jsonl', sha256: '', requests: 1 },
    outcomes: { ...noOutcomes(), ...outcomes },
    usage: noUsage(),
    batches: [],
    problems: [],
    output: '/requests.results',
    started_at: '',
    ended_at: '',
    ...more,
  };
}

const followUps = (succeeded: number, failed: number, more: Partial<JobReport['follow_ups']> = {}) => ({ follow_ups: { selected: 3, started: 3, succeeded, failed, ...more } });
const problem = (kind: string) => ({ problems: [{ kind, count: 1, examples: [] }] });

it.each([
  ['every request succeeded', report({ succeeded: 1 }), 0],
  ['the same result came twice', report({ succeeded: 1 }, problem('duplicate_result')), 0],
  ['a request has two results that differ', report({ succeeded: 1 }, problem('conflicting_result')), 2],
  ['one is missing', report({ missing: 1 }), 2],
  ['every follow-up succeeded too', report({ succeeded: 1 }, followUps(3, 0)), 0],
  ['a follow-up failed', report({ succeeded: 1 }, followUps(2, 1)), 2],
  ['a follow-up never ran', report({ succeeded: 1 }, followUps(2, 0)), 2],
  ['all answers are valid', report({ succeeded: 1 }, followUps(3, 0, { answers: { valid: 3, invalid: 0, reasons: {} } })), 0],
  ['an answer is invalid', report({ succeeded: 1 }, followUps(3, 0, { answers: { valid: 2, invalid: 1, reasons: { schema: 1 } } })), 2],
  ['it was canceled while its follow-ups ran', report({ succeeded: 1 }, { status: 'canceled', ...followUps(2, 0, { canceled: 1 }) }), 3],
  ['it was canceled', report({ canceled: 1 }, { status: 'canceled' }), 3],
])('%s', (_what, ended, code) => {
  expect(exitCodeOfReport(ended)).toBe(code);
});
