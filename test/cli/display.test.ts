/** Golden transcripts: what a person sees of a job, on a terminal and in a log. Each file in transcripts/ is one picture. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import pc from 'picocolors';
import type { ObservedJobStatus, ObservedPart } from '../../src/client';
import { statusOfReport } from '../../src/client/observed-status';
import { type BatchStatus, type JobReport, noOutcomes, noUsage } from '../../src/contract';
import { estimateLines, estimateOf, warningLines } from '../../src/cli/display/estimate';
import type { Formats } from '../../src/cli/display/formats';
import { loadFormats } from '../../src/cli/display/formats';
import { renderJobTable } from '../../src/cli/display/job-table';
import { renderPanel } from '../../src/cli/display/panel';
import { progressLines } from '../../src/cli/display/progress-lines';
import type { Rendering } from '../../src/cli/display/rendering';
import { renderReport } from '../../src/cli/display/report-summary';
import type { ReportFacts } from '../../src/cli/report-facts';

const START = Date.parse('2026-11-02T09:00:00Z');
let formats: Formats;

beforeAll(async () => {
  formats = await loadFormats();
});

function at(seconds: number, more: Partial<Rendering> = {}): Rendering {
  return { now: new Date(START + seconds * 1000), width: 100, colors: pc.createColors(false), formats, cwd: '/data', ...more };
}

function time(seconds: number): string {
  return new Date(START + seconds * 1000).toISOString();
}

function job(more: Partial<ObservedJobStatus> = {}): ObservedJobStatus {
  return {
    jobId: 'job_4c1f09be72a3d586',
    phase: 'running',
    simulated: false,
    account: { label: 'default', baseUrl: 'https://api.anthropic.com' },
    output: '/data/questions.results',
    requests: 1319,
    round: 1,
    parts: { total: 1, ended: 0 },
    outcomes: noOutcomes(),
    usage: noUsage(),
    running: [],
    cancelRequested: false,
    paused: false,
    problems: [],
    startedAt: time(0),
    source: 'workflow',
    ...more,
  };
}

function part(number: number, status: Partial<BatchStatus> & Pick<BatchStatus, 'phase'>, round = 1): ObservedPart {
  const full: BatchStatus = {
    jobId: 'job_4c1f09be72a3d586',
    round,
    part: number,
    requests: 1319,
    polls: 0,
    stored: { lines: 0, bytes: 0 },
    usage: noUsage(),
    problems: [],
    cancelRequested: false,
    cancelSent: false,
    paused: false,
    ...status,
  };
  return { round, part: number, workflowId: `batch/${round}.${number}`, status: full, phase: full.phase, batchId: full.batchId };
}

const BATCH = 'msgbatch_01HkcTjaV5uDC8jWR4ZsDV8d';
const processing = part(1, { phase: 'processing', batchId: BATCH, createdAt: time(2), nextPollAt: time(758) });
const keyRefused = {
  code: 'key_refused' as const,
  message: `The API refused the key (401) while looking at ${BATCH}.`,
  hint: 'Set ANTHROPIC_API_KEY to a key of the workspace that made the batches, then run the same command again.',
  since: time(700),
};

const finished: JobReport = {
  job_id: 'job_4c1f09be72a3d586',
  simulated: false,
  account: { label: 'default', base_url: 'https://api.anthropic.com' },
  status: 'finished',
  input: { path: '/data/questions.jsonl', sha256: '0'.repeat(64), requests: 1319 },
  outcomes: { ...noOutcomes(), succeeded: 1319 },
  usage: { ...noUsage(), input_tokens: 156_204, output_tokens: 402_118, cache_creation_input_tokens: 2_048, cache_read_input_tokens: 98_304 },
  batches: [
    { id: BATCH, round: 1, requests: 1319, created_at: time(2), ended_at: time(2460), outcomes: { ...noOutcomes(), succeeded: 1121, errored: 66, expired: 132 } },
    { id: 'msgbatch_01PqD3xwYbT6fK9mNvR2sLzE', round: 2, requests: 198, created_at: time(2462), ended_at: time(2700), outcomes: { ...noOutcomes(), succeeded: 198 } },
  ],
  problems: [],
  output: '/data/questions.results',
  started_at: time(0),
  ended_at: time(2704),
};

const there: ReportFacts = { outputs: { state: 'there' }, reasons: [] };

/** One run, from its start to its report, as a program would see it. */
const RUN: [seconds: number, status: ObservedJobStatus][] = [
  [0, job({ phase: 'planning', requests: undefined, output: undefined, parts: { total: 0, ended: 0 } })],
  [1, job({ running: [part(1, { phase: 'opening' })] })],
  [1, job({ running: [part(1, { phase: 'creating' })] })],
  [3, job({ running: [part(1, { phase: 'processing', batchId: BATCH, createdAt: time(2), nextPollAt: time(8) })] })],
  [722, job({ running: [processing] })],
  [758, job({ running: [processing] })],
  [2461, job({ running: [part(1, { phase: 'storing', batchId: BATCH, createdAt: time(2), stored: { lines: 512, bytes: 1_204_224 } })] })],
  [2462, job({ round: 2, outcomes: { ...noOutcomes(), succeeded: 1121 }, usage: finished.usage, running: [part(1, { phase: 'creating', requests: 198 }, 2)] })],
  [2464, job({ round: 2, outcomes: { ...noOutcomes(), succeeded: 1121 }, usage: finished.usage, running: [part(1, { phase: 'processing', requests: 198, batchId: 'msgbatch_01PqD3xwYbT6fK9mNvR2sLzE', createdAt: time(2462), nextPollAt: time(2469) }, 2)] })],
  [2703, job({ phase: 'merging', round: 2, outcomes: finished.outcomes, usage: finished.usage })],
  [2704, statusOfReport(finished)],
];

