/** The 1,319 questions of GSM8K's test set (MIT), as requests. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

export const QUESTIONS = 1_319;

const SOURCE = process.env['GSM8K_TEST_JSONL'] ?? join(__dirname, '..', '..', '..', 'shared', 'data', 'gsm8k-test.jsonl');

/** Writes the questions as a JSONL file of requests. */
export async function writeQuestions(path: string): Promise<void> {
  const text = await readFile(SOURCE, 'utf8').catch(() => {
    throw new Error(`The questions are not at ${SOURCE}. Set GSM8K_TEST_JSONL to the file test.jsonl of the GSM8K data set (https://github.com/openai/grade-school-math).`);
  });
  const lines = text.split('\n').filter(Boolean).map((line, index) => {
    const { question, answer } = JSON.parse(line) as { question: string; answer: string };
    return JSON.stringify({
      custom_id: `gsm8k-${String(index + 1).padStart(4, '0')}`,
      params: { model: 'claude-sonnet-4-5', max_tokens: 512, messages: [{ role: 'user', content: question }] },
      metadata: { expected: answer.split('####').at(-1)?.trim() },
    });
  });
  await writeFile(path, `${lines.join('\n')}\n`);
}
