/** Requests made by a program, with metadata that is never sent. */
import type { ProgramRequest } from 'temporal-message-batches/client';

/** Could as well be rows of a database: an async generator is asked for one request after another. */
export function* questions(factors: number[]): Generator<ProgramRequest> {
  for (const factor of factors) {
    const messages = [{ role: 'user', content: `What is ${factor} * 6?` }];
    yield { custom_id: `times-${factor}`, params: { model: 'claude-sonnet-4-5', max_tokens: 64, messages }, metadata: { factor } };
  }
}
