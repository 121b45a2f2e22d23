import type { Command } from 'commander';
import type { JobReport } from '../../contract';
import { JobFolder, outputFolder, verifyJob } from '../../jobs';
import type { Check, Verification } from '../../jobs';
import { absoluteLocation, readRecord } from '../../storage';
import { CliError } from '../cli-error';
import type { CommandContext } from '../command';
import { action, newCommand } from '../command';
import { drawn, plainTable } from '../display/plain-table';
import { shownPath } from '../display/rendering';
import type { Rendering } from '../display/rendering';
import { ExitCode } from '../exit-codes';
import { findJob } from '../find-job';
import { addJobArgument } from '../job-argument';
import type { JobOptions } from '../job-argument';

interface VerifyCommandOptions extends JobOptions {
  input?: string;
}

export function verifyCommand(): Command {
  const command = newCommand('verify', 'Prove a job that has ended once more from its files: outputs, report, records, and the input where it is still there. Needs no key and no server.', [
    'message-batches verify job_4c1f',
    'message-batches verify requests.results --input copy-of-requests.jsonl',
  ]);
  return addJobArgument(command, 'the only job').option('--input <file>', 'where the input, or a copy of it, lies now').action(action(verify));
}

async function verify(context: CommandContext, reference: string | undefined, options: VerifyCommandOptions): Promise<ExitCode> {
  const { out, home } = context;
  const report = await endedReport(context, reference, options);
  const inputPath = options.input === undefined ? undefined : absoluteLocation(options.input);
  const verification = await verifyJob(report, { folder: new JobFolder(home.folder, report.job_id), inputPath });
  out.print(render(verification, report, await out.rendering()));
  out.document(verification);
  return verification.proved ? ExitCode.ok : ExitCode.incomplete;
}

/** Also of a folder of outputs that was made in another home, or on another machine. */
async function endedReport({ home }: CommandContext, reference: string | undefined, { simulate = false }: VerifyCommandOptions): Promise<JobReport> {
  let known;
  try {
    known = await findJob(reference, { homeFolder: home.folder, cwd: process.cwd(), openOnly: false, simulatedOnly: simulate });
  } catch (error) {
    const beside = error instanceof CliError && error.code === 'job_not_found' && reference !== undefined ? await reportIn(reference) : undefined;
    if (!beside) throw error;
    return beside;
  }
  const { id: jobId, report } = known;
  if (report) return report;
  throw new CliError('job_unfinished', `Job ${jobId} has not ended yet, so there is nothing to prove.`, { hint: `Wait for it: message-batches wait ${jobId}`, details: { jobId } });
}

async function reportIn(reference: string): Promise<JobReport | undefined> {
  const folder = absoluteLocation(reference);
  const report = await readRecord<Partial<JobReport>>(outputFolder(folder).report).catch(() => undefined);
  // It may have been moved since it was written.
  return report?.job_id === undefined ? undefined : { ...(report as JobReport), output: folder };
}

function render({ proved, checks, output }: Verification, { job_id: jobId }: JobReport, rendering: Rendering): string {
  const { colors } = rendering;
  const table = plainTable();
  const marks: Record<Check['state'], string> = { ok: colors.green('ok'), failed: colors.yellow('failed'), unchecked: colors.dim('not checked') };
  for (const { name, state, message, hint } of checks) table.push([marks[state], name, hint ? `${message}\n${hint}` : message]);
  const open = checks.some(({ state }) => state === 'unchecked') ? ', as far as there is something to hold it against' : '';
  const title = proved ? colors.green(`Job ${jobId} is proved${open}.`) : colors.yellow(`Job ${jobId} is not proved: its files are not what they were.`);
  return [title, drawn(table), `outputs  ${shownPath(output, rendering)}`].join('\n');
}
