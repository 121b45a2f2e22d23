import type { MessageBatch } from '@anthropic-ai/sdk/resources/messages/batches';
import type { Command } from 'commander';
import { AccountRecords, adoptBatch, isLineProblem, JobFolder, parseRequestLine } from '../../jobs';
import type { NotAdopted } from '../../jobs';
import { readLines } from '../../storage';
import { CliError } from '../cli-error';
import type { CommandContext } from '../command';
import { action, newCommand } from '../command';
import { counted, shownPath } from '../display/rendering';
import { parseCount, parseDuration } from '../durations';
import type { ExitCode } from '../exit-codes';
import { addFollowUpOptions } from '../follow-up-options';
import type { FollowUpFlags } from '../follow-up-options';
import { withPrices } from '../prices';
import { runJob } from '../run-job';
import { followUpLine, prepareSubmission, showEnded } from '../submission';
import type { Submission, SubmissionOptions } from '../submission';
import { withApi } from './api/call';

interface AdoptOptions extends FollowUpFlags, Pick<SubmissionOptions, 'json' | 'verbose' | 'output' | 'id' | 'account' | 'simulate' | 'pollInterval' | 'beta' | 'prices'> {
  input: string;
  retries: number;
  timeout?: number;
  foreground?: boolean;
}

export function adoptCommand(): Command {
  const command = newCommand('adopt', 'Take over a batch that was made elsewhere: wait for it, store its results, and end with the outputs and the report of a job. Nothing is sent for it.', [
    'message-batches adopt msgbatch_01AbC --input requests.jsonl',
    'message-batches adopt msgbatch_01AbC --input requests.jsonl --output results --retries 2',
  ])
    .argument('<batch>', 'id of the batch, msgbatch_…')
    .requiredOption('--input <file>', 'the requests that the batch was made of: JSONL, plain or .gz')
    .option('-o, --output <dir>', 'folder for the outputs, or s3://BUCKET/KEY (default: the input\'s name with .results, or .simulated)')
    .option('--simulate', 'a batch of the local simulator')
    .option('--id <id>', 'id of the job (default: made of the input and the account, as for run)')
    .option('--account <name>', 'name of the account that has paid', 'default')
    .option('--retries <n>', 'send requests again that expired or failed for a passing reason, in so many further rounds (default: 0)', parseCount, 0)
    .option('--beta <name>', 'beta feature, sent as a header (may be repeated)', (name: string, all: string[]) => [...all, name], [] as string[])
    .option('--prices <file>', 'table of prices (default: prices.json of the home folder, else the one that comes with the program)');
  return addFollowUpOptions(command)
    .option('--poll-interval <duration>', 'fixed time between two looks at the batch, instead of one that grows', parseDuration)
    .option('--timeout <duration>', 'stop waiting after this time (exit code 5); the job goes on in the background', parseDuration)
    .option('--foreground', 'at Ctrl-C stop, instead of handing over to a background worker')
    .action(action(adopt));
}

async function adopt(given: CommandContext, batchId: string, options: AdoptOptions): Promise<ExitCode> {
  const context = withPrices(given, options.prices);
  const full = { ...options, notify: [] };
  const submission = await prepareSubmission(context, options.input, full);
  const folder = new JobFolder(context.home.folder, submission.id);
  const account = new AccountRecords(context.home.folder, submission.account);
  const own = await isOwn(folder, batchId);
  if (!own) await mustBeFree(context, submission, account, batchId);
  if (own && submission.report) return showEnded(context, submission.report);

  const batch = await retrieved(context, submission, batchId, full);
  const createdAt = batch.created_at;
  return runJob(context, submission, full, {
    announce: () => announce(context, submission, batch),
    record: async () => {
      const simulated = options.simulate ?? false;
      const problem = await adoptBatch(folder, account, { batchId, createdAt, requests: submission.check.requests, bodyBytes: submission.check.sentBytes, simulated });
      if (problem) throw notAdopted(problem, submission, batchId);
    },
  });
}

/** The job has the batch already: an earlier command was stopped, or has ended. */
async function isOwn(folder: JobFolder, batchId: string): Promise<boolean> {
  const state = await folder.part(1, 1).creates.state();
  return state.kind === 'accepted' && state.batchId === batchId;
}

