'use strict';
// Results as the API writes them: Markdown answers of about 2.2 KB in lines of 2.7 KB, a third of them with characters beyond ASCII.

const SENTENCES = [
  'Use a queue instead of a cron job: the work then starts when there is some, and a restart in the middle loses nothing.',
  'The second step reads the rows that were written by the first, in the order of their ids, and marks each of them as done.',
  'That is the whole idea, but two details matter in practice, and both are easy to get wrong the first time.',
  'If the answer was "yes", go on with the next section; if not, look at the log first.',
  'Note that the limit holds for all keys of an organization together, and not for each of them.',
  'It is not enough to count the lines, since a line may also be there twice.',
];
/** A third of the answers have a few of these. */
const BEYOND_ASCII = ['Retries are cheap — duplicates are not.', 'It’s the café’s naïve résumé example.', '→ see the table below ✅', '日本語のテキスト', 'So: 2 × 3 ≤ 6 🌍'];
const CODE = '```js\nconst rows = await db.query("select id from outbox where sent = false");\nfor (const { id } of rows) {\n  await send(id);\n}\n```';

/** An answer in Markdown of about 2.2 KB. */
function answerText(random) {
  const blocks = [];
  const isBeyondAscii = random() < 1 / 3;
  for (let length = 0; length < 2_050; length += blocks.at(-1).length) {
    const paragraph = Array.from({ length: 3 }, () => SENTENCES[Math.floor(random() * SENTENCES.length)]);
    if (isBeyondAscii && random() < 0.4) paragraph.push(BEYOND_ASCII[Math.floor(random() * BEYOND_ASCII.length)]);
    blocks.push(random() < 0.12 ? CODE : paragraph.join(' '));
  }
  return blocks.join('\n\n');
}

/** A line as the API writes it. */
function resultLine(customId, text, tokens) {
  const message = {
    model: 'claude-sonnet-4-5-20250929',
    id: `msg_01${customId.padStart(22, 'A')}`,
    type: 'message',
    role: 'assistant',
    content: [{ type: 'text', text }],
    stop_reason: 'end_turn',
    stop_sequence: null,
    usage: {
      input_tokens: tokens,
      cache_creation_input_tokens: 0,
      cache_read_input_tokens: 0,
      cache_creation: { ephemeral_5m_input_tokens: 0, ephemeral_1h_input_tokens: 0 },
      output_tokens: Math.round(text.length / 4),
      service_tier: 'batch',
    },
  };
  return `${JSON.stringify({ custom_id: customId, result: { type: 'succeeded', message } })}\n`;
}

/** @returns so many lines, the same ones each time */
function resultLines(count) {
  let state = 1;
  const random = () => (state = (state * 16_807) % 2_147_483_647) / 2_147_483_647;
  return Buffer.concat(Array.from({ length: count }, (_, index) => Buffer.from(resultLine(`request-${index}`, answerText(random), 100 + (index % 900)))));
}

module.exports = { resultLine, resultLines };
