/** Whether two clients asked the same, and the differences that are meant to be. Whatever else differs is a fault. */
import type { SentRequest } from './recording-server';

interface Difference {
  header: RegExp;
  /** What each of the two sends; undefined: it does not send the header. */
  sdk: RegExp | undefined;
  ours: RegExp | undefined;
  reason: string;
}

/**
 * The headers that may differ, and how.
 *
 * Three more things are compared by what they mean: the path by its decoded segments (the SDK leaves `$&'()*+,;=:@` of
 * an id as they are, this client encodes `$&+,;=:@`: the same segment), the query as a set of names and values, and
 * `anthropic-beta` as a set of names.
 */
export const DELIBERATE_DIFFERENCES: Difference[] = [
  { header: /^user-agent$/, sdk: /^Anthropic\/JS /, ours: /^temporal-message-batches/, reason: 'each client gives its own name' },
  { header: /^x-stainless-/, sdk: /./, ours: undefined, reason: "the SDK's telemetry; nothing the API acts on" },
  { header: /^accept$/, sdk: /^application\/binary$/, ours: /^application\/x-jsonl$/, reason: 'results: the SDKs themselves are of two minds; JSON lines are what comes' },
  { header: /^accept-encoding$/, sdk: /^gzip, deflate$/, ours: /^gzip$|^$/, reason: 'results: one encoding that streams well is enough' },
  { header: /^accept-encoding$/, sdk: /^gzip, deflate$/, ours: undefined, reason: 'JSON answers are small: fetch asks for compression by itself, this client does not' },
  { header: /^accept-language$/, sdk: /^\*$/, ours: undefined, reason: 'of fetch, not of the SDK' },
  { header: /^sec-fetch-mode$/, sdk: /^cors$/, ours: undefined, reason: 'of fetch, not of the SDK' },
  { header: /^connection$/, sdk: /^keep-alive$/, ours: /^close$/, reason: 'a create has a connection of its own, so that a refused one is known to have sent nothing' },
];

/** Why a header differs; undefined where it should not. */
export function deliberateDifference(header: string, sdk: string | undefined, ours: string | undefined): Difference | undefined {
  const fits = (value: string | undefined, pattern: RegExp | undefined): boolean => (value === undefined || pattern === undefined ? value === pattern : pattern.test(value));
  return DELIBERATE_DIFFERENCES.find((difference) => difference.header.test(header) && fits(sdk, difference.sdk) && fits(ours, difference.ours));
}

export interface ComparableRequest {
  method: string;
  path: string[];
  query: string[];
  headers: Record<string, string>;
  body: string;
}

/** Both requests as they should be equal: without what differs on purpose. */
export function comparable(sdk: SentRequest, ours: SentRequest): [sdk: ComparableRequest, ours: ComparableRequest] {
  const [sdkHeaders, ourHeaders] = [headersOf(sdk), headersOf(ours)];
  for (const name of new Set([...Object.keys(sdkHeaders), ...Object.keys(ourHeaders)])) {
    if (sdkHeaders[name] === ourHeaders[name] || !deliberateDifference(name, sdkHeaders[name], ourHeaders[name])) continue;
    delete sdkHeaders[name];
    delete ourHeaders[name];
  }
  return [
    { ...requestLine(sdk), headers: sdkHeaders, body: sdk.body.toString() },
    { ...requestLine(ours), headers: ourHeaders, body: ours.body.toString() },
  ];
}

/** Fails unless both clients sent the same requests in the same order. */
export function expectEqualRequests(sdk: SentRequest[], ours: SentRequest[]): void {
  const pairs = sdk.slice(0, ours.length).map((request, index) => comparable(request, ours[index]!));
  expect(pairs.map(([, request]) => request)).toEqual(pairs.map(([request]) => request));
  expect(ours.map(inShort)).toEqual(sdk.map(inShort));
}

/** For messages, and where requests are told apart by it. */
export function inShort(request: SentRequest): string {
  const { method, path, query } = requestLine(request);
  return `${method} ${path.join('/')}${query.length > 0 ? `?${query.join('&')}` : ''}`;
}

function requestLine({ method, target }: SentRequest): Pick<ComparableRequest, 'method' | 'path' | 'query'> {
  const [path, query] = target.split(/\?(.*)/s);
  return {
    method,
    path: path!.split('/').map((segment) => decodeURIComponent(segment)),
    query: [...new URLSearchParams(query)].map(([name, value]) => `${name}=${value}`).sort(),
  };
}

/** A header that is sent twice counts as two. */
export function headersOf({ headers }: SentRequest): Record<string, string> {
  const all: Record<string, string> = {};
  for (const [name, value] of headers) all[name] = name in all ? `${all[name]} | ${value}` : value;
  if (all['anthropic-beta'] !== undefined) all['anthropic-beta'] = all['anthropic-beta'].split(',').map((beta) => beta.trim()).sort().join(',');
  return all;
}
