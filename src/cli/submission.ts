/** What `run` and `submit` have in common: their options, and all that is decided before anything is sent. */
import { rmdir } from 'node:fs/promises';
import { InvalidArgumentError } from 'commander';
import type { Command } from 'commander';
import type { JobHandle, StartJobOptions } from '../client';
import type { AccountReference, FollowUpOptions, JobReport, PriceTable } from '../contract';
import { activityTaskQueue, expectedCost, MAX_REQUESTS_PER_BATCH, SIMULATED_ACCOUNT } from '../contract';
import type { CheckInputOptions, EarlierJob, InputCheck, PartBudget } from '../jobs';
import { checkInput, claimOutput, diskNeeded, earlierJob, InputError, JobFolder, mustBeClaimable, outputFolder, partBudget } from '../jobs';
import { absoluteLocation, isS3, look, openStorageRoot, readRecord, removeDurably } from '../storage';
import { showEndedReport } from './attach';
import { addCallsPerMinute, type CallsPerMinuteOptions } from './calls-per-minute';
import { CliError } from './cli-error';
import type { CommandContext, CommonOptions } from './command';
import { capDocument, capLines, estimateDocument, estimateLines, estimateOf, warningLines } from './display/estimate';
import type { Cap } from './display/estimate';
import { followUpSentence } from './display/follow-ups';
import { counted, shownPath } from './display/rendering';
import type { Rendering } from './display/rendering';
import { parseDuration } from './durations';
import { ExitCode } from './exit-codes';
import { endedReport } from './ended-report';
import { nextJobId } from './find-job';
import { addFollowUpOptions, mustBeServed, typedFollowUp } from './follow-up-options';
import type { FollowUpFlags } from './follow-up-options';
import { openInput } from './input-file';
import { JOB_ID_PATTERN, jobIdOf } from './job-id';
import { addSettingsOptions, amountOf, settingsSentence, typedSettings } from './job-settings';
import type { SettingsOptions } from './job-settings';
import { followUpOnRecord, keptFollowUp } from './kept-follow-up';
import { knownJob, knownJobs } from './known-jobs';
import { otherForm } from './other-form';
import { addPartOptions, checkOptionsOf } from './part-options';
import type { PartOptions } from './part-options';
import { pricesOf } from './prices';
import { accountOf, API_VERSION, requireKey } from './settings';

export interface SubmissionOptions extends CommonOptions, PartOptions, SettingsOptions, CallsPerMinuteOptions, FollowUpFlags {
  output?: string;
  id?: string;
  account: string;
  simulate?: boolean;
  new?: boolean;
  warmCache?: boolean;
  notify: string[];
  pollInterval?: number;
  createGrace?: number;
  deleteFromApi?: boolean;
  beta: string[];
  dryRun?: boolean;
  prices?: string;
  reuse?: string;
}

export function addSubmissionOptions(command: Command): Command {
  command
    .argument('<input>', 'JSONL, plain or .gz, a request a line: {"custom_id": …, "params": …}; a file, s3://BUCKET/KEY, or "-" for standard input')
    .option('-o, --output <dir>', 'folder for the outputs, or s3://BUCKET/KEY (default: the input\'s name with .results, or .simulated)')
    .option('--simulate', 'use the local simulator instead of the API: no key, no cost, invented answers')
    .option('--prices <file>', 'table of prices (default: prices.json of the home folder, else the one that comes with the program)')
    .option('--dry-run', 'say what would be sent, and stop')
    .option('--new', 'submit the same input once more, and pay for it again')
    .option('--id <id>', 'id of the job (default: made of the input and the account)')
    .option('--account <name>', 'name of the account that pays', 'default');
  addPartOptions(command)
    .option('--reuse <job>', 'take the outcomes of requests that are the same in a job that has ended, and send only the rest')
    .option('--warm-cache', 'send one request of each shared cached prefix first, and the others when it is done');
  addCallsPerMinute(addSettingsOptions(command))
    .option('--notify <url|command>', 'tell of the end and of every pause: a URL is sent the report, a command is run (may be repeated)', parseNotify, [] as string[])
    .option('--beta <name>', 'beta feature, sent as a header (may be repeated)', (name: string, all: string[]) => [...all, name], [] as string[]);
  return addFollowUpOptions(command)
    .option('--poll-interval <duration>', 'fixed time between two looks at a batch, instead of one that grows', parseDuration)
    .option('--create-grace <duration>', 'how long after an unanswered create a list without its batch counts as proof', parseDuration)
    .option('--delete-from-api', 'delete the batches at the API once every request has its result on disk');
}

