import type { ObservedJobStatus, ObservedPart } from '../../client';
import type { BatchReport, TokenUsage } from '../../contract';
import { fittedTable } from './fitted-table';
import type { Column } from './fitted-table';
import { dollars } from './money';
import { partSentence } from './phases';
import { fit, outcomesLine, tokensCell } from './rendering';
import type { Rendering } from './rendering';

/** Parts in the table; those that run come before those that have ended. */
const MAX_PARTS_LISTED = 100;

interface PartRow {
  round: number;
  part: number;
  requests?: number;
  batchId?: string;
  state: string;
  needsPerson: boolean;
  usage?: TokenUsage;
  cost?: number;
}

/** The batches of a job that runs, a line each. @param ended reports of the parts that have ended, as far as they are on record here */
export function renderPartsTable({ running }: ObservedJobStatus, ended: BatchReport[], rendering: Rendering): string {
  const { formats, colors, width } = rendering;
  const open = new Set(running.map(({ round, part }) => `${round}.${part}`));
  const over = ended.filter(({ round, part }) => !open.has(`${round}.${part}`));
  const rows = [...running.map((part) => runningRow(part, rendering)), ...over.map((report) => endedRow(report, rendering))];
  const manyRounds = rows.some(({ round }) => round > 1);
  const columns: Column<PartRow>[] = [
    { title: 'ROUND', text: ({ round }) => (manyRounds ? String(round) : '') },
    { title: 'PART', text: ({ part }) => String(part) },
    { title: 'STATE', text: ({ state }) => state, color: (row, text) => (row.needsPerson ? colors.yellow(text) : text), cutTo: 24 },
    { title: 'REQUESTS', text: ({ requests }) => (requests === undefined ? '' : formats.count(requests)), leavesAs: 3 },
    { title: 'TOKENS', text: ({ usage }) => tokensCell(usage, rendering), leavesAs: 4 },
    { title: 'COST', text: ({ cost }) => (cost === undefined ? '' : dollars(cost)), leavesAs: 2 },
    { title: 'BATCH', text: ({ batchId }) => batchId ?? '', leavesAs: 5 },
  ];
  const hidden = rows.length - MAX_PARTS_LISTED;
  const more = hidden > 0 ? `\n${fit(`and ${formats.count(hidden)} more`, width)}` : '';
  return `${fittedTable(columns, rows.slice(0, MAX_PARTS_LISTED), rendering)}${more}`;
}

function endedRow({ round, part, requests, batchId, outcomes, usage, cost, tooLarge }: BatchReport, rendering: Rendering): PartRow {
  const state = tooLarge ? 'too large, cut into smaller parts' : outcomesLine(outcomes, rendering) || 'done';
  return { round, part, requests, batchId, state, needsPerson: false, usage, cost };
}

function runningRow(part: ObservedPart, rendering: Rendering): PartRow {
  const state = partSentence(part, rendering).replace(/^msgbatch_\w+ /, '');
  return { round: part.round, part: part.part, requests: part.status?.requests ?? part.requests, batchId: part.batchId, state, needsPerson: part.status?.attention !== undefined, usage: part.status?.usage };
}
