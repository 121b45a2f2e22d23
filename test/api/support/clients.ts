import { MessageBatchesApi, type ApiOptions } from '../../../src/api';

const clients: MessageBatchesApi[] = [];

/** A client that makes each call once, unless the options say otherwise; `closeClients` closes it. */
export function openClient(options: ApiOptions): MessageBatchesApi {
  const api = new MessageBatchesApi({ maxRetries: 0, ...options });
  clients.push(api);
  return api;
}

export async function closeClients(): Promise<void> {
  await Promise.all(clients.splice(0).map((api) => api.close()));
}
