import { isLineProblem, parseRequestLine } from '../../src/jobs';
import { cachedPrefix, WarmRequests } from '../../src/jobs/warm-requests';

const MARK = { cache_control: { type: 'ephemeral' } };
const requestOf = (params: object) => {
  const request = parseRequestLine(Buffer.from(JSON.stringify({ custom_id: 'a', params })));
  if (isLineProblem(request)) throw new Error(request.message);
  return request;
};
const prefixOf = (params: object) => cachedPrefix(requestOf(params));
const text = (value: string, marked = false) => ({ type: 'text', text: value, ...(marked && MARK) });

const same: [string, object, object][] = [
  ['what comes after the mark', { system: [text('S', true)], messages: [text('1')] }, { system: [text('S', true)], messages: [text('2')] }],
  ['the order of the keys of params', { model: 'm', system: [text('S', true)] }, { system: [text('S', true)], model: 'm' }],
  ['max_tokens', { max_tokens: 1, tools: [{ name: 't', ...MARK }] }, { max_tokens: 2, tools: [{ name: 't', ...MARK }], system: 'S' }],
  ['blocks of the same message after the mark', { messages: [{ role: 'user', content: [text('S', true), text('1')] }] }, { messages: [{ role: 'user', content: [text('S', true), text('2')] }] }],
];
it.each(same)('%s is not in the prefix', (_, one, two) => {
  expect(prefixOf(one)).toBeDefined();
  expect(prefixOf(one)).toBe(prefixOf(two));
});

const different: [string, object, object][] = [
  ['the model', { model: 'm', system: [text('S', true)] }, { model: 'n', system: [text('S', true)] }],
  ['a tool before the mark', { tools: [{ name: 't' }], system: [text('S', true)] }, { tools: [{ name: 'u' }], system: [text('S', true)] }],
  ['what is before the last of several marks', { system: [text('S', true)], messages: [{ role: 'user', content: [text('1', true)] }] }, { system: [text('S', true)], messages: [{ role: 'user', content: [text('2', true)] }] }],
  ['the role', { messages: [{ role: 'user', content: [text('1', true)] }] }, { messages: [{ role: 'assistant', content: [text('1', true)] }] }],
  ['all, where all is marked', { ...MARK, messages: [{ role: 'user', content: '1' }] }, { ...MARK, messages: [{ role: 'user', content: '2' }] }],
  ['system, which is none of the messages', { system: [text('S', true)] }, { messages: [text('S', true)] }],
];
it.each(different)('%s is in the prefix', (_, one, two) => {
  expect(prefixOf(one)).toBeDefined();
  expect(prefixOf(one)).not.toBe(prefixOf(two));
});

it.each([{ system: 'S' }, { messages: [{ role: 'user', content: 'cache_control' }] }, { messages: [{ role: 'user', content: 'he said "cache_control"' }] }])('%j has none', (params) => {
  expect(prefixOf(params)).toBeUndefined();
});

it('takes one of each prefix that two share', () => {
  const warm = new WarmRequests();
  const seen = ['A', 'B', 'A', 'A', 'C', 'B'].map((value) => warm.isWarm(requestOf({ system: [text(value, true)] })));
  expect(seen).toEqual([false, false, true, false, false, true]);
});
