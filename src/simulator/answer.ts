/** What a call answers, before it becomes HTTP. */
import { errorEnvelope, type ApiFailure } from './api-failure';

export type Answer = TextAnswer | ResultsAnswer;

export interface TextAnswer {
  status: number;
  headers: Record<string, string>;
  body: string;
  /** Something in front of the API answers: without request-id. */
  fromProxy?: boolean;
}

/** Gets a line without its line feed, and its number from 1; gives what is sent instead, with every line feed. */
export type LineChanger = (line: Buffer, number: number) => string;

/** A part of a file of results. */
export interface ResultsAnswer {
  status: 200 | 206;
  headers: Record<string, string>;
  results: {
    path: string;
    /** First byte and the one behind the last. */
    from: number;
    to: number;
    /** Of the whole file. */
    size: number;
    gzip: boolean;
    change?: LineChanger;
    /** Changed lines are as long as they were: parts of the file are parts of what is sent. */
    keepsLength?: boolean;
  };
}

export function jsonAnswer(value: unknown, headers: Record<string, string> = {}): TextAnswer {
  return { status: 200, headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(value) };
}

export function failureAnswer(failure: ApiFailure, requestId: string): TextAnswer {
  const body = errorEnvelope(failure.type, failure.message, requestId, failure.extra.errorCode);
  return { status: failure.status, headers: { 'content-type': 'application/json', ...failure.extra.headers }, body: JSON.stringify(body) };
}

/** A page of a proxy or CDN. */
export function htmlAnswer(status: number, title: string, headers: Record<string, string> = {}): TextAnswer {
  return {
    status,
    headers: { 'content-type': 'text/html', ...headers },
    body: `<html>\r\n<head><title>${status} ${title}</title></head>\r\n<body>\r\n<center><h1>${status} ${title}</h1></center>\r\n</body>\r\n</html>\r\n`,
    fromProxy: true,
  };
}
