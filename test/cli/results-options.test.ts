import { resultsRequest } from '../../src/cli/results-options';
import type { ResultsOptions } from '../../src/cli/results-options';
import { ResultRecord } from '../../src/jobs/results';

const record = new ResultRecord(Buffer.from(JSON.stringify({ custom_id: 'q', result: { type: 'succeeded', message: { content: [{ type: 'text', text: 'a\u001b[2Jb' }] } } })));

async function printed(options: Partial<ResultsOptions>, terminal: boolean): Promise<string> {
  const request = resultsRequest({ id: [], format: 'jsonl', ...options }, { terminal });
  return (await request.format()).encode([record]).toString();
}

it('keeps control characters of answers from a terminal, and nowhere else', async () => {
  const cells: [Partial<ResultsOptions>, string, string][] = [
    [{ format: 'text', id: ['q'] }, 'a[2Jb\n', 'a\u001b[2Jb\n'],
    [{ format: 'csv', fields: ['text'] }, 'a[2Jb\r\n', 'a\u001b[2Jb\r\n'],
  ];
  for (const [options, terminal, elsewhere] of cells) {
    expect(await printed(options, true)).toBe(terminal);
    expect(await printed(options, false)).toBe(elsewhere);
    expect(await printed({ ...options, output: 'file' }, true)).toBe(elsewhere);
  }
});

it('compresses nothing for a terminal', () => {
  const gzip: ResultsOptions = { id: [], format: 'jsonl', gzip: true };
  expect(() => resultsRequest(gzip, { terminal: true })).toThrow('Compressed bytes are nothing for a terminal.');
  expect(resultsRequest(gzip, { terminal: false })).toMatchObject({ gzip: true });
  expect(resultsRequest({ ...gzip, output: 'x' }, { terminal: true })).toMatchObject({ gzip: true });
  expect(resultsRequest({ id: [], format: 'csv', output: 'x.csv.gz' }, { terminal: true })).toMatchObject({ gzip: true });
});