async function mustBeFree({ home }: CommandContext, submission: Submission, account: AccountRecords, batchId: string): Promise<void> {
  const inDoubt = await account.openCreate(submission.check.requests);
  if (inDoubt) throw notAdopted({ kind: 'in_doubt', by: inDoubt }, submission, batchId);
  const owner = await account.owner(batchId);
  if (owner && owner.job_id !== submission.id && !(await account.disownUnused(batchId))) throw notAdopted({ kind: 'owned', by: owner }, submission, batchId);
  if (submission.known || submission.report) {
    const state = await new JobFolder(home.folder, submission.id).part(1, 1).creates.state();
    throw notAdopted({ kind: 'has_batch', batchId: state.kind === 'accepted' ? state.batchId : undefined }, submission, batchId);
  }
}

function notAdopted(problem: NotAdopted, { id }: Submission, batchId: string): CliError {
  if (problem.kind === 'owned') {
    const { job_id: owner } = problem.by;
    return new CliError('batch_owned', `${batchId} belongs to job ${owner} already.`, { hint: `See it: message-batches status ${owner}`, details: { jobId: owner } });
  }
  if (problem.kind === 'in_doubt') {
    const { job_id: jobId } = problem.by;
    return new CliError('create_in_doubt', `Job ${jobId} has got no answer to a create, and is finding out whether ${batchId} is its own.`, {
      hint: `Taken away from it, its requests would be sent and paid for again. Wait until it knows: message-batches status ${jobId}`,
      details: { jobId },
    });
  }
  const what = problem.batchId === undefined ? 'is known already, and sends these requests itself' : `has another batch for these requests, ${problem.batchId}`;
  return new CliError('job_exists', `Job ${id} ${what}.`, { hint: 'To keep this batch apart, give its job an id and a folder of its own: --id ID --output DIR.', details: { jobId: id } });
}

/** The batch, of which everything that can be known speaks for its being made of this input. */
async function retrieved(context: CommandContext, submission: Submission, batchId: string, { simulate, beta }: AdoptOptions): Promise<MessageBatch> {
  const { check, input } = submission;
  const path = shownPath(input, { cwd: process.cwd() });
  const rendering = await context.out.progressRendering();
  if (check.parts !== 1) {
    throw new CliError('too_large', `${path} holds ${counted(check.requests, 'request', rendering)}, which make ${counted(check.parts, 'batch', rendering)}: they cannot be those of one.`, { hint: 'Name the part of them that this batch was made of.' });
  }
  return withApi(context, { name: 'retrieve', id: batchId }, { simulate, beta }, async (api, call) => {
    const { data: batch } = await api.retrieve(batchId, call);
    const total = Object.values(batch.request_counts).reduce((sum, each) => sum + each, 0);
    if (total !== check.requests) {
      throw new CliError('other_requests', `${batchId} has ${counted(total, 'request', rendering)}, and ${path} has ${rendering.formats.count(check.requests)}.`, { hint: 'Name the input that the batch was made of, whole.' });
    }
    if (batch.archived_at !== null || (batch.processing_status === 'ended' && batch.results_url === null)) {
      throw new CliError('results_gone', `The API does not keep the results of ${batchId} any more.`, { hint: 'It keeps them for 29 days after a batch was made, or until the batch is deleted.' });
    }
    if (batch.processing_status === 'ended') {
      const customId = await firstId(await api.results(batchId, call));
      if (customId !== undefined && !(await holds(input, customId))) {
        throw new CliError('other_requests', `${batchId} has a result for ${JSON.stringify(customId)}, which is no request of ${path}.`, { hint: 'Name the input that the batch was made of.' });
      }
    }
    return batch;
  });
}

async function firstId(results: { lines(): AsyncIterable<{ customId: string }> }): Promise<string | undefined> {
  for await (const { customId } of results.lines()) return customId;
  return undefined;
}

async function holds(input: string, customId: string): Promise<boolean> {
  for await (const lines of readLines(input)) {
    for (const { bytes } of lines) {
      const request = parseRequestLine(bytes);
      if (!isLineProblem(request) && request.customId === customId) return true;
    }
  }
  return false;
}

async function announce({ out }: CommandContext, { id, output, check, known, followUp }: Submission, batch: MessageBatch): Promise<void> {
  const rendering = await out.progressRendering();
  const verb = known ? 'Going on with' : 'Taking over';
  out.say(`${verb} ${batch.id}: ${counted(check.requests, 'request', rendering)}, ${batch.processing_status.replace('_', ' ')}. Nothing is sent for it.`);
  out.say(`job      ${id}`);
  out.say(`outputs  ${shownPath(output, rendering)}`);
  if (followUp) out.say(followUpLine(followUp, rendering));
}