/** A job before its start. */
export interface Submission {
  id: string;
  account: AccountReference;
  /** Absolute path of the folder, or `s3://bucket/key`. */
  output: string;
  check: InputCheck;
  prices: PriceTable;
  /** Absolute path of the input, or `s3://bucket/key`. */
  input: string;
  betas: string[];
  /** Where the job may cost so much at most. */
  cap?: Cap;
  /** The ended job whose outcomes are taken over. */
  earlier?: EarlierJob;
  /** What is started for its results. */
  followUp?: FollowUpOptions;
  /** The job has a record already: it is attached to, not begun. */
  known: boolean;
  /** The job has ended already. */
  report?: JobReport;
}

/**
 * Reads the settings, checks every line of the input, and settles the job's id and output folder.
 * Nothing is sent, and nothing but a piped input is written.
 */
export async function prepareSubmission(context: CommandContext, inputArgument: string, options: SubmissionOptions): Promise<Submission> {
  const { env, out, home } = context;
  const account = accountOf(env, { label: options.account, simulate: options.simulate });
  if (options.id !== undefined && !JOB_ID_PATTERN.test(options.id)) {
    throw new CliError('usage', `"${options.id}" cannot be a job's id.`, { hint: 'At most 100 letters, digits, ".", "-" and "_", beginning with a letter or digit.' });
  }
  const typed = await typedFollowUp(options);
  if (typed) mustBeServed(typed);

  const prices = await pricesOf(context);
  const input = await openInput(inputArgument, home.folder);
  const cap = capOf(options);
  const check = await checkInput(input.path, limitedCheckOptions(options, prices, cap));
  if (check.problemCount > 0) throw await badInput(check, input.path, shownPath(input.path, { cwd: process.cwd() }));
  mustHavePrices(check, prices, options);

  const simulated = options.simulate ?? false;
  const derived = options.id ?? jobIdOf({ inputSha256: check.sha256, account, apiVersion: API_VERSION, betas: options.beta, simulated });
  const { id, number } = options.new ? await nextJobId(derived, home.folder) : { id: derived, number: 1 };
  const suffix = `${simulated ? '.simulated' : '.results'}${number > 1 ? `-${number}` : ''}`;
  const wanted = options.output === undefined ? undefined : absoluteLocation(options.output);

  const known = await knownJob(home.folder, id);
  const record = known && (await new JobFolder(home.folder, id).readJob());
  if (record && record.input.sha256 !== check.sha256) {
    throw new CliError('input_changed', `Job ${id} was made of other requests than ${shownPath(input.path, { cwd: process.cwd() })} holds now.`, {
      hint: 'Give this input another --id, or leave --id out: the id is then made of the input.',
    });
  }
  const output = known?.output ?? wanted ?? input.outputBase + suffix;
  if (await isFile(output)) {
    throw new CliError('output_not_a_folder', `${shownPath(output, { cwd: process.cwd() })} is a file, not a folder.`, { hint: 'Nothing was sent. Choose another name with --output DIR.' });
  }
  if (known && wanted !== undefined && wanted !== known.output) out.say(`Job ${id} is known already; its outputs stay at ${shownPath(known.output, { cwd: process.cwd() })}.`);
  const report = known?.report ?? (await reportBeside(output, id));
  if (record && options.reuse !== undefined && !report && !record.earlier && (await new JobFolder(home.folder, id).readPlan(1))) {
    throw new CliError('reuse_ignored', `Job ${id} is planned already, without --reuse.`, { hint: 'The same command without --reuse goes on with it. To begin anew with --reuse, cancel it, then add --new.' });
  }
  const followUp = record || report ? keptFollowUp({ id, onRecord: await followUpOnRecord(new JobFolder(home.folder, id)), report, typed }, out.say) : typed;
  const earlier = options.reuse === undefined || report ? undefined : earlierJob(await endedReport(context, options.reuse, options));
  // To show what became of a job takes no key.
  if (!report) requireKey(env, account);
  return { id, account, output, check, prices, input: input.path, betas: options.beta, cap, earlier, followUp, known: known !== undefined, report };
}

