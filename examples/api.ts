/** The Message Batches client by itself: no Temporal, no job folder. What it pays for is yours to remember. */
import { setTimeout as sleep } from 'node:timers/promises';
import { apiOptionsFromEnv, jsonlFile, MessageBatchesApi, MessageBatchesError } from 'temporal-message-batches/api';

/** Sends a file of requests as one batch, waits for it and gives the answers by `custom_id`. */
export async function answers(path: string): Promise<Map<string, string>> {
  const api = new MessageBatchesApi(apiOptionsFromEnv(process.env));
  const texts = new Map<string, string>();
  try {
    // Streamed from disk, every line checked on the way, the last byte held back until the deadline is seen to be ahead.
    let { data: batch } = await api.create(await jsonlFile(path), { deadline: new Date(Date.now() + 60_000) });
    while (batch.processing_status !== 'ended') {
      await sleep(1_000);
      ({ data: batch } = await api.retrieve(batch.id));
    }
    for await (const { custom_id, result } of await api.results(batch.id)) {
      if (result.type !== 'succeeded') continue;
      texts.set(custom_id, result.message.content.map((block) => (block.type === 'text' ? block.text : '')).join(''));
    }
  } catch (error) {
    // A batch may have been made, and be paid for: look before it is sent again.
    if (error instanceof MessageBatchesError && !error.outcomeKnown) {
      for await (const batch of api.listAll({ limit: 100 })) console.error(batch.id, batch.created_at, batch.request_counts);
    }
    throw error;
  } finally {
    await api.close();
  }
  return texts;
}
