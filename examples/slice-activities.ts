/** An activity that reads the results of a slice by reference: none of them is ever a payload of Temporal. */
import { Context } from '@temporalio/activity';
import type { FollowUpSliceInput } from 'temporal-message-batches/follow-up/activity';
import { sliceResults, textOf } from 'temporal-message-batches/follow-up/activity';

export async function countWords(input: FollowUpSliceInput): Promise<number> {
  let words = 0;
  for await (const { customId, result } of sliceResults(input, { signal: Context.current().cancellationSignal })) {
    if (result.type === 'succeeded') words += textOf(result.message).split(/\s+/).length;
    Context.current().heartbeat(customId);
  }
  return words;
}
