import { answerTo } from '../../src/simulator/answers';

const ask = (content: unknown): string => answerTo([{ role: 'user', content }]);

test.each([
  ['What is 17 * 23?', '17 * 23 = 391'],
  ["What's 2 + 2?", '2 + 2 = 4'],
  ['Please calculate 10 - 13.', '10 - 13 = -3'],
  ['How much is 1,000 times 1,000?', '1,000 times 1,000 = 1000000'],
  ['What is 7 divided by 2?', '7 divided by 2 = 3.5'],
  ['What is 0.1 + 0.2?', '0.1 + 0.2 = 0.3'],
  ['What is 12345678901234567890 * 98765432109876543210?', '12345678901234567890 * 98765432109876543210 = 1219326311370217952237463801111263526900'],
  ['What is 6 × 7? Answer with the number only.', '6 × 7 = 42'],
  ['3*4', '3 * 4 = 12'],
  ['8 / 2 = ?', '8 / 2 = 4'],
])('%s', (prompt, answer) => {
  expect(ask(prompt)).toBe(`Simulated answer: ${answer}`);
});

test.each(['What is 2 + 3 * 4?', 'What is 5 / 0?', 'What is 17 * 23 apples?', 'What is the capital of France?', ''])('no calculation: %s', (prompt) => {
  expect(ask(prompt)).toBe(`Simulated answer to: ${prompt}`);
});

test('shows the first 60 characters of the last user message, in one line', () => {
  expect(ask(`Tell me\n\n  about ${'x'.repeat(100)}`)).toBe(`Simulated answer to: Tell me about ${'x'.repeat(46)}…`);
  expect(answerTo([{ role: 'user', content: 'first' }, { role: 'assistant', content: 'reply' }, { role: 'user', content: 'second' }])).toBe('Simulated answer to: second');
});

test('reads blocks of text and passes over others', () => {
  expect(ask([{ type: 'image', source: {} }, { type: 'text', text: 'What is' }, { type: 'text', text: '1 + 1?' }])).toBe('Simulated answer: 1 + 1 = 2');
  expect(ask([null, 7])).toBe('Simulated answer to: ');
});

test('never cuts a character in two', () => {
  expect(ask(`${'a'.repeat(59)}😀`)).toBe(`Simulated answer to: ${'a'.repeat(59)}…`);
});
