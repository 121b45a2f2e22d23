/** Start a job from a program, watch it, read its results. Needs a Temporal client and nothing else. */
import type { Client } from '@temporalio/client';
import { MessageBatchesClient, writeRequests } from 'temporal-message-batches/client';
import { questions } from './questions';

export async function gradeAll(client: Client, requests: string): Promise<Map<string, string>> {
  const batches = new MessageBatchesClient({ client });
  // The same id attaches to the running job: nothing is sent twice.
  const job = await batches.startJob({ id: 'grades-2026-11', requests });
  for await (const status of job.watch()) console.error(`${status.phase}: ${status.outcomes.succeeded} succeeded`);

  const outcomes = new Map<string, string>();
  for await (const line of job.results()) outcomes.set(line.custom_id, line.result.type);
  return outcomes;
}

/** With requests that the program makes, in a folder that the worker sees too. */
export async function askOnce(client: Client, folder: string): Promise<string | undefined> {
  const requests = await writeRequests(questions([7, 8, 9]), { folder });
  const job = await new MessageBatchesClient({ client }).startJob({ id: 'times-table', requests });
  await job.report();
  const answer = await job.result('times-8');
  return answer?.result.type;
}

export async function cancelLastMonth(client: Client): Promise<void> {
  await new MessageBatchesClient({ client }).job('grades-2026-10').cancel();
}
