/** The results call: which file, and which part of it. */
import { createReadStream } from 'node:fs';
import { open, rename, stat } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { splitLines } from '../jsonl';
import type { ResultsAnswer, TextAnswer } from './answer';
import { ApiFailure } from './api-failure';
import { findBatch } from './batch-calls';
import { courseOf, type BatchRecord, type Course } from './batch-record';
import type { SimulatorContext } from './context';
import { customIdOfLine, overtakenLine } from './result-line';

/** @throws ApiFailure */
export async function results(id: string, request: IncomingMessage, context: SimulatorContext): Promise<ResultsAnswer | TextAnswer> {
  const record = findBatch(id, context);
  const course = courseOf(record, context.now());
  if (course.status !== 'ended' || course.archivedAt !== undefined) throw new ApiFailure(404, `Batch ${id} has no available results.`);
  const path = await resultsFile(record, course, context);
  const { size } = await stat(path);
  const headers: Record<string, string> = { 'content-type': 'application/x-jsonl' };
  const gzip = context.options.gzipResults && /\bgzip\b/.test(String(request.headers['accept-encoding']));
  const whole: ResultsAnswer = { status: 200, headers, results: { path, from: 0, to: size, size, gzip } };
  if (!context.options.supportsRange) return whole;
  return partOf(whole, request, `"${id}-${size}"`);
}

/** What Range and If-Range ask for, of results of this entity tag. A range is of the uncompressed bytes and is answered uncompressed. */
export function partOf(whole: ResultsAnswer, request: IncomingMessage, entityTag: string): ResultsAnswer | TextAnswer {
  const headers = { ...whole.headers, etag: entityTag, 'accept-ranges': 'bytes' };
  const { to: size } = whole.results;
  const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '');
  const ifRange = request.headers['if-range'];
  if (!range || (ifRange !== undefined && ifRange !== entityTag)) return { ...whole, headers };
  const from = Number(range[1]);
  const to = range[2] === '' ? size : Math.min(size, Number(range[2]) + 1);
  if (from >= to) return { status: 416, headers: { ...headers, 'content-range': `bytes */${size}` }, body: '' };
  return { status: 206, headers: { ...headers, 'content-range': `bytes ${from}-${to - 1}/${size}` }, results: { ...whole.results, from, to, gzip: false } };
}

const making = new Map<string, Promise<string>>();

/** The file of the results: the answers as they are, or, where the end overtook some requests, a copy that says so. */
async function resultsFile(record: BatchRecord, course: Course, context: SimulatorContext): Promise<string> {
  const answers = context.store.path(record.id, 'answers.jsonl');
  if (course.finished === record.requests || course.rest === 'processing') return answers;
  const path = context.store.path(record.id, 'results.jsonl');
  if (await exists(path)) return path;
  let made = making.get(path);
  if (!made) {
    made = replaceEnd(answers, path, course.finished, course.rest).finally(() => making.delete(path));
    making.set(path, made);
  }
  return made;
}

async function replaceEnd(answers: string, path: string, finished: number, rest: 'canceled' | 'expired'): Promise<string> {
  const file = await open(`${path}.new`, 'w', 0o600);
  try {
    let index = 0;
    for await (const lines of splitLines(createReadStream(answers, { highWaterMark: 1024 * 1024 }))) {
      const out = lines.map(({ bytes }) => (index++ < finished ? `${bytes.toString('utf8')}\n` : overtakenLine(customIdOfLine(bytes), rest)));
      await file.writeFile(out.join(''));
    }
  } finally {
    await file.close();
  }
  await rename(`${path}.new`, path);
  return path;
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
