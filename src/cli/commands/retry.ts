import { InvalidArgumentError } from 'commander';
import type { Command } from 'commander';
import type { FollowUpOptions, JobReport, OldOutcome } from '../../contract';
import { OLD_OUTCOMES, SIMULATED_ACCOUNT } from '../../contract';
import type { InputCheck } from '../../jobs';
import { earlierJob, EndedJob, JobFolder } from '../../jobs';
import { absoluteLocation } from '../../storage';
import { CliError } from '../cli-error';
import type { CommandContext } from '../command';
import { action, newCommand } from '../command';
import { counted, shownPath } from '../display/rendering';
import { parseDuration } from '../durations';
import { endedReport } from '../ended-report';
import { ExitCode } from '../exit-codes';
import { addFollowUpOptions, mustBeServed, typedFollowUp } from '../follow-up-options';
import type { FollowUpFlags } from '../follow-up-options';
import { addJobArgument } from '../job-argument';
import type { JobOptions } from '../job-argument';
import { addSettingsOptions } from '../job-settings';
import { followUpOnRecord, keptFollowUp } from '../kept-follow-up';
import { knownJob, knownJobs } from '../known-jobs';
import type { KnownJob } from '../known-jobs';
import { pricesOf, withPrices } from '../prices';
import { runJob } from '../run-job';
import type { RunOptions } from '../run-job';
import { requireAccess } from '../settings';
import { followUpLine } from '../submission';
import type { Submission } from '../submission';

interface RetryOptions extends JobOptions, FollowUpFlags, Pick<RunOptions, 'output' | 'prices' | 'retries' | 'queueLimit' | 'maxCost' | 'maxRequests' | 'notify' | 'pollInterval' | 'createGrace' | 'deleteFromApi' | 'timeout' | 'foreground' | 'dryRun' | 'new'> {
  only?: OldOutcome[];
}

/** Of these more tries may succeed, and none of them has been paid for. */
const DEFAULT_ONLY: readonly OldOutcome[] = ['errored', 'expired', 'unsent'];

export function retryCommand(): Command {
  const command = newCommand('retry', 'Send requests of a job that has ended again, as a job of its own that takes over all other outcomes: those that expired, failed for a passing reason, or were never sent.', [
    'message-batches retry job_4c1f',
    'message-batches retry job_4c1f --only missing',
    'message-batches retry job_4c1f --only errored,errored-final,canceled',
  ]);
  addJobArgument(command, 'the only job')
    .option('--only <outcomes>', `which: ${OLD_OUTCOMES.filter((outcome) => outcome !== 'succeeded').map(typed).join(', ')} (default: ${DEFAULT_ONLY.map(typed).join(',')}); errored-final failed for a reason that lasts, missing may have been paid`, parseOnly)
    .option('-o, --output <dir>', 'folder for the outputs (default: that of the job with -retry-1, -retry-2, …)')
    .option('--dry-run', 'say what would be sent again, and stop')
    .option('--new', 'although the job was sent again before, and perhaps pay twice');
  return addFollowUpOptions(addSettingsOptions(command))
    .option('--no-follow-up', 'start nothing for the results (default: what the job has started for its own)')
    .option('--prices <file>', 'table of prices (default: prices.json of the home folder, else the one that comes with the program)')
    .option('--poll-interval <duration>', 'fixed time between two looks at a batch, instead of one that grows', parseDuration)
    .option('--create-grace <duration>', 'how long after an unanswered create a list without its batch counts as proof', parseDuration)
    .option('--delete-from-api', 'delete the batches at the API once every request has its result on disk')
    .option('--timeout <duration>', 'stop waiting after this time (exit code 5); the job goes on in the background', parseDuration)
    .option('--foreground', 'at Ctrl-C stop, instead of handing over to a background worker')
    .action(action(retry));
}

async function retry(given: CommandContext, reference: string | undefined, options: RetryOptions): Promise<ExitCode> {
  const context = withPrices(given, options.prices);
  const { out, home } = context;
  const report = await endedReport(context, reference, { ...options, originalsOnly: true });
  const asked = await typedFollowUp(options);
  const attempts = (await knownJobs(home.folder)).filter(({ retryOf }) => retryOf === report.job_id);
  const open = attempts.find((attempt) => !attempt.report);
  if (!open && attempts[0] && !options.new) throw sentAgain(report, attempts[0]);
  const only = options.only ?? DEFAULT_ONLY;
  const counts = await countsOf(report.output);
  const selected = open ? undefined : only.reduce((sum, outcome) => sum + counts[outcome], 0);
  if (selected === 0) return nothingSelected(context, report, only, counts);

  const submission = open ? await attached(context, report, open, asked) : await prepared(context, report, only, options, asked);
  const rendering = await out.progressRendering();
  const announce = (): Promise<void> => {
    if (open) out.say(`Job ${report.job_id} is being sent again already, going on with it`);
    else out.say(`Sending again: ${only.filter((outcome) => counts[outcome] > 0).map((outcome) => `${rendering.formats.count(counts[outcome])} ${typed(outcome)}`).join(', ')} of ${counted(report.input.requests, 'request', rendering)}`);
    out.say(`job      ${submission.id}`);
    out.say(`outputs  ${shownPath(submission.output, rendering)}`);
    if (submission.followUp) out.say(followUpLine(submission.followUp, rendering));
    if (!open && only.includes('missing') && counts.missing > 0) out.say(`${counted(counts.missing, 'request', rendering)} got no result but may have been paid: these may be paid for a second time.`);
    return Promise.resolve();
  };
  if (options.dryRun) {
    await announce();
    out.print('Dry run: nothing was sent. Without --dry-run, the same command sends it.');
    out.document({ dryRun: true, jobId: submission.id, retryOf: report.job_id, requests: selected ?? null, output: submission.output, ...(submission.followUp && { followUp: submission.followUp }) });
    return ExitCode.ok;
  }
  requireAccess(context.env, submission.account);
  return runJob(context, submission, { ...options, account: submission.account.label, simulate: isSimulated(report), beta: submission.betas, notify: options.notify ?? [] }, { announce });
}

