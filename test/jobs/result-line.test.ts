/** What a line of results says, read from its two ends or parsed whole: always what JSON.parse says. */
import fc from 'fast-check';
import { addUsage, noUsage } from '../../src/contract';
import { parseResultLine } from '../../src/jobs/result-line';
import { scanUsage } from '../../src/jobs/usage-scan';
import { Members, mulberry32, written } from '../api/support/random-results';

const MESSAGE = { model: 'claude-a', id: 'msg_1', type: 'message', role: 'assistant', content: [{ type: 'text', text: 'Hi' }], stop_reason: 'end_turn', stop_sequence: null };
const USAGE = {
  input_tokens: 100,
  cache_creation_input_tokens: 7,
  cache_read_input_tokens: 0,
  cache_creation: { ephemeral_5m_input_tokens: 3, ephemeral_1h_input_tokens: 4 },
  output_tokens: 592,
  server_tool_use: { web_search_requests: 2, web_fetch_requests: 0 },
  service_tier: 'batch',
  inference_geo: null,
};
const line = (message: object, customId = 'q-1') => JSON.stringify({ custom_id: customId, result: { type: 'succeeded', message } });
const usual = line({ ...MESSAGE, usage: USAGE });
const parsed = (text: string) => parseResultLine(Buffer.from(text));
const summed = (usage: unknown) => {
  const sum = noUsage();
  addUsage(sum, usage);
  return sum;
};

/** JSON.parse must not be needed for these, or every line of a batch costs three times as much. */
function expectNotParsed(text: string): void {
  const parse = jest.spyOn(JSON, 'parse');
  expect(parsed(text)).toMatchObject({ kind: 'result', customId: 'q-1', outcome: 'succeeded', retryable: false, model: 'claude-a' });
  expect(parse).not.toHaveBeenCalled();
  parse.mockRestore();
}

describe('a succeeded result as the API writes it', () => {
  it('is not parsed', () => {
    expectNotParsed(usual);
    expect(parsed(usual)).toMatchObject({ usage: summed(USAGE) });
  });

  it('nor where the model comes later, or the text looks like the end of a result', () => {
    const { model, content, ...before } = MESSAGE;
    expectNotParsed(line({ id: before.id, type: before.type, role: before.role, model, content, usage: USAGE }));
    expectNotParsed(line({ ...MESSAGE, content: [{ type: 'text', text: '"usage":{"input_tokens":1}}}}, {"custom_id":"x"' }], usage: USAGE }));
  });
});

it.each<[string, string]>([
  ['a second usage, in an object at the end', line({ ...MESSAGE, usage: USAGE, extra: { usage: { input_tokens: 5 } } })],
  ['no usage', line(MESSAGE)],
  ['a usage that is null', line({ ...MESSAGE, usage: null })],
  ['a usage that is not last', line({ model: 'claude-a', usage: USAGE, content: [] })],
  ['no model', line({ content: [], usage: USAGE })],
  ['a model behind the content', line({ content: [], model: 'claude-b', usage: USAGE })],
  ['a model with escapes', line({ ...MESSAGE, model: 'claude-"a"', usage: USAGE })],
  ['a model that is no text', line({ ...MESSAGE, model: 3, usage: USAGE })],
  ['numbers of other kinds', line({ ...MESSAGE, usage: { input_tokens: 1.5, output_tokens: -2, cache_read_input_tokens: 1e3 } })],
  ['a key that only ends as usage does', usual.replace('"usage":{', '"x\\"usage":{')],
])('%s: says what JSON.parse says', (_what, text) => {
  const { custom_id: customId, result } = JSON.parse(text) as { custom_id: string; result: { message: { model?: unknown; usage?: unknown } } };
  const said = parsed(text);
  expect(said).toMatchObject({ kind: 'result', customId, outcome: 'succeeded' });
  expect(said).toHaveProperty('model', result.message.model);
  expect(summed((said as { usage: unknown }).usage)).toEqual(summed(result.message.usage));
});

