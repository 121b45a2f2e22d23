/** A process with a client from its environment that makes calls of every kind; how they end does not matter. */
import { apiOptionsFromEnv, MessageBatchesApi } from '../../../src/api';

async function main(): Promise<void> {
  const api = new MessageBatchesApi({ ...apiOptionsFromEnv(process.env), query: { api_key: 'query-secret-2' }, maxRetries: 1 });
  const readResults = async () => {
    for await (const chunk of (await api.results('r')).body) if (chunk.length === 0) return;
  };
  const params = { model: 'm', max_tokens: 1, messages: [{ role: 'user' as const, content: 'a whole prompt' }] };
  const calls = [
    () => api.create({ requests: [{ custom_id: 'a', params }] }),
    () => api.retrieve('html'),
    () => api.retrieve('busy'),
    () => api.cancel('moved'),
    () => api.list(),
    () => api.delete('x'),
    readResults,
    () => api.retrieve('x', { signal: AbortSignal.abort(new Error('a whole prompt')) }),
  ];
  for (const call of calls) await call().catch(() => undefined);
  await api.close();
}

void main();