/** Batches are cut smaller where the queue has little room, or the job may cost little: as it is planned later, so that what is told is what is sent. */
function limitedCheckOptions(options: SubmissionOptions, prices: PriceTable, cap: Cap | undefined): CheckInputOptions {
  const queueLimit = amountOf(options.queueLimit);
  const asked = checkOptionsOf(options);
  return {
    ...asked,
    ...(queueLimit !== undefined && { maxRequests: Math.min(queueLimit, asked.maxRequests ?? MAX_REQUESTS_PER_BATCH) }),
    ...(cap && { budget: watched(partBudget(cap.maxCost, prices), cap) }),
  };
}

function capOf(options: SubmissionOptions): Cap | undefined {
  const maxCost = amountOf(options.maxCost);
  return maxCost === undefined ? undefined : { maxCost, dearestRequest: 0 };
}

/** Keeps the most that a single request may cost, while all are looked at. */
function watched(budget: PartBudget, cap: Cap): PartBudget {
  return {
    ...budget,
    costOf: (use) => {
      const cost = budget.costOf(use);
      cap.dearestRequest = Math.max(cap.dearestRequest, cost);
      return cost;
    },
  };
}

function mustHavePrices({ expected }: InputCheck, prices: PriceTable, options: SubmissionOptions): void {
  const maxCost = amountOf(options.maxCost);
  const { withoutPrice } = expectedCost(expected, prices);
  if (maxCost === undefined || withoutPrice.length === 0) return;
  throw new CliError('no_price', `No price of ${withoutPrice.join(', ')} is known, so the job cannot be held below $${maxCost}.`, {
    hint: 'Nothing was sent. Add the model to a price table of your own (--prices FILE, or prices.json in the home folder), or leave --max-cost out.',
  });
}

/** What else is wrong with a folder of this machine shows when it is claimed. */
async function isFile(location: string): Promise<boolean> {
  const found = await look(location).catch((error: unknown) => {
    if (isS3(location)) throw error;
    return undefined;
  });
  return found?.kind === 'file';
}

/** A finished job is recognised by the report in its outputs, even where the home folder was lost. */
async function reportBeside(output: string, id: string): Promise<JobReport | undefined> {
  const report = await readRecord<JobReport>(outputFolder(output).report);
  return report?.job_id === id ? report : undefined;
}

/** Makes the output folder that of this job, before any server is started for it. */
export async function claimFolder(context: CommandContext, submission: Submission): Promise<void> {
  const { home } = context;
  const { id, output, check } = submission;
  const { id: storageId } = await openStorageRoot(home.folder);
  await claimOutput(output, id, { room: diskNeeded(check).low, storageId }).catch(async (error: unknown) => {
    throw await nothingSent(error, context, submission);
  });
}

/** Takes the claim back where the job could not be begun, so that the folder is free for another. Removes no data, and nobody else's claim. */
export async function releaseFolder({ home }: CommandContext, { id, output }: Submission): Promise<void> {
  if (await knownJob(home.folder, id)) return;
  const { claim, workFolder, folder } = outputFolder(output);
  const [root, claimed] = await Promise.all([openStorageRoot(home.folder), readRecord<{ job_id: string; storage_id?: string }>(claim)]);
  if (claimed?.job_id !== id || claimed.storage_id !== root.id) return;
  // A folder that holds anything stays; in S3 there are none.
  await removeDurably(claim)
    .then(() => (isS3(folder) ? undefined : rmdir(workFolder).then(() => rmdir(folder))))
    .catch(() => undefined);
}

/** Puts the job on record: from now on it is known by its id, its input, and its outputs. */
export async function recordJob({ home }: CommandContext, { id, account, output, check, input, betas, earlier, followUp }: Submission): Promise<void> {
  const folder = new JobFolder(home.folder, id);
  if (followUp) await folder.createFollowUps(followUp);
  await folder.createJob({
    format: 1,
    job_id: id,
    simulated: account.label === SIMULATED_ACCOUNT.label,
    account: { label: account.label, base_url: account.baseUrl },
    input: { path: input, sha256: check.sha256, requests: check.requests, bytes: check.bytes },
    output,
    betas,
    created_at: new Date().toISOString(),
    ...(earlier && { earlier }),
  });
}

