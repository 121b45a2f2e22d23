/** Tables at all widths of a terminal. */
import pc from 'picocolors';
import stringWidth from 'string-width';
import type { MessageBatch } from '../../src/api';
import { renderBatchTable } from '../../src/cli/commands/api/batch-text';
import type { Column } from '../../src/cli/display/fitted-table';
import { fittedTable } from '../../src/cli/display/fitted-table';
import { loadFormats } from '../../src/cli/display/formats';

const colors = pc.createColors(false);
const COLUMNS: Column<string[]>[] = [
  { title: 'ID', text: ([id]) => id! },
  { title: 'STATE', text: ([, state]) => state!, cutTo: 8 },
  { title: 'SIZE', text: ([, , size]) => size!, leavesAs: 2 },
  { title: 'WHEN', text: ([, , , when]) => when!, leavesAs: 1 },
];
const ROWS = [
  ['job_1', 'processing since long ago', '1,000', '5 min ago'],
  ['job_22', 'done', '', '1 d ago'],
];
const table = (width: number, rows = ROWS) => fittedTable(COLUMNS, rows, { colors, width }).split('\n');

test('with room, all of it; without limit too', () => {
  expect(table(100)).toEqual(table(Infinity));
  expect(table(100)).toEqual(['ID      STATE                      SIZE   WHEN', 'job_1   processing since long ago  1,000  5 min ago', 'job_22  done                              1 d ago']);
});

test('first a cell is cut, then columns leave in their order, and ids are cut last', () => {
  expect(table(44)[1]).toBe('job_1   processing since …  1,000  5 min ago');
  expect(table(32)[1]).toBe('job_1   processing s…  5 min ago');
  expect(table(27)[1]).toBe('job_1   process…  5 min ago');
  expect(table(26)[1]).toBe('job_1   processing since …');
  expect(table(12)[1]).toBe('job_1  proc…');
  for (let width = 5; width < 60; width++) for (const line of table(width)) expect(stringWidth(line)).toBeLessThanOrEqual(width);
});

test('a cell is one line, and a column in which nothing stands is left out', () => {
  expect(table(60, [['job_1', 'two\nlines\tand  more', '', '']])).toEqual(['ID     STATE', 'job_1  two lines and more']);
  expect(table(60, [])).toEqual(['ID  STATE  SIZE  WHEN']);
});

test('signs that take two columns', () => {
  expect(table(20, [['質問', '処理中です、しばらく', '1', '']])[1]).toBe('質問  処理中…  1');
});

test('batches of the API: at 60 columns their ids are whole', async () => {
  const batch = (id: string, more: Partial<MessageBatch> = {}) =>
    ({ id, processing_status: 'in_progress', request_counts: { processing: 1319, succeeded: 0, errored: 0, canceled: 0, expired: 0 }, created_at: '2026-11-02T09:00:00Z', expires_at: '2026-11-03T09:00:00Z', ended_at: null, ...more }) as MessageBatch;
  const ended = { processing_status: 'ended', ended_at: '2026-11-02T09:30:00Z', request_counts: { processing: 0, succeeded: 1187, errored: 66, canceled: 5, expired: 61 } } as const;
  const rendering = { now: new Date('2026-11-02T10:00:00Z'), colors, formats: await loadFormats(), cwd: '/' };
  const at = (width: number) => renderBatchTable([batch('msgbatch_01HkcTjaV5uDC8jWR4ZsDV8d'), batch('msgbatch_01PqD3xwYbT6fK9mNvR2sLzE', ended)], { ...rendering, width });
  expect(at(120)).toMatch(/EXPIRES/);
  expect(at(60).split('\n')).toEqual(['BATCH                              STATUS       REQUESTS', 'msgbatch_01HkcTjaV5uDC8jWR4ZsDV8d  in_progress  1,319 proce…', 'msgbatch_01PqD3xwYbT6fK9mNvR2sLzE  ended        1,187 succe…']);
  expect(at(40)).toMatch(/msgbatch_01HkcTjaV5uDC8jWR4ZsDV8d/);
});
