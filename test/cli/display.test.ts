/** Golden transcripts: what a person sees of a job, on a terminal and in a log. Each file in transcripts/ is one picture. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import pc from 'picocolors';
import stringWidth from 'string-width';
import type { ObservedJobStatus, ObservedPart } from '../../src/client';
import { statusOfReport } from '../../src/client/observed-status';
import { type BatchStatus, type FollowUpOptions, type JobReport, noOutcomes, noUsage, type ReportedFollowUpOptions } from '../../src/contract';
import { estimateLines, estimateOf, warningLines } from '../../src/cli/display/estimate';
import type { Formats } from '../../src/cli/display/formats';
import { followUpSentence } from '../../src/cli/display/follow-ups';
import { loadFormats } from '../../src/cli/display/formats';
import { renderJobTable } from '../../src/cli/display/job-table';
import { renderPanel } from '../../src/cli/display/panel';
import { bar } from '../../src/cli/display/bar';
import { costLine } from '../../src/cli/display/cost';
import { dollars } from '../../src/cli/display/money';
import { needOf } from '../../src/cli/display/needs';
import { renderPartsTable } from '../../src/cli/display/parts-table';
import { jobSentence } from '../../src/cli/display/phases';
import { ProgressLog, progressLines } from '../../src/cli/display/progress-lines';
import { StoringRate, storingLeftMs } from '../../src/cli/display/rate';
import { fit } from '../../src/cli/display/rendering';
import type { Rendering } from '../../src/cli/display/rendering';
import { renderReport } from '../../src/cli/display/report-summary';
import type { ReportFacts } from '../../src/cli/report-facts';
import { canRedraw, toAscii, wantsAscii, wantsColor } from '../../src/cli/terminal';

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

const unserved = {
  code: 'follow_up_unserved' as const,
  message: 'no worker polls grading for gradeAnswer',
  hint: 'Start a worker that serves this workflow on this task queue; the follow-ups then go on by themselves.',
  since: time(2465),
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
    part(1, { phase: 'following_up', batchId: BATCH }),
    part(1, { phase: 'following_up', batchId: BATCH, followUps: { selected: 1319, started: 60, succeeded: 8, failed: 2 } }),
    part(1, { phase: 'ended', batchId: BATCH }),
    { round: 1, part: 1, workflowId: 'x', phase: 'processing', batchId: BATCH },
  ];
  const lines = phases.flatMap((each) => progressLines(job(), job({ running: [each] }), at(60)));
  expectTranscript('phases-of-a-batch', lines.join('\n'));
});

/** A big job in the middle: parts in all phases, a cost, a limit. */
function bigJob(): ObservedJobStatus {
  const ids = (index: number) => ({ batchId: `msgbatch_01HkcTjaV5uDC8jWR4ZsD${index.toString().padStart(2, '0')}` });
  const running = [
    ...Array.from({ length: 4 }, (_, index) => part(index + 17, { phase: 'queued', requests: 100_000, queue: { inQueue: 300_000, limit: 300_000 } })),
    part(16, { phase: 'creating', requests: 100_000 }),
    ...Array.from({ length: 9 }, (_, index) => part(index + 5, { phase: 'processing', requests: 100_000, createdAt: time(900 - index * 30), nextPollAt: time(1290), ...ids(index) })),
    part(14, { phase: 'storing', requests: 100_000, createdAt: time(600), stored: { lines: 51_200, bytes: 120_000_000 }, ...ids(14) }),
    part(4, { phase: 'following_up', requests: 100_000, createdAt: time(500), followUps: { selected: 99_000, started: 70_000, succeeded: 66_000, failed: 1 }, ...ids(4) }),
    part(15, { phase: 'processing', requests: 100_000, createdAt: time(1000), attention: keyRefused, ...ids(15) }),
  ];
  return job({
    requests: 2_000_000,
    parts: { total: 20, ended: 3 },
    outcomes: { ...noOutcomes(), succeeded: 299_000, errored: 1000 },
    usage: { ...noUsage(), input_tokens: 35_500_000, output_tokens: 91_000_000 },
    cost: { spent: 3.2, reserved: 9.17, cap: 20, estimated: { low: 17.5, high: 19.25 } },
    followUps: { selected: 398_000, started: 369_000, running: 3999, succeeded: 365_000, failed: 1 },
    running,
  });
}

