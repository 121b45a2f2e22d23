/** Batches as people read them. */
import type { MessageBatch } from '../../../api';
import { resultsKeptUntil } from '../../../contract';
import { fittedTable } from '../../display/fitted-table';
import type { Column } from '../../display/fitted-table';
import { drawn, plainTable } from '../../display/plain-table';
import type { Rendering } from '../../display/rendering';
import { printable } from '../../printable';

/** A batch in detail, a fact a line. @param commands what shows its results */
export function renderBatch(batch: MessageBatch, rendering: Rendering, commands: { results: string }): string {
  const facts: [string, string][] = [
    ['status', status(batch, rendering)],
    ['requests', counts(batch, rendering)],
    ['created', moment(batch.created_at, rendering)],
  ];
  if (batch.cancel_initiated_at) facts.push(['canceled', moment(batch.cancel_initiated_at, rendering)]);
  if (batch.ended_at) facts.push(['ended', moment(batch.ended_at, rendering)]);
  else facts.push(['expires', moment(batch.expires_at, rendering)]);
  facts.push(['results', results(batch, rendering, commands.results)]);
  const table = plainTable();
  for (const [name, value] of facts) table.push([name, value]);
  return `${printable(batch.id)}\n${drawn(table)}`;
}

/** A page of batches, a line each, in the order of the API. Their ids are never cut: the other commands take them. */
export function renderBatchTable(batches: MessageBatch[], rendering: Rendering): string {
  const columns: Column<MessageBatch>[] = [
    { title: 'BATCH', text: (batch) => printable(batch.id) },
    { title: 'STATUS', text: (batch) => printable(batch.processing_status), color: (batch, text) => statusColor(batch, rendering)(text), cutTo: 5 },
    { title: 'REQUESTS', text: (batch) => counts(batch, rendering), leavesAs: 1, cutTo: 10 },
    { title: 'CREATED', text: (batch) => passed(batch.created_at, rendering), leavesAs: 2 },
    { title: 'EXPIRES', text: (batch) => (batch.ended_at ? '' : passed(batch.expires_at, rendering)), leavesAs: 3 },
  ];
  return fittedTable(columns, batches, rendering);
}

function status(batch: MessageBatch, rendering: Rendering): string {
  return statusColor(batch, rendering)(printable(batch.processing_status));
}

function statusColor({ processing_status: status }: MessageBatch, { colors }: Rendering): (text: string) => string {
  return status === 'ended' ? colors.green : status === 'canceling' ? colors.yellow : String;
}

/** Only what occurs, whatever names there are: `3 processing`. A gateway may leave the counts out. */
function counts({ request_counts: requests }: Partial<MessageBatch>, { formats }: Rendering): string {
  return Object.entries(requests ?? {})
    .filter(([, count]) => count > 0)
    .map(([name, count]) => `${formats.count(count)} ${printable(name)}`)
    .join(' · ');
}

function results(batch: MessageBatch, rendering: Rendering, command: string): string {
  if (batch.archived_at) return `no longer kept by the API, since ${moment(batch.archived_at, rendering)}`;
  if (batch.processing_status !== 'ended') return 'when it has ended';
  const until = resultsKeptUntil(batch.created_at);
  return `${command}${until === undefined ? '' : ` (kept until ${until.slice(0, 10)})`}`;
}

/** `2026-11-21T10:00:00Z (5 min ago)`. */
function moment(given: string, rendering: Rendering): string {
  const time = printable(given);
  const since = passed(time, rendering);
  return since === time ? time : `${time} (${since})`;
}

/** `5 min ago`, `in 23 h`; the time itself where it cannot be read. */
function passed(time: string, { now, formats }: Rendering): string {
  const ms = now.getTime() - Date.parse(time);
  if (Number.isNaN(ms)) return printable(time);
  return ms >= 0 ? `${formats.duration(ms)} ago` : `in ${formats.duration(-ms)}`;
}