/** `none` takes away what an earlier start of the job has set. */
function typedLimits({ queueLimit, maxCost }: SubmissionOptions): Pick<StartJobOptions, 'queueLimit' | 'maxCost'> {
  return { ...(queueLimit !== undefined && { queueLimit: amountOf(queueLimit) ?? null }), ...(maxCost !== undefined && { maxCost: amountOf(maxCost) ?? null }) };
}

/** What the job's workflow is started with. */
export async function startOptions({ home }: CommandContext, submission: Submission, options: SubmissionOptions): Promise<StartJobOptions> {
  const root = await openStorageRoot(home.folder);
  return {
    id: submission.id,
    // The same content is the same job, wherever it lies.
    requests: { uri: submission.input, sha256: submission.check.sha256 },
    output: submission.output,
    account: submission.account,
    simulated: options.simulate ?? false,
    betas: submission.betas,
    ids: options.ids,
    maxRequestsPerBatch: options.maxRequests,
    warmCache: options.warmCache,
    retries: options.retries,
    ...typedLimits(options),
    notify: options.notify.length > 0 ? options.notify : undefined,
    followUp: submission.followUp,
    pollIntervalMs: options.pollInterval,
    createGraceMs: options.createGrace,
    deleteFromApi: options.deleteFromApi,
    ...(submission.earlier && (submission.earlier.only ? { retryOf: { output: submission.earlier.output, only: submission.earlier.only } } : { reuse: submission.earlier.output })),
    activityTaskQueue: activityTaskQueue(submission.account, root.id),
  };
}

/** What was typed for a job that runs already changes it; it was started with other values. */
export async function changeKnown({ out }: CommandContext, submission: Submission, job: JobHandle, options: SubmissionOptions): Promise<void> {
  const settings = submission.known ? typedSettings(options) : undefined;
  if (!settings) return;
  await job.change(settings);
  out.say(`changed  ${settingsSentence(settings)}`);
}

/** Says what will be sent, before it is. */
export async function announce({ out }: CommandContext, submission: Submission, options: SubmissionOptions): Promise<void> {
  const rendering = await out.progressRendering();
  const { check, account, id, output } = submission;
  const to = options.simulate ? 'the simulator' : `${account.baseUrl} (account ${account.label})`;
  const verb = submission.known ? 'Job is known already, going on with it' : options.dryRun ? 'Would send' : 'Sending';
  // Into which batches a known job was cut hangs on the options that it was begun with.
  const cut = submission.known ? '' : ` in ${counted(check.parts, 'batch', rendering)}, ${rendering.formats.bytes(check.sentBytes)}`;
  out.say(`${verb}: ${counted(check.requests, 'request', rendering)}${cut}, to ${to}`);
  out.say(`job      ${id}`);
  out.say(`outputs  ${shownPath(output, rendering)}`);
  if (!submission.known) [...estimateLines(estimateOf(check, submission.prices), rendering, options.simulate), ...capLines(submission.cap, check), ...warningLines(check, rendering)].forEach(out.say);
  if (submission.followUp) out.say(followUpLine(submission.followUp, rendering));
  if (submission.earlier) out.say(`reuse    ${submission.earlier.job_id}: what is the same there is not sent, so that is the most${submission.followUp ? '; results that are taken over get no follow-up' : ''}`);
  const again = submission.earlier ? 'what is sent' : `all ${counted(check.requests, 'request', rendering)}`;
  if (options.new && !submission.known) out.say(`--new: ${again} will be paid for again.`);
}

/** With the label of nine characters that the lines about a job have. */
export function followUpLine(followUp: FollowUpOptions, rendering: Pick<Rendering, 'formats'>): string {
  return `then     follow-up ${followUpSentence(followUp, rendering)}`;
}

