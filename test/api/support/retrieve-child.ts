/** A process that trusts the certificate of the tests, retrieves a batch twice through a proxy, and reports what became of it. */
import { MessageBatchesApi, type ProxySettings } from '../../../src/api';

export interface RetrieveJob {
  url: string;
  proxy: ProxySettings;
}

export type RetrieveOutcome = { ids: string[] } | { error: { name: string; message: string; sent?: string; retryable?: boolean } };

async function main({ url, proxy }: RetrieveJob): Promise<void> {
  const api = new MessageBatchesApi({ baseUrl: url, proxy, maxRetries: 0 });
  let outcome: RetrieveOutcome;
  try {
    const answers = [await api.retrieve('msgbatch_1'), await api.retrieve('msgbatch_2')];
    outcome = { ids: answers.map(({ data }) => data.id) };
  } catch (error) {
    const { name, message, sent, retryable } = error as Error & { sent?: string; retryable?: boolean };
    outcome = { error: { name, message, sent, retryable } };
  }
  process.send!(outcome);
  await api.close();
  process.disconnect();
}

void main(JSON.parse(process.argv[2]!) as RetrieveJob);
