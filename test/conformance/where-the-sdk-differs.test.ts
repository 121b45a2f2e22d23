/** Where the SDK is not followed: what it does, and what this client does instead, side by side on the same answers. */
import { InvalidAnswerError, InvalidRequestError, MessageBatchesApi } from '../../src/api';
import { apiOf, BATCHES_BETA, collect, KEY, type Requests } from './support/both-clients';
import { headersOf } from './support/equal-requests';
import { json, text, type GivenAnswer, type Reset } from './support/recording-server';
import { batch, BATCHES, page, rejection, REQUESTS, withBoth } from './support/side-by-side';

describe('create', () => {
  const overloaded = json(529, { type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } }, { 'retry-after-ms': '1' });

  test.each<[string, GivenAnswer | Reset]>([
    ['after a 529', overloaded],
    ['after a connection that was lost once all was sent', 'reset'],
  ])('%s: the SDK sends it again and may pay twice; here its outcome is unknown', async (_when, answer) => {
    await withBoth({ maxRetries: 2 }, async ({ sdk, ours, answers, asked }) => {
      answers(answer, answer, overloaded);
      await rejection(() => sdk.messages.batches.create({ requests: REQUESTS }));
      expect(asked()).toHaveLength(3);
      answers(answer, answer, overloaded);
      expect(await rejection(() => ours.create({ requests: REQUESTS }))).toMatchObject({ outcomeKnown: false, retryable: false });
      expect(asked()).toHaveLength(1);
    });
  });

  test('a 429 for a spend limit: the SDK tries again; here waiting is known not to help', async () => {
    await withBoth({ maxRetries: 2 }, async ({ sdk, ours, answers, asked }) => {
      const error = { type: 'rate_limit_error', message: 'Limit', details: { error_code: 'enforced_spend_limit_reached' } };
      const limit = json(429, { type: 'error', error }, { 'retry-after-ms': '1' });
      answers(limit, limit, limit);
      await rejection(() => sdk.messages.batches.create({ requests: REQUESTS }));
      expect(asked()).toHaveLength(3);
      answers(limit, limit, limit);
      expect(await rejection(() => ours.create({ requests: REQUESTS }))).toMatchObject({ isSpendLimit: true, retryable: false });
      expect(asked()).toHaveLength(1);
    });
  });

  test.each<[string, Requests]>([
    ['no request', []],
    ['a custom_id twice', [...REQUESTS, ...REQUESTS]],
    ['a bad custom_id', [{ ...REQUESTS[0]!, custom_id: 'not good' }]],
  ])('%s: the SDK lets the API refuse it; here it is refused before any HTTP', async (_what, requests) => {
    await withBoth({}, async ({ sdk, ours, answers, asked }) => {
      answers(json(400, { type: 'error', error: { type: 'invalid_request_error', message: 'No.' } }));
      await rejection(() => sdk.messages.batches.create({ requests }));
      expect(asked()).toHaveLength(1);
      answers();
      expect(await rejection(() => ours.create({ requests }))).toBeInstanceOf(InvalidRequestError);
      expect(asked()).toHaveLength(0);
    });
  });

  test('200 with HTML: the SDK gives the page as the batch; here it is an error that says what is known', async () => {
    await withBoth({}, async ({ sdk, ours, answers }) => {
      const html = text(200, '<html></html>', { 'content-type': 'text/html' });
      answers(html);
      expect(await sdk.messages.batches.create({ requests: REQUESTS })).toBe('<html></html>');
      answers(html);
      const error = await rejection(() => ours.create({ requests: REQUESTS }));
      expect(error).toBeInstanceOf(InvalidAnswerError);
      expect(error.outcomeKnown).toBe(false);
    });
  });

  test('200 with cut JSON: a SyntaxError without a request id; here a typed error with it', async () => {
    await withBoth({}, async ({ sdk, ours, answers }) => {
      const cut = text(200, '{"id":"msgb', { 'content-type': 'application/json', 'request-id': 'req_cut' });
      answers(cut);
      expect((await rejection(() => sdk.messages.batches.create({ requests: REQUESTS }))).name).toBe('SyntaxError');
      answers(cut);
      expect(await rejection(() => ours.create({ requests: REQUESTS }))).toMatchObject({ name: 'InvalidAnswerError', requestId: 'req_cut', outcomeKnown: false });
    });
  });
});