test('a whole run in a log: one line a change of phase', () => {
  const lines = RUN.flatMap(([seconds, status], index) => progressLines(RUN[index - 1]?.[1], status, at(seconds)));
  expectTranscript('run-in-a-log', lines.join('\n'));
});

test('a whole run on a terminal', () => {
  const pictures = RUN.map(([seconds, status]) => renderPanel(status, at(seconds), { footer: 'Ctrl-C hands over to the background; the job goes on' }));
  expectTranscript('run-on-a-terminal', pictures.join('\n\n'));
});

test('before any count moves, time goes on and nothing is stuck at 0 %', () => {
  const picture = renderPanel(job({ running: [processing] }), at(722));
  expect(picture).toContain(`${BATCH} processing for 12 min, next look in 36 s`);
  expect(picture).not.toContain('%');
  expect(picture).not.toMatch(/\b0 succeeded/);
});

test('every phase of a batch', () => {
  const phases: ObservedPart[] = [
    part(1, { phase: 'opening' }),
    part(1, { phase: 'creating' }),
    part(1, { phase: 'reconciling' }),
    part(1, { phase: 'processing', batchId: BATCH, createdAt: time(0), nextPollAt: time(60) }),
    part(1, { phase: 'canceling', batchId: BATCH, createdAt: time(0), nextPollAt: time(65) }),
    part(1, { phase: 'storing', batchId: BATCH, stored: { lines: 1200, bytes: 3_400_000 } }),
    part(1, { phase: 'following_up', batchId: BATCH, followUps: { selected: 1319, started: 60, succeeded: 8, failed: 2 } }),
    part(1, { phase: 'ended', batchId: BATCH }),
    { round: 1, part: 1, workflowId: 'x', phase: 'processing', batchId: BATCH },
  ];
  const lines = phases.flatMap((each) => progressLines(job(), job({ running: [each] }), at(60)));
  expectTranscript('phases-of-a-batch', lines.join('\n'));
});

