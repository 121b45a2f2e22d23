import type { JobReport, ReportedBatch, ReportedFollowUps } from '../../contract';
import { SIMULATED_ACCOUNT } from '../../contract';
import { joinLocation } from '../../storage';
import { fittedTable } from './fitted-table';
import type { Column } from './fitted-table';
import { answerCounts, invalidAnswersSentence, nothingPassed, notCompleted, retriesText, takenOverWithout } from './follow-ups';
import { dollars } from './money';
import { drawn, plainTable } from './plain-table';
import { counted, outcomesLine, shownPath, tokensCell, tokensLine } from './rendering';
import type { Rendering } from './rendering';
import type { ReportFacts } from '../report-facts';

/** Batches with a line of their own; all of them stand in `report.json`. */
const MAX_BATCHES_SHOWN = 10;
/** Of the names before the facts, `follow-ups` being the longest. */
const LABEL_COLUMNS = 12;
const MAX_REASONS_SHOWN = 3;
const MAX_MODELS_SHOWN = 10;
/** Kinds of problems whose lines stand in the quarantine. */
const PUT_ASIDE = new Set(['malformed_line', 'unknown_custom_id', 'unknown_result_type', 'conflicting_result']);

/** The end of a job: what became of the requests, what it used, where the outputs lie, what to do next. */
export function renderReport(report: JobReport, rendering: Rendering, { outputs, reasons, followUpsRunAgain = false }: ReportFacts): string {
  const { colors, formats } = rendering;
  const { outcomes, input } = report;
  const { answers } = report.follow_ups ?? {};
  const followUpsLeft = report.follow_ups ? notCompleted(report.follow_ups, rendering) : '';
  const invalidAnswers = answers?.invalid ?? 0;
  const noneSelected = nothingPassed(report, rendering);
  const all = outcomes.succeeded === input.requests && followUpsLeft === '' && invalidAnswers === 0 && noneSelected === undefined;
  const headline = `${formats.count(outcomes.succeeded)} of ${counted(input.requests, 'request', rendering)} succeeded${followUpsLeft === '' ? '' : `, ${followUpsLeft}`}${invalidAnswers > 0 ? `, ${counted(invalidAnswers, 'answer', rendering)} invalid` : ''}${report.status === 'canceled' ? ', canceled' : ''}${report.simulated ? ' (simulated)' : ''}`;

  const table = plainTable();
  table.push(['job', report.job_id]);
  table.push(['outcomes', outcomesLine(outcomes, rendering) || 'none']);
  reasons.slice(0, MAX_REASONS_SHOWN).forEach(({ type, message, count }, index) => {
    table.push([index === 0 ? 'errored' : '', `${formats.count(count)} × ${type}${message ? `: ${message}` : ''}`]);
  });
  if (report.unsent_reason) table.push(['unsent', report.unsent_reason]);
  const tokens = tokensLine(report.usage, rendering);
  if (tokens) table.push(['tokens', tokens]);
  const models = Object.entries(report.usage_by_model ?? {});
  if (models.length > 1) for (const [model, usage] of models.slice(0, MAX_MODELS_SHOWN)) table.push(['', `${model}: ${tokensLine(usage, rendering)}`]);
  table.push(...costRows(report));
  if (report.follow_ups) table.push(['follow-ups', followUpsRow(report.follow_ups, rendering)]);
  if (answers) table.push(['answers', answerCounts(answers, rendering)]);
  table.push(['time', formats.duration(Date.parse(report.ended_at) - Date.parse(report.started_at))]);
  const batches = report.batches.slice(0, MAX_BATCHES_SHOWN);
  if (batches.length > 0) batchLines(batches, rendering).forEach((line, index) => table.push([index === 0 ? 'batches' : '', line]));
  if (report.batches.length > MAX_BATCHES_SHOWN) table.push(['', `and ${formats.count(report.batches.length - MAX_BATCHES_SHOWN)} more in report.json`]);
  for (const problem of report.problems) {
    table.push(['problem', `${formats.count(problem.count)} × ${problem.kind}${problem.examples[0] ? `: ${problem.examples[0]}` : ''}`]);
  }
  const title = all ? colors.green(headline) : colors.yellow(headline);
  if (outputs.state !== 'there') return [title, drawn(table), colors.yellow(goneNote(report, outputs, rendering))].join('\n');
  table.push(['results', shownPath(joinLocation(report.output, 'results.jsonl'), rendering)]);
  // Older releases wrote none.
  if (report.follow_ups?.file) table.push(['returned', shownPath(joinLocation(report.output, 'follow-ups.jsonl'), rendering)]);
  const failed = shownPath(joinLocation(report.output, 'failed-requests.jsonl'), rendering);
  if (report.problems.some(({ kind }) => PUT_ASIDE.has(kind))) table.push(['put aside', shownPath(joinLocation(report.output, 'quarantine.jsonl'), rendering)]);
  const someFailed = input.requests > outcomes.succeeded + outcomes.missing;
  if (someFailed) table.push(['failed', failed]);
  const missing = shownPath(joinLocation(report.output, 'missing-requests.jsonl'), rendering);
  if (outcomes.missing > 0) table.push(['missing', missing]);
  table.push(['report', shownPath(joinLocation(report.output, 'report.json'), rendering)]);

  const lines = [title, drawn(table)];
  const retry = `message-batches retry ${report.job_id}`;
  const simulate = report.account.label === SIMULATED_ACCOUNT.label ? ' --simulate' : '';
  const invalid = reasons.some(({ type }) => type === 'invalid_request_error');
  if (invalid) lines.push(`What was invalid fails again as it is: mend these lines, then run them: ${colors.bold(`message-batches run ${failed}${simulate}`)}`);
  else if (someFailed) lines.push(`To send again what may succeed: ${colors.bold(`${retry}${outcomes.canceled > 0 ? ' --only errored,expired,unsent,canceled' : ''}`)}`);
  else lines.push(`To read the results: ${colors.bold(`message-batches results ${report.job_id}`)}`);
  if (outcomes.missing > 0) {
    lines.push(`${counted(outcomes.missing, 'request', rendering)} got no result but may have been paid. To send again, and perhaps pay a second time: ${colors.bold(`${retry} --only missing`)}`);
  }
  if (followUpsLeft !== '' && !followUpsRunAgain) lines.push(`To run the follow-ups again that did not complete: ${colors.bold(`message-batches retry-follow-ups ${report.job_id}`)}`);
  if (invalidAnswers > 0) lines.push(invalidAnswersSentence(report.follow_ups?.options));
  const takenOver = takenOverWithout(report, rendering);
  if (takenOver !== undefined) lines.push(takenOver);
  if (noneSelected !== undefined) lines.push(colors.yellow(noneSelected));
  return lines.join('\n');
}

