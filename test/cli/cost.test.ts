/** What a job will cost and has cost: estimates before it, the report after it, and tables of prices that users put in place. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { costOf, type JobReport, type PriceTable } from '../../src/contract';
import { CliWorld } from './support/cli-world';

const TABLE: PriceTable = {
  date: '2026-01-02',
  source: 'our contract',
  currency: 'USD',
  batch_factor: 0.5,
  models: { 'claude-sonnet-4-5': { input: 1000, output: 5000, cache_write_5m: 1250, cache_write_1h: 2000, cache_read: 100 } },
  server_tools: {},
};

let world: CliWorld;
beforeAll(async () => {
  world = await CliWorld.create();
});
afterAll(() => world.close());

test('check tells disk, tokens and cost as ranges, by model, with the date of the table, and what has no price', async () => {
  const request = (id: string, model: string) => JSON.stringify({ custom_id: id, params: { model, max_tokens: 100, messages: [{ role: 'user', content: 'Hi' }] } });
  await world.file('models.jsonl', [request('a', 'claude-sonnet-4-5'), request('b', 'claude-sonnet-4-5'), request('c', 'claude-unknown')].join('\n'));
  const { code, stdout } = await world.run(['check', 'models.jsonl', '--prices', await world.file('own.json', JSON.stringify(TABLE))]);
  expect(code).toBe(0);
  const bytes = 2 * request('a', 'claude-sonnet-4-5').length;
  const dollars = (amount: number): string => `\\$${amount.toFixed(2).replace('.', '\\.')}`;
  const [high, worst] = [(bytes / 2) * 0.0005 + 200 * 0.0025, bytes * 0.0005 + 200 * 0.0025].map(dollars);
  expect(stdout).toMatch(new RegExp(`\ndisk     .* to .*, at the outputs\ntokens   about .* in, 15 to 300 out .*\ncost     .+ to ${high} at the batch prices of 2026-01-02; at most ${worst}\n`));
  expect(stdout).toMatch(/\n {9}claude-sonnet-4-5: 2 requests, .+\n {9}claude-unknown: 1 request, no price known\nno price claude-unknown, in the table of 2026-01-02\nSend it: /);

  const { stdout: json } = await world.run(['check', 'models.jsonl', '--json'], { MESSAGE_BATCHES_PRICES: 'own.json' });
  const { estimate, warnings, warning_count: count } = JSON.parse(json);
  expect(estimate).toMatchObject({
    disk: { low: expect.any(Number), high: expect.any(Number) },
    tokens: { output: { low: 15, high: 300 } },
    cost: { currency: 'USD', worst: bytes * 0.0005 + 200 * 0.0025, prices: { date: '2026-01-02', source: 'our contract' } },
    models: [{ model: 'claude-sonnet-4-5', requests: 2 }, { model: 'claude-unknown', requests: 1, cost: null }],
    without_price: ['claude-unknown'],
    uncounted: 0,
  });
  expect([warnings, count]).toEqual([[], 0]);
});

test('what the API will refuse is told by line before it is sent', async () => {
  await world.file('refused.jsonl', '{"custom_id":"a","params":{"model":"claude-sonnet-4-5","messages":[{"role":"user","content":"Hi"}]}}\n');
  const told = /warning {2}1 request will be refused by the API, each by itself:\n {2}line 1: params\.max_tokens is missing\.\n {4}Say how long/;
  expect(await world.run(['check', 'refused.jsonl'])).toMatchObject({ code: 0, stdout: expect.stringMatching(told) });
  const dry = await world.run(['run', 'refused.jsonl', '--simulate', '--dry-run', '--json']);
  expect(dry.stderr).toMatch(told);
  expect(JSON.parse(dry.stdout)).toMatchObject({ warning_count: 1, warnings: [{ line: 1 }], estimate: { cost: { low: expect.any(Number) } } });
});

test('a cap is told before anything is sent, and where a single request may exceed it', async () => {
  const input = await world.input('capped', 40);
  const own = await world.file('capped.json', JSON.stringify(TABLE));
  const dry = (cap: string, ...more: string[]) => world.run(['run', input, '--simulate', '--dry-run', '--prices', own, '--max-cost', cap, ...more]);
  const enough = await dry('5');
  expect(enough.stderr).toMatch(/\ncap {6}at most \$5\.00, so in small batches\n/);
  expect(enough.stderr).not.toContain('one request alone');
  expect((await dry('0.021')).stderr).toMatch(/\ncap {6}at most \$0\.021, so in small batches\n {9}one request alone may cost \$0\.\d\d: what may cost more than the cap does not fit, and is not sent\n/);
  expect(JSON.parse((await dry('5', '--json')).stdout)).toMatchObject({ max_cost: 5, dearest_request: expect.any(Number) });
});

test('a table or a whole body is told for what it is, with what makes requests of it', async () => {
  await world.file('rows.csv', 'id,question\n1,Why?\n');
  expect(await world.run(['check', 'rows.csv'])).toEqual({ code: 1, stdout: '', stderr: expect.stringMatching(/^Error: rows\.csv cannot be sent: it is a table \(CSV\), and not a request a line\.\nNothing was sent\. Make a request of each row: message-batches prepare rows\.csv /) });
  const body = { requests: [{ custom_id: 'a', params: { model: 'claude-sonnet-4-5', max_tokens: 1, messages: [] } }] };
  for (const indent of [undefined, 2]) {
    await world.file('body.json', JSON.stringify(body, null, indent));
    expect(await world.run(['run', 'body.json', '--simulate'])).toEqual({ code: 1, stdout: '', stderr: expect.stringMatching(/^Error: body\.json cannot be sent: it is a whole body .*\nNothing was sent\. .*message-batches api create body\.json\n/) });
  }
  await world.file('broken.jsonl', '{"custom_id": 1}\n');
  expect((await world.run(['check', 'broken.jsonl'])).stderr).toMatch(/one line is wrong\.\n {2}line 1: /);
});

test('a table that cannot be used is told with its field, before anything is done', async () => {
  const input = await world.input('priced');
  const bad = await world.file('bad.json', JSON.stringify({ ...TABLE, date: undefined }));
  for (const args of [['check', input], ['run', input, '--simulate'], ['submit', input, '--simulate']]) {
    expect(await world.run([...args, '--prices', bad])).toEqual({ code: 1, stdout: '', stderr: expect.stringMatching(/^Error: The prices .*bad\.json cannot be used: date must be a day, .*\nThe table that comes with the package shows the form: .*prices\.json\n$/) });
    expect(await world.run([...args, '--prices', 'none.json'])).toMatchObject({ code: 1, stderr: expect.stringMatching(/^Error: There is no file of prices .*none\.json\./) });
  }
});

test('the report has what was paid by the prices that the job was run with, also by a worker in the background', async () => {
  const input = await world.input('paid', 5);
  await writeFile(join(world.folder, 'own.json'), JSON.stringify(TABLE));
  const { stdout } = await world.run(['run', input, '--simulate', '--prices', 'own.json']);
  const report = JSON.parse(await readFile(join(world.folder, 'paid.simulated', 'report.json'), 'utf8')) as JobReport;
  const paid = costOf(report.usage_by_model!, TABLE).total;
  expect(paid).toBeGreaterThan(0);
  expect(report.cost).toEqual({ currency: 'USD', total: expect.closeTo(paid, 6), by_model: { 'claude-sonnet-4-5': expect.closeTo(paid, 6) }, prices: { date: '2026-01-02', source: 'our contract' } });
  expect(report.batches.map((batch) => batch.cost)).toEqual([expect.closeTo(paid, 6)]);
  expect(stdout).toMatch(/\ncost +\$\d+\.\d\d at the batch prices of 2026-01-02 \(simulated: nothing was paid\)\n/);
  expect(JSON.parse((await world.run(['status', input, '--simulate', '--json'])).stdout)).toMatchObject({ cost: { spent: report.cost!.total }, report: { cost: report.cost } });

  // The home folder's own table is for all commands, and the worker that `submit` leaves behind reads it too.
  await mkdir(world.home, { recursive: true });
  await writeFile(join(world.home, 'prices.json'), JSON.stringify({ ...TABLE, date: '2026-03-04' }));
  const other = await world.input('background', 2);
  expect((await world.run(['submit', other, '--simulate'])).stderr).toContain('at the batch prices of 2026-03-04');
  const waited = await world.run(['wait', other, '--simulate', '--json']);
  expect(JSON.parse(waited.stdout.trim().split('\n').at(-1)!)).toMatchObject({ cost: { prices: { date: '2026-03-04' } } });
});
