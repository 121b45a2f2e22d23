import type { Client } from '@temporalio/client';
import type { Payload } from '@temporalio/common';

export type { Payload };

/** What the payload codecs of a client make of payloads that the server has. */
export async function decodePayloads(client: Client, payloads: Payload[]): Promise<Payload[]> {
  let decoded = payloads;
  for (const codec of client.options.loadedDataConverter.payloadCodecs.toReversed()) decoded = await codec.decode(decoded);
  return decoded;
}
