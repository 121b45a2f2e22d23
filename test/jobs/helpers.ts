import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkInput, closeLedger, type CloseLedgerOptions, partFolder, planRoundOne, type PlanOptions, type RoundPlan, workFolder } from '../../src/jobs';
import { openSegments } from '../../src/storage';

/** A request line as users write it. */
export function requestLine(customId: string, text = 'Hi', metadata?: object): string {
  const params = { model: 'claude-opus-4-5', max_tokens: 100, messages: [{ role: 'user', content: text }] };
  return JSON.stringify({ custom_id: customId, params, ...(metadata ? { metadata } : {}) });
}

export function requestLines(count: number, prefix = 'q'): string[] {
  return Array.from({ length: count }, (_, i) => requestLine(`${prefix}-${i}`, `Question ${i}`));
}

/** Writes lines to a file of that name; gives its path. */
export function writeLines(folder: string, lines: readonly string[], name = 'input.jsonl'): string {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, name);
  writeFileSync(path, lines.map((line) => `${line}\n`).join(''));
  return path;
}

export function linesOfFile(path: string): string[] {
  const text = readFileSync(path, 'utf8');
  return text === '' ? [] : text.replace(/\n$/, '').split('\n');
}

/** A planned job: `output`, its work folder, and the plan of round 1. */
export async function plannedJob(folder: string, lines: readonly string[], options: Partial<PlanOptions> = {}) {
  const input = writeLines(folder, lines);
  const output = join(folder, 'output');
  const work = workFolder(output);
  const plan = await planRoundOne({ input, workFolder: work, ...options });
  return { input, output, work, plan };
}

export const succeeded = (customId: string, usage: object = { input_tokens: 10, output_tokens: 5 }) =>
  JSON.stringify({ custom_id: customId, result: { type: 'succeeded', message: { content: [{ type: 'text', text: 'Hello' }], usage } } });
export const errored = (customId: string, type = 'invalid_request_error') =>
  JSON.stringify({ custom_id: customId, result: { type: 'errored', error: { type: 'error', error: { type, message: 'No' }, request_id: null } } });
export const expired = (customId: string) => JSON.stringify({ custom_id: customId, result: { type: 'expired' } });
export const canceled = (customId: string) => JSON.stringify({ custom_id: customId, result: { type: 'canceled' } });

/** Stores lines as the results of a part. @returns where they end. */
export async function storeResults(work: string, round: number, part: number, lines: readonly (string | Buffer)[]): Promise<number> {
  const writer = await (await openSegments(partFolder(work, round, part).segments)).begin();
  for (const line of lines) await writer.append(Buffer.concat([Buffer.from(line), Buffer.from('\n')]));
  const end = await writer.finish();
  await writer.close();
  return end;
}

/** Stores lines as the results of a part and closes its ledger. */
export async function closePart(work: string, plan: RoundPlan, part: number, lines: readonly (string | Buffer)[], apiCounts?: CloseLedgerOptions['apiCounts']) {
  return closeStored(work, plan, part, apiCounts, await storeResults(work, plan.round, part, lines));
}

/** As `closePart`, of a part with so many requests. */
export async function closePartIn(work: string, round: number, part: number, requests: number, lines: readonly string[], batchId = 'msgbatch_1') {
  await storeResults(work, round, part, lines);
  const folder = partFolder(work, round, part);
  return closeLedger({ partFolder: folder, requests, batchId, segments: await openSegments(folder.segments) });
}

/** @param synced up to where the results are known to be whole. */
export async function closeStored(work: string, plan: RoundPlan, part: number, apiCounts?: CloseLedgerOptions['apiCounts'], synced?: number) {
  const folder = partFolder(work, plan.round, part);
  const { requests } = plan.parts[part - 1]!;
  return closeLedger({ partFolder: folder, requests, batchId: 'msgbatch_1', segments: await openSegments(folder.segments, { synced }), apiCounts });
}

export async function problemsOf(path: string): Promise<string[]> {
  return (await checkInput(path)).problems.map(({ line, message }) => `${line}: ${message}`);
}
