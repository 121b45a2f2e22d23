/** Answers that are good but not what a client may expect: further headers and fields, changed lines of results. */
import type { IncomingMessage } from 'node:http';
import type { Answer, LineChanger, ResultsAnswer } from './answer';
import type { Fault, LineChange } from './faults';
import { customIdOfLine, overtakenLine } from './result-line';
import { partOf } from './results-call';

type AnswerChange = Extract<Fault, { kind: 'change-answer' }>;
type ResultsChange = Extract<Fault, { kind: 'changed-results' }>;
type LinesChange = Extract<Fault, { kind: 'change-lines' }>;

export function changeAnswer(answer: Answer, { headers, fields }: AnswerChange): Answer {
  const changed = { ...answer, headers: { ...answer.headers, ...headers } };
  return 'body' in changed && fields ? { ...changed, body: withFields(changed.body, fields) } : changed;
}

function withFields(body: string, fields: Record<string, unknown>): string {
  const object = JSON.parse(body) as { data?: object[] };
  return JSON.stringify(object.data ? { ...object, data: object.data.map((batch) => ({ ...batch, ...fields })) } : { ...object, ...fields });
}

/** All of the results, whatever part was asked for: offsets in changed results are not those of the others, and neither is the entity tag. */
export function changeLines(answer: Answer, fault: LinesChange): Answer {
  if (!('results' in answer)) return answer;
  const { path, size, gzip } = answer.results;
  const change = onLines(fault.line, fault.count ?? 1, (line, number) => changedLine(line, fault.change, number));
  return { status: 200, headers: { 'content-type': answer.headers['content-type']! }, results: { path, from: 0, to: size, size, gzip, change } };
}

/** Other answers in the place of those that there were, in as many bytes: whole or in part, as it was asked for. */
export function changeResults(answer: Answer, fault: ResultsChange, request: IncomingMessage): Answer {
  if (!('results' in answer)) return answer;
  const { path, size, gzip } = answer.results;
  const change = onLines(fault.line, fault.count ?? Infinity, (line) => `${line.toString().replaceAll('Simulated answer', 'Different answer')}\n`);
  const whole: ResultsAnswer = {
    status: 200,
    headers: { 'content-type': answer.headers['content-type']! },
    results: { path, from: 0, to: size, size, gzip, change, keepsLength: true },
  };
  const entityTag = answer.headers['etag'];
  return entityTag === undefined ? whole : partOf(whole, request, entityTag.replace(/"$/, '-changed"'));
}

/** Changes `count` lines from number `first` on, and leaves the others as they are. */
function onLines(first = 1, count: number, change: LineChanger): LineChanger {
  return (line, number) => (number >= first && number < first + count ? change(line, number) : `${line.toString()}\n`);
}

interface AnyResult {
  custom_id: string;
  result: { type: string; message?: object };
}

/** @returns what is sent instead, with every line feed */
function changedLine(bytes: Buffer, change: LineChange, number: number): string {
  const line = bytes.toString();
  const customId = customIdOfLine(bytes);
  switch (change) {
    case 'unknown-result-type':
      return encode({ custom_id: customId, result: { type: 'deferred', deferred_until: '2027-01-01T00:00:00Z' } });
    case 'unknown-error-type': {
      const error = { type: 'error', error: { type: 'weather_error', message: 'It rains.', details: null, severity: 3 }, request_id: `req_simulated_${number}` };
      return encode({ custom_id: customId, result: { type: 'errored', error } });
    }
    case 'unknown-fields': {
      const { result, ...response } = JSON.parse(line) as AnyResult;
      const message = result.message && { ...result.message, simulated_field: [1, { two: null }] };
      return encode({ ...response, result: { ...result, ...(message && { message }), simulated_field: 'more' }, simulated_field: {} });
    }
    case 'unknown-custom-id': {
      return encode({ ...(JSON.parse(line) as AnyResult), custom_id: `not-in-the-batch-${number}` });
    }
    case 'repeated':
      return `${line}\n${line}\n`;
    case 'contradicted':
      return `${line}\n${overtakenLine(customId, 'expired')}`;
    case 'missing':
      return '';
    case 'corrupted':
      return `${line.slice(0, line.length / 2)}\n`;
    case 'blank-line-before':
      return `\n${line}\n`;
  }
}

function encode(value: unknown): string {
  return `${JSON.stringify(value)}\n`;
}