test('many parts: a few are shown, first those of interest, the rest is counted', () => {
  const pictures = [120, 80, 60, 40].map((width) => renderPanel(bigJob(), at(1260, { width }), { footer: 'Ctrl-C hands over to the background; the job goes on', perSecond: 4321 }));
  expectTranscript('many-parts', pictures.join('\n\n'));
});

test('no line is wider than the terminal, whatever its width', () => {
  const trouble = { message: `retrieve: ${'x'.repeat(150)} 接続が拒否されました`, attempt: 4, nextTryAt: time(1300) };
  const wide = { ...bigJob(), output: '/data/質問の一覧/とても長い名前のフォルダ.results', attention: keyRefused };
  for (const status of [bigJob(), wide, { ...wide, running: wide.running.map((each) => ({ ...each, trouble })) }, job({ running: [{ ...processing, trouble }] })]) {
    for (let width = 20; width <= 200; width += width < 90 ? 3 : 11) {
      const rendering = at(1260, { width });
      const report = { jobId: 'job_4c1f09be72a3d586', round: 1, part: 1, requests: 100_000, outcomes: noOutcomes(), retryable: 0, usage: finished.usage, problems: [], simulated: false, cost: 1.25, batchId: BATCH };
      const pictures = [renderPanel(status, rendering, { footer: 'Ctrl-C hands over', perSecond: 10 }), renderJobTable([status, job({ jobId: 'x'.repeat(100) })], rendering), renderPartsTable(status, [report], rendering)];
      for (const line of pictures.join('\n').split('\n')) if (stringWidth(line) > width) throw new Error(`${width}: ${line}`);
    }
  }
  expect(fit('質問の一覧', 5)).toBe('質問…');
});

test('a low terminal shows fewer parts, never more lines than it has', () => {
  for (let height = 12; height <= 24; height++) {
    const picture = renderPanel(bigJob(), at(1260, { width: 80 }), { footer: 'x', perSecond: 10, height });
    expect(picture.split('\n').length).toBeLessThan(height);
    expect(picture).toMatch(/\d+ more: \d+ processing/);
  }
});

test('of many parts that cannot reach the API, one says why, and the others are counted', () => {
  const trouble = { message: 'retrieve: connect ECONNREFUSED', attempt: 4, nextTryAt: time(1268) };
  const away = { ...bigJob(), running: bigJob().running.map((each) => ({ ...each, trouble })) };
  expect(renderPanel(away, at(1260)).match(/does not answer/g)).toHaveLength(1);
  const sentence = 'the API does not answer: retrieve: connect ECONNREFUSED, attempt 4, next try in 8 s (and 16 more batches)';
  expect(progressLines(bigJob(), away, at(1260))).toEqual([sentence]);
  expect(progressLines(away, away, at(1260))).toEqual([]);
});

test('a log of many parts: the phases of the job, and a summary a minute where something has changed', () => {
  const log = new ProgressLog();
  const planning = job({ phase: 'planning', parts: { total: 0, ended: 0 } });
  const later = { ...bigJob(), parts: { total: 20, ended: 4 }, outcomes: { ...noOutcomes(), succeeded: 399_000, errored: 1000 } };
  const looks: [seconds: number, status: ObservedJobStatus][] = [[0, planning], [5, bigJob()], [6, later], [64, later], [66, later], [130, later], [200, bigJob()], [230, { ...later, phase: 'merging' }]];
  expectTranscript('many-parts-in-a-log', looks.map(([seconds, status]) => log.lines(status, at(seconds)).map((line) => `${seconds} s  ${line}`)).flat().join('\n'));
});

/** One batch of 1,319 results, each with a follow-up. */
function followingUp(succeeded: number, failed: number, started: number): ObservedJobStatus {
  const followUps = { selected: 1319, started, succeeded, failed };
  return job({ running: [part(1, { phase: 'following_up', batchId: BATCH, createdAt: time(2), followUps })], followUps: { ...followUps, running: started - succeeded - failed } });
}

