import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { createBody, partFolder } from '../../src/jobs';
import { bytesOf, collect, useFolder } from '../storage/helpers';
import { plannedJob, requestLine, requestLines } from './helpers';

const folder = useFolder();

async function planned(lines: string[]) {
  const { work, plan } = await plannedJob(folder.path, lines);
  const part = partFolder(work, 1, 1);
  return { part, plan: plan.parts[0]!, body: createBody(part, plan.parts[0]!) };
}

it('is exactly the requests, without their metadata, and can be read twice', async () => {
  const { body, plan } = await planned([requestLine('a', 'é', { k: 1 }), requestLine('b')]);
  const expected = `{"requests":[${requestLine('a', 'é')},${requestLine('b')}]}`;
  expect(body.contentLength).toBe(Buffer.byteLength(expected));
  expect((await bytesOf(body.chunks())).toString()).toBe(expected);
  expect((await bytesOf(body.chunks())).toString()).toBe(expected);
  expect(createHash('sha256').update(expected).digest('hex')).toBe(plan.bodySha256);
});

it('comes in chunks of bounded size, with the length that was said', async () => {
  const { body } = await planned(Array.from({ length: 3000 }, (_, i) => requestLine(`q-${i}`, 'x'.repeat(1000))));
  const chunks = await collect(body.chunks());
  expect(chunks.length).toBeGreaterThan(4);
  expect(Math.max(...chunks.map((chunk) => chunk.length))).toBeLessThan(600 * 1024);
  const bytes = Buffer.concat(chunks);
  expect(bytes.length).toBe(body.contentLength);
  expect((JSON.parse(bytes.toString()) as { requests: unknown[] }).requests).toHaveLength(3000);
});

it('is the same whether the lines are looked into or not, where they are sent as they are', async () => {
  const { part, plan } = await planned(Array.from({ length: 2000 }, (_, i) => requestLine(`q-${i}`, 'é'.repeat(500))));
  expect(plan.plain).toBe(true);
  const [plain, parsed] = [plan, { ...plan, plain: undefined }].map((each) => collect(createBody(part, each).chunks()));
  expect(Buffer.concat(await plain!).equals(Buffer.concat(await parsed!))).toBe(true);
});

it.each([' {"custom_id":"a","params":{}}', '{"custom_id":"a","params":{},"metadata":{}}'])('looks into lines that are not sent as they are: %s', async (line) => {
  const { body, plan } = await planned([line, requestLine('b')]);
  expect(plan.plain).toBeUndefined();
  expect(JSON.parse(Buffer.concat(await collect(body.chunks())).toString())).toMatchObject({ requests: [{ custom_id: 'a', params: {} }, { custom_id: 'b' }] });
});

describe('a part that somebody changed is never sent whole', () => {
  const changes: [string, (text: string) => string][] = [
    ['one byte', (text) => text.replace('Question 7777', 'Question 7778')],
    ['a line more', (text) => `${text}${requestLine('more')}\n`],
    ['a line less', (text) => text.slice(text.indexOf('\n') + 1)],
    ['a cut line', (text) => text.slice(0, -10)],
  ];
  it.each(changes)('%s', async (_, change) => {
    const { part, body, plan } = await planned(requestLines(9000));
    writeFileSync(part.requests, change(readFileSync(part.requests, 'utf8')));
    let sent = 0;
    const sending = (async () => {
      for await (const chunk of body.chunks()) sent += chunk.length;
    })();
    await expect(sending).rejects.toMatchObject({ code: 'changed', path: part.requests });
    expect(sent).toBeLessThan(plan.bodyBytes);
  });
});