test('many parts: a few are shown, the rest is counted', () => {
  const running = Array.from({ length: 8 }, (_, index) => part(index + 3, { phase: 'processing', batchId: `msgbatch_${index}`, createdAt: time(10), nextPollAt: time(90) }));
  expectTranscript('many-parts', renderPanel(job({ requests: 1_000_000, parts: { total: 10, ended: 2 }, running }), at(60)));
});

test('what needs a person is said with what to do', () => {
  const refused = part(1, { phase: 'processing', batchId: BATCH, createdAt: time(2), nextPollAt: time(700), attention: keyRefused });
  const waiting = job({ running: [refused], attention: keyRefused });
  const log = progressLines(job({ running: [processing] }), waiting, at(722)).join('\n');
  expectTranscript('waits-for-a-person', `${renderPanel(waiting, at(722, { width: 60 }))}\n\n${log}`);
  // Said once, not at each look.
  expect(progressLines(waiting, waiting, at(723))).toEqual([]);
});

test('paused, stopped without a report, no worker', () => {
  const pictures = [job({ paused: true }), job({ phase: 'ended', failure: { status: 'TERMINATED', message: 'by hand' } }), job({ source: 'memo', running: [{ round: 1, part: 1, workflowId: 'x', phase: 'processing', batchId: BATCH }] })];
  expectTranscript('not-running', pictures.map((status) => renderPanel(status, at(60))).join('\n\n'));
});

test('nothing is wider than a narrow terminal', () => {
  const picture = renderPanel(job({ running: [processing] }), at(722, { width: 40 }));
  for (const line of picture.split('\n')) expect(line.length).toBeLessThanOrEqual(40);
  expectTranscript('narrow-terminal', picture);
});

test('colours only where they are wanted', () => {
  const status = job({ running: [processing], attention: keyRefused });
  expect(renderPanel(status, at(722))).not.toContain('\u001b[');
  expect(renderPanel(status, at(722, { colors: pc.createColors(true) }))).toContain('\u001b[');
});

test('the report when all succeeded', () => {
  expectTranscript('report-all-succeeded', renderReport(finished, at(3000), there));
});

test('the report of two models, one of them without a price', () => {
  const cost = { currency: 'USD' as const, total: 1234.5, by_model: { 'claude-a': 1234.49, 'claude-b': 0.0123 }, prices: { date: '2026-11-02', source: 'a test' }, without_price: ['claude-c'] };
  expectTranscript('report-cost', renderReport({ ...finished, cost, cache_hit_share: 0.383 }, at(3000), there));
});

test('what is expected of an input, and what of it will be refused', () => {
  const use = (model: string) => ({ model, requests: 60_000, bytes: 25_000_000, maxTokens: 61_440_000, longest: 900, cached: false });
  const price = { input: 3, output: 15, cache_write_5m: 3.75, cache_write_1h: 6, cache_read: 0.3 };
  const warnings = [{ line: 7, message: 'params.stream is true.', hint: 'Leave it out: there is no streaming in a batch.' }];
  const check = { sha256: '', bytes: 5e7, requests: 120_000, sentBytes: 5e7, parts: 2, expected: [use('claude-a'), use('claude-b')], uncounted: 3, warnings, warningCount: 21, problems: [], problemCount: 0 };
  const prices = { date: '2026-11-02', source: 'a test', currency: 'USD' as const, batch_factor: 0.5, models: { 'claude-a': price }, server_tools: {} };
  expectTranscript('estimate', [...estimateLines(estimateOf(check, prices), at(0)), ...warningLines(check, at(0))].join('\n'));
});