it.each<[string, string]>([
  ['cut', usual.slice(0, -1)],
  ['cut within its usage', usual.slice(0, -30)],
  ['glued together of two that lost what was between them', `${usual.slice(0, 150)}${line({ ...MESSAGE, usage: USAGE }, 'q-2')}`],
  ['torn: zeros in it', usual.replace('Hi', '\0\0')],
  ['a usage that is no JSON', usual.replace('"output_tokens":592', '"output_tokens":592,')],
  ['a number with a zero before it', usual.replace('592', '0592')],
  ['a usage that is not closed', usual.replace('"ephemeral_1h_input_tokens":4}', '"ephemeral_1h_input_tokens":4')],
])('%s is no result', (_what, text) => {
  expect(() => JSON.parse(text) as unknown).toThrow(SyntaxError);
  expect(parsed(text)).toEqual({ kind: 'malformed', reason: 'not JSON' });
});

it('that is not UTF-8 is no result', () => {
  const bytes = Buffer.from(usual);
  bytes[bytes.indexOf('Hi')] = 0xff;
  expect(parseResultLine(bytes)).toEqual({ kind: 'malformed', reason: 'not valid UTF-8' });
});

const KEYS = ['input_tokens', 'output_tokens', 'cache_creation_input_tokens', 'cache_read_input_tokens', 'service_tier', 'new_key', ''];
const value = fc.oneof({ weight: 12, arbitrary: fc.nat() }, fc.constantFrom(0, 1.5, -1, 1e21, null, true, 'batch', 'é', '"', []));
const tokens = fc.dictionary(fc.constantFrom('ephemeral_5m_input_tokens', 'ephemeral_1h_input_tokens', 'web_search_requests', 'x'), value, { maxKeys: 3 });
const usage = fc
  .tuple(fc.dictionary(fc.constantFrom(...KEYS), value, { maxKeys: 6 }), fc.option(tokens), fc.option(tokens), fc.option(tokens))
  .map(([own, cache_creation, server_tool_use, other]) => ({ ...own, ...(cache_creation && { cache_creation }), ...(server_tool_use && { server_tool_use }), ...(other && { other }) }));
const members = (object: object): Members => new Members(Object.entries(object).map(([key, part]) => [key, part !== null && typeof part === 'object' && !Array.isArray(part) ? members(part as object) : part]));

it('a usage is read as JSON.parse reads it, or not at all, however it is written', () => {
  let read = 0;
  fc.assert(
    fc.property(usage, fc.integer({ min: 1 }), fc.oneof({ weight: 3, arbitrary: fc.constant(true) }, fc.constant(false)), (expected, seed, isCompact) => {
      const text = written(members(expected), isCompact ? () => 1 : mulberry32(seed));
      const scanned = scanUsage(Buffer.from(`--${text}--`), 2, Buffer.byteLength(text) + 2);
      if (!scanned) return;
      read++;
      expect(summed(scanned)).toEqual(summed(JSON.parse(text)));
    }),
    { numRuns: 2_000 },
  );
  expect(read).toBeGreaterThan(200);
});

it('a usage that was damaged anywhere is not read, unless it is still JSON', () => {
  const text = JSON.stringify(USAGE);
  fc.assert(
    fc.property(fc.nat(text.length - 1), fc.constantFrom('{', '}', '"', ',', ':', '0', 'x', '[', ' '), fc.boolean(), (at, damage, isCut) => {
      const damaged = text.slice(0, at) + damage + text.slice(isCut ? at + 1 : at);
      let isJson = true;
      try {
        JSON.parse(damaged);
      } catch {
        isJson = false;
      }
      const scanned = scanUsage(Buffer.from(damaged), 0, damaged.length);
      if (!isJson) expect(scanned).toBeUndefined();
      else if (scanned) expect(summed(scanned)).toEqual(summed(JSON.parse(damaged)));
    }),
    { numRuns: 3_000 },
  );
});
