/** Where the SDK is not followed with results: what it does, and what this client does instead, side by side on the same answers. */
import { AnthropicError, APIError } from '@anthropic-ai/sdk';
import { setImmediate as turn } from 'node:timers/promises';
import { ApiError, ConnectionError, InvalidAnswerError, TimeoutError } from '../../src/api';
import { collect, KEY } from './support/both-clients';
import { headersOf, inShort } from './support/equal-requests';
import { json, RecordingServer, text } from './support/recording-server';
import { batch, BATCHES, rejection, withBoth, withSimulatedBatch } from './support/side-by-side';

const LINE = '{"custom_id":"a","result":{"type":"canceled"}}\n';

describe('where they are asked for', () => {
  test('the SDK retrieves the batch before; here one call is enough', async () => {
    await withBoth({}, async ({ sdk, ours, recorder, answers, asked }) => {
      answers(json(200, batch({ results_url: `${recorder.url}${BATCHES}/msgbatch_1/results` })), text(200, LINE, {}));
      expect(await collect(await sdk.messages.batches.results('msgbatch_1'))).toHaveLength(1);
      expect(asked()).toEqual([`GET ${BATCHES}/msgbatch_1`, `GET ${BATCHES}/msgbatch_1/results`]);
      answers(text(200, LINE, {}));
      expect(await collect(await ours.results('msgbatch_1'))).toHaveLength(1);
      expect(asked()).toEqual([`GET ${BATCHES}/msgbatch_1/results`]);
    });
  });

  test('results_url on another origin: the SDK sends the credential there; here nothing goes there', async () => {
    const other = await RecordingServer.start();
    await withBoth({}, async ({ sdk, ours, answers, asked }) => {
      const elsewhere = batch({ results_url: `${other.url}/anything` });
      other.play([text(200, LINE, {})]);
      answers(json(200, elsewhere));
      await collect(await sdk.messages.batches.results('msgbatch_1'));
      expect(other.requests.map((request) => [inShort(request), headersOf(request)['authorization']])).toEqual([['GET /anything', `Bearer ${KEY}`]]);
      other.play([]);
      answers(json(200, elsewhere), text(200, LINE, {}));
      await ours.retrieve('msgbatch_1');
      expect(await collect(await ours.results('msgbatch_1'))).toHaveLength(1);
      expect(other.requests).toEqual([]);
      expect(asked().at(-1)).toBe(`GET ${BATCHES}/msgbatch_1/results`);
    });
    await other.close();
  });

  test('a base URL with a path prefix: the SDK loses it where results_url has none; here it stays', async () => {
    await withBoth({ basePath: '/gateway' }, async ({ sdk, ours, recorder, answers, asked }) => {
      answers(json(200, batch({ results_url: `${recorder.url}${BATCHES}/msgbatch_1/results` })), text(200, LINE, {}));
      await collect(await sdk.messages.batches.results('msgbatch_1'));
      expect(asked()).toEqual([`GET /gateway${BATCHES}/msgbatch_1`, `GET ${BATCHES}/msgbatch_1/results`]);
      answers(text(200, LINE, {}));
      await collect(await ours.results('msgbatch_1'));
      expect(asked()).toEqual([`GET /gateway${BATCHES}/msgbatch_1/results`]);
    });
  });

  test('results_url null although there are results: the SDK gives up; here they are asked for', async () => {
    await withBoth({}, async ({ sdk, ours, answers }) => {
      answers(json(200, batch()));
      const error = await rejection(() => sdk.messages.batches.results('msgbatch_1'));
      expect([error instanceof AnthropicError, error.message]).toEqual([true, expect.stringContaining('No batch `results_url`')]);
      answers(text(200, LINE, {}));
      expect(await collect(await ours.results('msgbatch_1'))).toHaveLength(1);
    });
  });

  test('results before the end: the SDK has an error without a status; here it is the 404 of the API', async () => {
    await withSimulatedBatch({ processingMs: Infinity }, async ({ sdk, ours, id }) => {
      expect(await rejection(() => sdk.messages.batches.results(id))).not.toBeInstanceOf(APIError);
      expect(await rejection(() => ours.results(id))).toMatchObject({ name: 'NotFoundError', status: 404, type: 'not_found_error' });
    });
  });

  test.each(['bearer', 'x-api-key'] as const)('a redirect to another origin, with %s: the SDK follows it; here it is refused', async (credential) => {
    const other = await RecordingServer.start();
    await withBoth({ credential }, async ({ sdk, ours, answers }) => {
      const elsewhere = text(307, '', { location: `${other.url}/anything` });
      other.play([json(200, batch())]);
      answers(elsewhere);
      await sdk.messages.batches.retrieve('msgbatch_1');
      const headers = headersOf(other.requests[0]!);
      // fetch keeps the one credential to itself, and hands the other one over.
      expect([headers['authorization'], headers['x-api-key']]).toEqual([undefined, credential === 'x-api-key' ? KEY : undefined]);
      other.play([]);
      answers(elsewhere);
      expect(await rejection(() => ours.retrieve('msgbatch_1'))).toBeInstanceOf(ApiError);
      expect(other.requests).toEqual([]);
    });
    await other.close();
  });
});