test('the report when some did not succeed', () => {
  const report: JobReport = {
    ...finished,
    simulated: true,
    account: { label: 'simulated', base_url: 'simulator:' },
    status: 'canceled',
    outcomes: { succeeded: 1300, errored: 10, canceled: 5, expired: 2, missing: 1, unsent: 1 },
    unsent_reason: 'The job was canceled before this part was sent',
    follow_ups: { selected: 1300, started: 1300, succeeded: 1298, failed: 2 },
    problems: [{ kind: 'missing_result', count: 1, examples: ['question-17 has no result'] }],
    batches: Array.from({ length: 12 }, (_, index) => ({ ...finished.batches[0]!, id: `msgbatch_${index}` })),
  };
  const reasons = [
    { type: 'invalid_request_error', message: 'max_tokens: Field required', count: 6 },
    { type: 'overloaded_error', message: 'Overloaded', count: 2 },
    { type: 'api_error', message: 'Internal server error', count: 1 },
    { type: 'api_error', message: 'Another one, which is not shown', count: 1 },
  ];
  expectTranscript('report-some-failed', renderReport(report, at(3000), { ...there, reasons }));
});

test('the report when nothing failed, but a result is missing: nothing is offered that pays without saying so', () => {
  const text = renderReport({ ...finished, outcomes: { ...noOutcomes(), succeeded: 1318, missing: 1 } }, at(3000), there);
  expect(text).not.toContain('failed-requests.jsonl');
  expect(text).toMatch(/\nmissing +questions\.results\/missing-requests\.jsonl\n/);
  expect(text).toMatch(/To read the results: .*\n1 request got no result but may have been paid\. .* a second time: message-batches run questions\.results\/missing-requests\.jsonl$/);
});

test('the report when its outputs are gone: no file is named that is not there', () => {
  const gone = renderReport(finished, at(3000), { outputs: { state: 'gone' }, reasons: [] });
  expect(gone).toContain(BATCH);
  expect(gone).toMatch(/\nThe outputs are gone: they are not in questions\.results any more\. .* 29 days /);
  expect(gone).not.toContain('results.jsonl');
  expect(renderReport(finished, at(3000), { outputs: { state: 'other', jobId: 'job_other' }, reasons: [] })).toContain('questions.results belongs to job job_other now.');
});

test('an API that does not answer is said, once in a log', () => {
  const failing = job({ running: [{ ...processing, trouble: { message: 'retrieve: connect ECONNREFUSED', attempt: 4, nextTryAt: time(730) } }] });
  const log = progressLines(job({ running: [processing] }), failing, at(722)).join('\n');
  expectTranscript('api-does-not-answer', `${renderPanel(failing, at(722, { width: 60 }))}\n\n${log}`);
  expect(progressLines(failing, failing, at(723))).toEqual([]);
  expect(renderJobTable([failing], at(722))).toContain('the API does not answer: retrieve: connect ECONNREFUSED, attempt 4');
});

test('a batch that has counted nothing yet', () => {
  expect(renderPanel(job({ running: [part(1, { phase: 'opening', requests: 0 })] }), at(1))).toMatch(/\n {2}preparing$/);
});

test('all jobs: first what needs a person, then what is open', () => {
  const jobs = [
    { ...statusOfReport(finished), startedAt: time(-86_400) },
    job({ jobId: 'job_open', running: [processing], startedAt: time(-60) }),
    job({ jobId: 'job_waits', attention: keyRefused, startedAt: time(-7200) }),
    job({ jobId: 'job_broken', phase: 'ended', failure: { status: 'TERMINATED' }, startedAt: time(-3600) }),
    job({ jobId: 'job_planning', phase: 'planning', requests: undefined, output: undefined, startedAt: time(600) }),
  ];
  const table = renderJobTable(jobs, at(722));
  expectTranscript('all-jobs', table);
  expect(table.split('\n').map((line) => line.split(' ')[0])).toEqual(['JOB', 'job_broken', 'job_waits', 'job_planning', 'job_open', 'job_4c1f09be72a3d586']);
});

/** A transcript is read and judged by people when it changes: write it anew with UPDATE_TRANSCRIPTS=1. */
function expectTranscript(name: string, text: string): void {
  const path = join(__dirname, 'transcripts', `${name}.txt`);
  if (process.env['UPDATE_TRANSCRIPTS']) writeFileSync(path, `${text}\n`);
  expect(existsSync(path)).toBe(true);
  expect(`${text}\n`).toBe(readFileSync(path, 'utf8'));
}
