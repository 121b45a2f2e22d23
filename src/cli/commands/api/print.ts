import type { MessageBatch } from '../../../api';
import type { Output } from '../../output';
import { printableJson } from '../../printable';
import { renderBatch } from './batch-text';
import { apiCommandLine } from './call';
import type { ApiCommandOptions } from './call-options';

/** With `--json`, the API's own object: its keys are left as they came, unlike those of our documents. */
export function printObject(out: Output, object: unknown): void {
  if (out.json) process.stdout.write(`${printableJson(object)}\n`);
}

/** A batch for a person, or with `--json` the API's object. */
export async function printBatch(out: Output, batch: MessageBatch, options: ApiCommandOptions): Promise<void> {
  out.print(renderBatch(batch, await out.rendering(), { results: apiCommandLine(options, 'results', batch.id) }));
  printObject(out, batch);
}
