import { checkInput } from '../../src/jobs';
import { useFolder } from '../storage/helpers';
import { writeLines } from './helpers';

const folder = useFolder();
const GOOD = { model: 'claude-a', max_tokens: 10, messages: [{ role: 'user', content: 'Hi' }] };
const line = (id: number, params: object): string => JSON.stringify({ custom_id: `r-${id}`, params });
const check = (params: object[]) => checkInput(writeLines(folder.path, params.map((each, index) => line(index, each))));

it('sums up bytes and max_tokens by model, and sees the cache', async () => {
  const cached = { ...GOOD, model: 'claude-b', system: [{ type: 'text', text: 'S', cache_control: { type: 'ephemeral' } }] };
  const { expected } = await check([GOOD, cached, { ...GOOD, max_tokens: 5 }, { max_tokens: 1.5 }]);
  const bytes = [GOOD, cached, { ...GOOD, max_tokens: 5 }].map((params, index) => line(index, params).length);
  expect(expected).toEqual([
    { model: 'claude-a', requests: 2, bytes: bytes[0]! + bytes[2]!, maxTokens: 15, longest: bytes[0], cached: false },
    { model: 'claude-b', requests: 1, bytes: bytes[1], maxTokens: 10, longest: bytes[1], cached: true },
    { model: 'other', requests: 1, bytes: expect.any(Number), maxTokens: 0, longest: expect.any(Number), cached: false },
  ]);
});

it('tells a hundred models apart', async () => {
  const { expected } = await check(Array.from({ length: 150 }, (_, index) => ({ ...GOOD, model: `claude-${index}` })));
  expect(expected).toHaveLength(101);
  expect(expected.at(-1)).toMatchObject({ model: 'other', requests: 50 });
});

it('counts requests that bring in what is not in them', async () => {
  const image = (source: object) => ({ ...GOOD, messages: [{ role: 'user', content: [{ type: 'image', source }] }] });
  const { uncounted } = await check([
    GOOD,
    image({ type: 'base64', data: 'AAAA' }),
    image({ type: 'url', url: 'https://example.com/a.png' }),
    { ...GOOD, messages: [{ role: 'user', content: [{ type: 'tool_result', content: [{ type: 'document', source: { type: 'file', file_id: 'f' } }] }] }] },
    { ...GOOD, tools: [{ type: 'web_search_20250305', name: 'web_search' }] },
    { ...GOOD, tools: [{ name: 'mine', input_schema: {} }] },
    { ...GOOD, mcp_servers: [{ type: 'url', url: 'https://example.com', name: 'm' }] },
  ]);
  expect(uncounted).toBe(4);
});

it('warns of what the API will refuse, by line, and lets it pass', async () => {
  const { model, max_tokens, messages } = GOOD;
  const found = await check([GOOD, { max_tokens, messages }, { model, messages }, { model, max_tokens }, { ...GOOD, messages: [] }, { ...GOOD, stream: true }, { ...GOOD, stream: false }, { ...GOOD, betas: ['b'] }, { ...GOOD, model: 7 }, { ...GOOD, max_tokens: '10' }]);
  expect(found.warnings.map((warning) => `${warning.line}: ${warning.message}`)).toEqual([
    '2: params.model is missing.',
    '3: params.max_tokens is missing.',
    '4: params.messages is missing.',
    '5: params.messages is not a list of messages.',
    '6: params.stream is true.',
    '8: params.betas is no parameter of a request.',
    '9: params.model is not the name of a model.',
    '10: params.max_tokens is not a whole number.',
  ]);
  expect(found).toMatchObject({ requests: 10, problemCount: 0, warningCount: 8 });
});

it('names the first twenty warnings, and counts all', async () => {
  const found = await check(Array.from({ length: 30 }, () => ({ ...GOOD, stream: true })));
  expect(found.warnings).toHaveLength(20);
  expect(found.warningCount).toBe(30);
});