describe('betas', () => {
  test('of one call: in the SDK they replace those of the client; here they join them', async () => {
    await withBoth({ betas: ['one'] }, async ({ sdk, ours, recorder, answers }) => {
      answers(json(200, batch()));
      await sdk.messages.batches.retrieve('a', {}, { headers: { 'anthropic-beta': 'two' } });
      expect(headersOf(recorder.requests[0]!)['anthropic-beta']).toBe('two');
      answers(json(200, batch()));
      await ours.retrieve('a', { betas: ['two'] });
      expect(headersOf(recorder.requests[0]!)['anthropic-beta']).toBe('one,two');
    });
  });

  test('the beta namespace sends neither the query nor the name of the beta; here one option sends both', async () => {
    await withBoth({}, async ({ sdk, recorder, answers, asked }) => {
      answers(json(200, batch()), json(200, batch()));
      await sdk.beta.messages.batches.retrieve('a');
      const ours = apiOf({ baseUrl: recorder.url, betaForm: true });
      await ours.retrieve('a');
      await ours.close();
      expect(asked()).toEqual([`GET ${BATCHES}/a`, `GET ${BATCHES}/a?beta=true`]);
      expect(recorder.requests.map((request) => headersOf(request)['anthropic-beta'])).toEqual([undefined, BATCHES_BETA]);
    });
  });
});

test('anthropic-version: the SDK moves to a new one with a release; here it is a setting with a default that stays', async () => {
  await withBoth({}, async ({ sdk, recorder, answers }) => {
    answers(json(200, batch()), json(200, batch()));
    await sdk.messages.batches.retrieve('a');
    const ours = new MessageBatchesApi({ baseUrl: recorder.url, credential: { kind: 'bearer', token: KEY } });
    await ours.retrieve('a');
    await ours.close();
    expect(recorder.requests.map((request) => headersOf(request)['anthropic-version'])).toEqual(['2026-10-21', '2023-06-01']);
  });
});

describe('ids', () => {
  test.each(['', '.', '..'])('%j is refused by both before any HTTP; here the message names the parameter', async (id) => {
    await withBoth({}, async ({ sdk, ours, answers, asked }) => {
      answers();
      expect((await rejection(() => sdk.messages.batches.retrieve(id))).message).toMatch(/^Path parameters result in path with invalid segments/);
      const error = await rejection(() => ours.retrieve(id));
      expect(error).toBeInstanceOf(InvalidRequestError);
      expect(error.message).toMatch(/^id: /);
      expect(asked()).toEqual([]);
    });
  });

  test('an empty cursor: the SDK sends it; here it is refused', async () => {
    await withBoth({}, async ({ sdk, ours, answers, asked }) => {
      answers(page([], false));
      await sdk.messages.batches.list({ after_id: '' });
      expect(asked()).toEqual([`GET ${BATCHES}?after_id=`]);
      expect((await rejection(() => ours.list({ afterId: '' }))).message).toMatch(/^afterId: /);
      expect(asked()).toHaveLength(1);
    });
  });
});

describe('list', () => {
  test('more is promised behind an empty page: the SDK ends as if that were all; here it is an error', async () => {
    await withBoth({}, async ({ sdk, ours, answers }) => {
      const pages = [page(['b', 'a'], true), page([], true)];
      answers(...pages);
      expect(await collect(sdk.messages.batches.list())).toHaveLength(2);
      answers(...pages);
      expect(await rejection(() => collect(ours.listAll()))).toBeInstanceOf(InvalidAnswerError);
    });
  });

  test('a cursor that does not move: the SDK asks for ever; here it is an error', async () => {
    await withBoth({}, async ({ sdk, ours, answers, asked }) => {
      const pages = Array.from({ length: 50 }, () => page(['a'], true));
      answers(...pages);
      for await (const { id } of sdk.messages.batches.list()) if (id === 'a' && asked().length === 50) break;
      expect(asked()).toHaveLength(50);
      answers(...pages);
      expect(await rejection(() => collect(ours.listAll()))).toBeInstanceOf(InvalidAnswerError);
      expect(asked()).toHaveLength(2);
    });
  });
});
