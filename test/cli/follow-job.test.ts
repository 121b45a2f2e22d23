/** What a job that shows a refused key means to whoever follows it. The job stands in for a real one: when it shows what is the point. */
import type { JobHandle, ObservedJobStatus } from '../../src/client';
import type { FollowOptions } from '../../src/cli/follow-job';
import { followJob } from '../../src/cli/follow-job';
import { type Attention, type JobReport, noOutcomes, noUsage } from '../../src/contract';

const REFUSED: Attention = { code: 'key_refused', message: 'invalid x-api-key', hint: 'Set another.', since: '2026-11-02T09:00:00.000Z' };
const report = { job_id: 'job_1' } as JobReport;

/** Waits for a good key, and ends once it is told to try again. */
class WaitingJob {
  resumes = 0;

  constructor(private readonly attention = REFUSED) {}

  report = () => new Promise(() => undefined);

  status(): Promise<Partial<ObservedJobStatus>> {
    const facts = { jobId: 'job_1', outcomes: noOutcomes(), usage: noUsage(), running: [], problems: [] };
    return Promise.resolve(this.resumes > 0 ? { ...facts, phase: 'ended', report } : { ...facts, phase: 'running', attention: this.attention });
  }

  resume(): Promise<void> {
    this.resumes++;
    return Promise.resolve();
  }
}

function follow(job: WaitingJob, more: Partial<FollowOptions> = {}) {
  return followJob(job as unknown as JobHandle, {
    display: { update: () => undefined, note: () => undefined, close: () => undefined },
    interactive: false,
    accessIsGood: () => Promise.resolve(true),
    intervalMs: 1,
    signal: new AbortController().signal,
    reconnect: () => Promise.resolve(),
    ...more,
  });
}

test('that of an earlier worker, shown only now: the job is told once to try again with the good key', async () => {
  const job = new WaitingJob();
  expect(await follow(job)).toEqual({ kind: 'ended', report });
  expect(job.resumes).toBe(1);
});

test('the key of this worker, or no worker here that could know: a person is asked', async () => {
  const job = new WaitingJob();
  expect(await follow(job, { accessIsGood: () => Promise.resolve(false) })).toEqual({ kind: 'attention', attention: REFUSED });
  expect(job.resumes).toBe(0);
});

test('follow-ups that nobody serves are for a person, whatever the key', async () => {
  const unserved: Attention = { ...REFUSED, code: 'follow_up_unserved', message: 'no worker polls grading for gradeAnswer' };
  const job = new WaitingJob(unserved);
  expect(await follow(job)).toEqual({ kind: 'attention', attention: unserved });
  expect(job.resumes).toBe(0);
});

test('canceled ones that had begun, and that nobody can end, are for a person', async () => {
  const unserved: Attention = { ...REFUSED, code: 'cancel_unserved', message: 'no worker polls grading for gradeAnswer: canceled follow-ups that had begun cannot end: …' };
  const job = Object.assign(new WaitingJob(unserved), { status: () => Promise.resolve({ jobId: 'job_1', running: [], phase: 'running', attention: unserved, cancelRequested: true }) });
  expect(await follow(job as WaitingJob)).toEqual({ kind: 'attention', attention: unserved });
});

test('once the job is canceled they are closed by themselves, and are for nobody', async () => {
  const unserved: Attention = { ...REFUSED, code: 'follow_up_unserved', message: 'no worker polls grading for gradeAnswer' };
  const looks = [{ phase: 'running', attention: unserved, cancelRequested: true }, { phase: 'ended', report }];
  const job = Object.assign(new WaitingJob(unserved), { status: () => Promise.resolve({ jobId: 'job_1', running: [], ...looks.shift() }) });
  expect(await follow(job as WaitingJob)).toEqual({ kind: 'ended', report });
});