describe('how they are read', () => {
  test('a line that is no JSON: the SDK has a SyntaxError that names no line; here its number is named and nothing of it', async () => {
    await withSimulatedBatch({}, async ({ sdk, ours, simulator, id }) => {
      simulator.addFault({ on: 'results', kind: 'change-lines', change: 'corrupted', line: 3, times: 2 });
      const theirs = await rejection(async () => collect(await sdk.messages.batches.results(id)));
      expect([theirs.name, theirs instanceof AnthropicError]).toEqual(['SyntaxError', false]);
      const own = await rejection(async () => collect(await ours.results(id)));
      expect(own).toBeInstanceOf(InvalidAnswerError);
      expect(own.message).toMatch(/line 3\b/);
      expect(own.message).not.toMatch(/secret|claude/);
    });
  });

  test('a blank line: the SDK fails; here it is passed over', async () => {
    await withSimulatedBatch({}, async ({ sdk, ours, simulator, id }) => {
      simulator.addFault({ on: 'results', kind: 'change-lines', change: 'blank-line-before', line: 3, times: 2 });
      expect((await rejection(async () => collect(await sdk.messages.batches.results(id)))).name).toBe('SyntaxError');
      expect(await collect(await ours.results(id))).toHaveLength(10);
    });
  });

  test('a cut: the SDK has the error of fetch; here it is one that may be asked for again', async () => {
    await withSimulatedBatch({}, async ({ sdk, ours, simulator, id }) => {
      simulator.addFault({ on: 'results', kind: 'cut', afterBytes: 1500, contentLength: true, times: 2 });
      const theirs = await rejection(async () => collect(await sdk.messages.batches.results(id)));
      expect([theirs.name, theirs instanceof AnthropicError]).toEqual(['TypeError', false]);
      const own = await rejection(async () => collect(await ours.results(id)));
      expect(own).toBeInstanceOf(ConnectionError);
      expect(own.retryable).toBe(true);
    });
  });

  test('results that stand still: no timeout of the call ends the wait of the SDK; here they time out', async () => {
    await withSimulatedBatch({}, async ({ sdk, ours, simulator, id }) => {
      simulator.addFault({ on: 'results', kind: 'stall', afterLines: 2, times: 2 });
      const controller = new AbortController();
      const stream = await sdk.messages.batches.results(id, {}, { timeout: 100, signal: controller.signal });
      let ended = false;
      const theirs = collect(stream).then(
        () => (ended = true),
        () => (ended = true),
      );
      await simulator.waitFor('fault');
      const own = await rejection(async () => collect(await ours.results(id)));
      expect(own).toBeInstanceOf(TimeoutError);
      expect(own.waitingFor).toBe('body');
      await turn();
      expect(ended).toBe(false);
      controller.abort();
      await theirs;
    });
  });
});