/** By what the outputs say, which are proved on the way. */
async function countsOf(output: string): Promise<Record<OldOutcome, number>> {
  const old = await EndedJob.open(output);
  try {
    return await old.outcomeCounts();
  } finally {
    await old.close();
  }
}

async function prepared(context: CommandContext, report: JobReport, only: readonly OldOutcome[], { output, followUp: wanted }: RetryOptions, asked: FollowUpOptions | undefined): Promise<Submission> {
  const folder = new JobFolder(context.home.folder, report.job_id);
  const followUp = asked ?? (wanted === false ? undefined : keptFollowUp({ id: report.job_id, onRecord: await followUpOnRecord(folder), report }, context.out.say));
  if (followUp) mustBeServed(followUp);
  const base = { id: report.job_id.replace(/-retry-\d+$/, ''), output: report.output.replace(/-retry-\d+$/, '') };
  let number = 1;
  while (await knownJob(context.home.folder, `${base.id}-retry-${number}`)) number++;
  const { input } = report;
  return {
    id: `${base.id}-retry-${number}`,
    account: { label: report.account.label, baseUrl: report.account.base_url },
    output: output === undefined ? `${base.output}-retry-${number}` : absoluteLocation(output),
    check: unchecked(report),
    prices: await pricesOf(context),
    input: input.path,
    betas: (await folder.readJob())?.betas ?? [],
    earlier: earlierJob(report, only),
    followUp,
    known: false,
  };
}

async function attached(context: CommandContext, report: JobReport, open: KnownJob, asked: FollowUpOptions | undefined): Promise<Submission> {
  const { id, account, output, input } = open;
  const folder = new JobFolder(context.home.folder, id);
  const record = await folder.readJob();
  const followUp = keptFollowUp({ id, onRecord: await followUpOnRecord(folder), typed: asked }, context.out.say);
  return { id, account, output, check: unchecked(report), prices: await pricesOf(context), input, betas: record?.betas ?? [], earlier: record?.earlier, followUp, known: true };
}

/** The lines were checked when they were sent first. */
function unchecked({ input: { sha256, requests } }: JobReport): InputCheck {
  return { sha256, requests, bytes: 0, sentBytes: 0, parts: 0, expected: [], uncounted: 0, warnings: [], warningCount: 0, problems: [], problemCount: 0 };
}

async function nothingSelected({ out }: CommandContext, { job_id: jobId }: JobReport, only: readonly OldOutcome[], counts: Record<OldOutcome, number>): Promise<ExitCode> {
  const { formats } = await out.rendering();
  const others = OLD_OUTCOMES.filter((outcome) => outcome !== 'succeeded' && counts[outcome] > 0).map((outcome) => `${formats.count(counts[outcome])} ${typed(outcome)}`);
  const hint = others.length > 0 ? ` It has ${others.join(', ')}: name what is to be sent again with --only.` : ' Every request has succeeded.';
  out.print(`Nothing of job ${jobId} is ${only.map(typed).join(' or ')}, so nothing is sent.${hint}`);
  out.document({ retryOf: jobId, requests: 0, outcomes: counts });
  return ExitCode.ok;
}

function sentAgain({ job_id: jobId }: JobReport, { id }: KnownJob): CliError {
  return new CliError('sent_again', `Job ${jobId} was sent again as ${id}, which has ended.`, {
    hint: `What is left of that one: message-batches retry ${id}\nTo send the same requests of ${jobId} once more, and pay again for what has succeeded since: --new`,
    details: { jobId: id },
  });
}

function isSimulated({ account }: JobReport): boolean {
  return account.label === SIMULATED_ACCOUNT.label;
}

/** An outcome as it is typed. */
function typed(outcome: OldOutcome): string {
  return outcome.replace('_', '-');
}

function parseOnly(text: string): OldOutcome[] {
  const outcomes = text.split(',').map((outcome) => outcome.trim().replace('-', '_'));
  const known: readonly string[] = OLD_OUTCOMES.filter((outcome) => outcome !== 'succeeded');
  if (outcomes.some((outcome) => !known.includes(outcome))) throw new InvalidArgumentError(`Choose among ${known.map((outcome) => outcome.replace('_', '-')).join(', ')}.`);
  return [...new Set(outcomes)] as OldOutcome[];
}