/** The answer of a dry run. */
export async function printDryRun(context: CommandContext, submission: Submission, options: SubmissionOptions): Promise<ExitCode> {
  const { id, account, output, check, input } = submission;
  // Without the home's own id, which would have to be written first.
  await mustBeClaimable(output, id, { room: diskNeeded(check).low }).catch(async (error: unknown) => {
    throw await nothingSent(error, context, submission);
  });
  await announce(context, submission, options);
  const { sha256, requests, bytes, parts, sentBytes } = check;
  context.out.print('Dry run: nothing was sent. Without --dry-run, the same command sends it.');
  const expected = estimateDocument(estimateOf(check, submission.prices), check);
  context.out.document({ dryRun: true, jobId: id, account, input: { path: input, sha256, requests, bytes }, batches: submission.known ? null : parts, sentBytes, output, ...expected, ...capDocument(submission.cap), ...(submission.followUp && { followUp: submission.followUp }) });
  return ExitCode.ok;
}

/** The answer where the job has ended before: its report, and nothing is started. */
export async function showEnded(context: CommandContext, report: JobReport): Promise<ExitCode> {
  context.out.say('This job has ended already, and nothing is sent. --new submits it once more, and pays again.');
  return showEndedReport(context, report);
}

/** The first twenty bad lines, then a count; or what it is instead of lines. @param location where it lies @param path how that is shown */
export async function badInput(check: InputCheck, location: string, path: string): Promise<CliError> {
  const details = { problems: check.problems, problemCount: check.problemCount };
  const other = check.problems[0]?.line === 1 ? await otherForm(location, path) : undefined;
  if (other) return new CliError('input_invalid', `${path} cannot be sent: ${other.what}.`, { hint: `Nothing was sent. ${other.hint}`, details });
  const lines = check.problems.map((problem) => `  line ${problem.line}: ${problem.message}\n    ${problem.hint}`);
  const more = check.problemCount - check.problems.length;
  if (more > 0) lines.push(`  and ${more} more`);
  return new CliError('input_invalid', `${path} cannot be sent: ${check.problemCount === 1 ? 'one line is' : `${check.problemCount} lines are`} wrong.\n${lines.join('\n')}`, {
    hint: 'Nothing was sent. Mend the input, then run the same command again.',
    details,
  });
}

async function nothingSent(error: unknown, context: CommandContext, submission: Submission): Promise<unknown> {
  if (!(error instanceof InputError) || error.code !== 'output_taken') return error;
  const hint = (await grownHint(context, submission)) ?? error.hint;
  return new CliError(error.code, error.message, { hint: `Nothing was sent. ${hint}`, cause: error });
}

/** The folder is that of a job that was made of the same file, before it was changed: most of it need not be paid again. */
async function grownHint({ home }: CommandContext, { id, output, input, check, account }: Submission): Promise<string | undefined> {
  const jobs = await knownJobs(home.folder);
  const old = jobs.find((job) => job.output === output && job.input === input && job.id !== id);
  const record = old && (await new JobFolder(home.folder, old.id).readJob());
  if (!old || record?.input.sha256 === check.sha256) return undefined;
  const shown = (path: string): string => shownPath(path, { cwd: process.cwd() });
  if (!old.report) return `That job was made of an earlier ${shown(input)}, and has not ended yet: message-batches wait ${old.id}\nThen send only what is new, with --reuse ${old.id} --output DIR.`;
  const simulate = account.label === SIMULATED_ACCOUNT.label ? ' --simulate' : '';
  return `That job was made of an earlier ${shown(input)}; to send only what is new: message-batches run ${shown(input)}${simulate} --reuse ${old.id} --output ${shown(await freeFolder(output))}\nOr choose another folder with --output DIR, or move that one away: all of it is then paid for.`;
}

async function freeFolder(output: string): Promise<string> {
  for (let number = 2; ; number++) {
    const folder = `${output}-${number}`;
    if (!(await look(folder)) && !(await look(outputFolder(folder).report))) return folder;
  }
}

/** @param text a URL, or a command for the shell */
function parseNotify(text: string, all: string[]): string[] {
  if (text.trim() === '') throw new InvalidArgumentError('Write an http(s) URL, or a command.');
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text)?.[1]?.toLowerCase();
  if (scheme !== undefined && ((scheme !== 'http' && scheme !== 'https') || !URL.canParse(text))) throw new InvalidArgumentError('Of URLs, only whole ones of http and https can be told.');
  return [...all, text];
}