/** `gradeAnswer: 1,298 of 1,300 succeeded, 2 failed` */
function followUpsRow(followUps: ReportedFollowUps, { formats }: Rendering): string {
  const { selected, started, succeeded, failed, canceled = 0, options } = followUps;
  const parts = selected === 0 ? ['none'] : [`${formats.count(succeeded)} of ${formats.count(selected)} succeeded`];
  if (failed > 0) parts.push(`${formats.count(failed)} failed`);
  if (canceled > 0) parts.push(`${formats.count(canceled)} canceled`);
  if (started < selected) parts.push(`${formats.count(selected - started)} not started`);
  const again = retriesText(followUps, { formats });
  return `${options ? `${options.workflow}: ` : ''}${parts.join(', ')}${again ? `; ${again}` : ''}`;
}

/** A line for each batch: what it cost, as far as the terminal has room. */
function batchLines(batches: ReportedBatch[], rendering: Rendering): string[] {
  const { formats } = rendering;
  const columns: Column<ReportedBatch>[] = [
    { title: 'BATCH', text: ({ id }) => id },
    { title: 'REQUESTS', text: ({ requests }) => counted(requests, 'request', rendering) },
    { title: 'TOOK', text: (batch) => formats.duration(Date.parse(batch.ended_at) - Date.parse(batch.created_at)), leavesAs: 3 },
    { title: 'TOKENS', text: ({ usage }) => tokensCell(usage, rendering), leavesAs: 2 },
    { title: 'COST', text: ({ cost }) => (cost === undefined ? '' : dollars(cost)), leavesAs: 1 },
  ];
  return fittedTable(columns, batches, { ...rendering, width: rendering.width - LABEL_COLUMNS }, { head: false }).split('\n');
}

function costRows({ cost, simulated, cache_hit_share: hits = 0 }: JobReport): string[][] {
  const rows: string[][] = [];
  if (hits > 0) rows.push(['cache', `${(hits * 100).toFixed(1)} % of the input tokens were read from it`]);
  if (!cost) return rows;
  rows.push(['cost', `${dollars(cost.total)} at the batch prices of ${cost.prices.date}${simulated ? ' (simulated: nothing was paid)' : ''}`]);
  const models = Object.entries(cost.by_model);
  if (models.length > 1) for (const [model, amount] of models.slice(0, MAX_MODELS_SHOWN)) rows.push(['', `${model}: ${dollars(amount)}`]);
  if (cost.without_price) rows.push(['', `not in it, as no price is known: ${cost.without_price.slice(0, MAX_MODELS_SHOWN).join(', ')}`]);
  return rows;
}

/** Where the outputs of a job that has ended are not in its folder any more. */
export function goneNote({ output }: JobReport, outputs: ReportFacts['outputs'], rendering: Pick<Rendering, 'cwd'>): string {
  const folder = shownPath(output, rendering);
  const what = outputs.state === 'other' ? `${folder} belongs to job ${outputs.jobId} now` : `they are not in ${folder} any more`;
  return `The outputs are gone: ${what}. The API keeps the results of a batch for 29 days after it was made.`;
}