test('follow-ups on a terminal: of one batch in its line, then of the job while its results are merged, then in the report', () => {
  const merging: ObservedJobStatus = { ...followingUp(1317, 2, 1319), phase: 'merging', running: [], outcomes: finished.outcomes };
  const pictures = [followingUp(8, 0, 58), followingUp(700, 2, 752), merging].map((status) => renderPanel(status, at(2470)));
  const report: JobReport = { ...finished, follow_ups: { selected: 1319, started: 1319, succeeded: 1317, failed: 2, options: { workflow: 'checkJsonAnswer' }, file: { bytes: 1, sha256: '' } } };
  const waiting = job({ ...followingUp(8, 0, 58), attention: unserved });
  const table = renderJobTable([statusOfReport(report), job({ jobId: 'job_open' }), waiting], at(3000));
  expectTranscript('follow-ups', [...pictures, renderReport(report, at(3000), there), renderPanel(waiting, at(2470)), table].join('\n\n'));
  expect(table.split('\n')[1]).toMatch(/waits for a person \(follow_up_unser/);
});

test('the report of a check of answers: how many are valid, and why others are not', () => {
  const counts = { selected: 1319, started: 1319, succeeded: 1319, failed: 0, options: { workflow: 'checkJsonAnswer' }, file: { bytes: 1, sha256: '' } };
  const answers = { valid: 1200, invalid: 119, reasons: { max_tokens: 2, not_json: 16, other: 1, refusal: 3, schema: 96, not_checked: 1 } };
  const report: JobReport = { ...finished, follow_ups: { ...counts, answers } };
  expectTranscript('report-invalid-answers', [renderReport(report, at(3000), there), renderJobTable([statusOfReport(report)], at(3000, { width: Infinity }))].join('\n\n'));
  expect(renderReport({ ...finished, follow_ups: { ...counts, answers: { valid: 1319, invalid: 0, reasons: {} } } }, at(3000), there)).toMatch(/\nanswers +1,319 valid, 0 invalid\n/);
});

test('a filter that nothing has passed is said, unless there was nothing to pass it', () => {
  const counts = { selected: 0, started: 0, succeeded: 0, failed: 0, file: { bytes: 0, sha256: '' } };
  const shown = (options: ReportedFollowUpOptions) => renderReport({ ...finished, follow_ups: { ...counts, options } }, at(3000), there);
  const where = { stop_reason: 'refusal', pointer: '/metadata/topic' };
  expect(shown({ workflow: 'gradeAnswer', where })).toMatch(/\nfollow-ups +gradeAnswer: none\n[\s\S]*\nNo follow-up was started: 0 of 1,319 succeeded results passed the filter where stop_reason is refusal and \/metadata\/topic is there\.$/);
  for (const options of [{ workflow: 'gradeAnswer' }, { workflow: 'gradeAnswer', on: ['errored' as const], where: { pointer: '/metadata/topic' } }]) expect(shown(options)).not.toContain('No follow-up');
});

test('a filter is held against what the job has got itself, not against what it took over', () => {
  const counts = { selected: 0, started: 0, succeeded: 0, failed: 0, options: { workflow: 'gradeAnswer', where: { stop_reason: 'refusal' } } };
  const reused = { job_id: 'job_old', output: '/old', requests: finished.outcomes.succeeded };
  const shown = (batches: JobReport['batches']) => renderReport({ ...finished, batches, reused, follow_ups: counts }, at(3000), there);
  expect(shown([])).not.toContain('passed the filter');
  expect(shown([{ ...finished.batches[0]!, outcomes: { ...noOutcomes(), succeeded: 7 } }])).toContain('0 of 7 succeeded results passed the filter');
});

test('without a worker, a picture says that what it tells is what was told last', () => {
  expect(renderPanel(job({ source: 'memo', attention: unserved }), at(2470))).toMatch(/\nno worker of message-batches answers; what follows was told before\n\nno worker polls grading/);
});

test('a job that is being canceled says so, while it waits for nobody', () => {
  expect(jobSentence(job({ cancelRequested: true }), at(0))).toBe('canceling');
  expect(jobSentence({ ...bigJob(), cancelRequested: true }, at(0))).toMatch(/^canceling, round 1: 3 of 20 batches done$/);
  expect(jobSentence(job({ cancelRequested: true, attention: unserved }), at(0))).toBe('waits for a person');
});

test('a log of follow-ups: a line when they begin, then one a minute where something has changed', () => {
  const log = new ProgressLog();
  const looks: [seconds: number, status: ObservedJobStatus][] = [[0, followingUp(0, 0, 0)], [5, followingUp(8, 0, 58)], [61, followingUp(80, 1, 131)], [90, followingUp(90, 1, 141)], [122, followingUp(90, 1, 141)], [183, followingUp(90, 1, 141)]];
  expect(looks.flatMap(([seconds, status]) => log.lines(status, at(seconds)).map((line) => `${seconds} s  ${line}`))).toEqual([
    '0 s  running',
    `0 s  ${BATCH} follow-ups: 0 of 1,319 done`,
    '61 s  81 of 1,319 follow-ups done (1 failed), 50 running',
    '122 s  91 of 1,319 follow-ups done (1 failed), 50 running',
  ]);
  expect(log.lines({ ...followingUp(90, 1, 141), attention: unserved }, at(200))).toEqual([`waits for a person: ${unserved.message}`, unserved.hint]);
});

test('which follow-ups a job has', () => {
  const sentence = (followUp: FollowUpOptions) => followUpSentence(followUp, { formats });
  expect(sentence({ workflow: 'checkJsonAnswer' })).toBe('checkJsonAnswer for each succeeded result, at most 50 at once for a batch');
  expect(sentence({ workflow: 'GradeAnswer', taskQueue: 'grading', on: ['succeeded', 'errored'], where: { stopReason: ['end_turn', 'max_tokens'], pointer: '/metadata/topic', equals: 'history' }, window: 400 })).toBe(
    'GradeAnswer on task queue grading for each succeeded or errored result where stop_reason is end_turn or max_tokens and /metadata/topic is "history", at most 400 at once for a batch',
  );
  expect(sentence({ workflow: 'gradeMany', per: 1000, where: { pointer: '/metadata/topic' } })).toBe('gradeMany for each slice of up to 1,000 succeeded results where /metadata/topic is there, at most 50 at once for a batch');
});

test('the parts of a job, those that have ended too', () => {
  const report = { jobId: 'job_4c1f09be72a3d586', round: 1, part: 1, requests: 100_000, outcomes: { ...noOutcomes(), succeeded: 99_500, errored: 500 }, retryable: 0, usage: finished.usage, problems: [], simulated: false, cost: 1.25, batchId: BATCH };
  const ended = [report, { ...report, part: 2, tooLarge: '413', batchId: undefined, cost: undefined, usage: noUsage() }];
  expectTranscript('parts-table', [120, 60].map((width) => renderPartsTable({ ...bigJob(), running: bigJob().running.slice(3, 7) }, ended, at(1260, { width }))).join('\n\n'));
});

test('bars: full only at the end, not empty once something is done', () => {
  expect([0, 1, 500, 999, 1000, 2000].map((done) => bar(done, 1000, 10))).toEqual(['░░░░░░░░░░', '█░░░░░░░░░', '█████░░░░░', '█████████░', '██████████', '██████████']);
  expect([bar(1, 0, 10), bar(1, 2, 0)]).toEqual(['', '']);
});

test('the rate of storing is smoothed, and an end is expected only where all batches have ended', () => {
  const storing = (lines: number, more: Partial<ObservedJobStatus> = {}) => job({ requests: 20_000, parts: { total: 2, ended: 1 }, running: [part(2, { phase: 'storing', requests: 10_000, stored: { lines, bytes: 0 } })], ...more });
  const rate = new StoringRate();
  for (let second = 0; second <= 30; second++) {
    rate.add(storing(second * 200), at(second).now);
    if (second < 3) expect(rate.perSecond).toBeUndefined();
  }
  expect(rate.perSecond).toBeCloseTo(200);
  // Its results are taken back, as they are sent again.
  rate.add(storing(0), at(31).now);
  expect(rate.perSecond).toBeLessThan(200);
  for (let second = 32; second <= 120; second++) rate.add(storing(0), at(second).now);
  expect(rate.perSecond).toBeUndefined();

  expect(storingLeftMs(storing(6000), 200)).toBe(20_000);
  expect(storingLeftMs(storing(6000, { parts: { total: 3, ended: 1 } }), 200)).toBeUndefined();
  expect(storingLeftMs(storing(6000, { running: [processing] }), 200)).toBeUndefined();
  expect(storingLeftMs(storing(6000), undefined)).toBeUndefined();
  expect(renderPanel(storing(6000), at(60), { perSecond: 200 })).toMatch(/\nstored {4}200 results a second, about 20 s left$/);
});

test('what a job costs, in dollars', () => {
  expect([0, 0.00001, 0.0036, 0.01, 0.021, 0.0999, 0.126, 1234.5].map(dollars)).toEqual(['$0.00', '$0.00001', '$0.0036', '$0.01', '$0.021', '$0.10', '$0.13', '$1,234.50']);
  expect(costLine({ spent: 1, reserved: 0 })).toBe('$1.00 spent');
  expect(costLine({ spent: 1, reserved: 2, cap: 5, estimated: { low: 4, high: 4 } })).toBe('$1.00 of $5.00 · $2.00 set aside for what runs · about $4.00 in all');
});

test('what needs a person, and what to do', () => {
  const need = (status: ObservedJobStatus, seconds = 60) => needOf(status, at(seconds));
  const DAY = 86_400;
  expect(need(job({ running: [processing] }))).toBeUndefined();
  expect(need(statusOfReport(finished))).toBeUndefined();
  expect(need(job({ paused: true }))).toMatchObject({ short: 'paused', command: 'message-batches resume job_4c1f09be72a3d586' });
  expect(need(job({ paused: true, attention: { ...keyRefused, code: 'spend_limit' } }))).toMatchObject({ short: 'paused (spend_limit)', hint: keyRefused.hint, command: 'message-batches resume job_4c1f09be72a3d586' });
  expect(need(job({ running: [processing] }), 21 * DAY)).toBeUndefined();
  expect(need(job({ running: [processing] }), 27 * DAY)).toMatchObject({ short: 'results are lost in 2 d 2 s', command: 'message-batches wait job_4c1f09be72a3d586' });
  expect(need(job({ running: [{ round: 1, part: 1, workflowId: 'x', phase: 'processing', createdAt: time(0) }], source: 'memo' }), 30 * DAY)).toMatchObject({ short: 'results are lost now' });
  expect(need(job({ running: [part(1, { phase: 'following_up', createdAt: time(0) })] }), 27 * DAY)).toBeUndefined();
});

test('on a terminal without UTF-8, the same in ASCII and of the same width', () => {
  const picture = renderPanel(bigJob(), at(1260, { width: 80 }), { perSecond: 10 });
  // oxlint-disable-next-line no-control-regex -- ASCII begins with them
  expect(toAscii(picture)).toMatch(/^[\u0000-\u007f]*$/);
  expect(toAscii(picture).split('\n').map((line) => line.length)).toEqual(picture.split('\n').map((line) => line.length));
});

test.each([
  [{ LANG: 'C.UTF-8' }, true, { ascii: false, color: true, redraw: true }],
  [{ LANG: 'en_US.utf8', LC_ALL: 'C' }, true, { ascii: true, color: true, redraw: true }],
  [{}, true, { ascii: true, color: true, redraw: true }],
  [{ LANG: 'C.UTF-8', TERM: 'dumb' }, true, { ascii: true, color: false, redraw: false }],
  [{ LANG: 'C.UTF-8', NO_COLOR: '1', FORCE_COLOR: '1' }, true, { ascii: false, color: false, redraw: true }],
  [{ FORCE_COLOR: '1' }, false, { ascii: false, color: true, redraw: false }],
  [{ LANG: 'C.UTF-8', FORCE_COLOR: '0' }, true, { ascii: false, color: false, redraw: true }],
  [{}, false, { ascii: false, color: false, redraw: false }],
  // What a file or a pipe says of itself; and a build server is no terminal.
  [{ CI: 'true' }, undefined, { ascii: false, color: false, redraw: false }],
])('%j on a terminal (%s): %j', (env, isTTY, expected) => {
  const stream = { isTTY };
  expect({ ascii: wantsAscii(env, stream, 'linux'), color: wantsColor(env, stream), redraw: canRedraw(env, stream) }).toEqual(expected);
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
    follow_ups: { selected: 1300, started: 1299, succeeded: 1297, failed: 2, options: { workflow: 'gradeAnswer' }, file: { bytes: 1, sha256: '' } },
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
  expect(text).toMatch(/To read the results: .*\n1 request got no result but may have been paid\. .* a second time: message-batches retry job_\w+ --only missing$/);
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
  expect(renderJobTable([failing], at(722, { width: Infinity }))).toContain('the API does not answer: retrieve: connect ECONNREFUSED, attempt 4');
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
  expect(table.split('\n').slice(0, 6).map((line) => line.split(' ')[0])).toEqual(['JOB', 'job_broken', 'job_waits', 'job_planning', 'job_open', 'job_4c1f09be72a3d586']);
});

/** A transcript is read and judged by people when it changes: write it anew with UPDATE_TRANSCRIPTS=1. */
function expectTranscript(name: string, text: string): void {
  const path = join(__dirname, 'transcripts', `${name}.txt`);
  if (process.env['UPDATE_TRANSCRIPTS']) writeFileSync(path, `${text}\n`);
  expect(existsSync(path)).toBe(true);
  expect(`${text}\n`).toBe(readFileSync(path, 'utf8'));
}
