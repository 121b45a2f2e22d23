/** The comparison itself: what it finds, what it forgives, and that nothing is forgiven that does not occur. */
import { apiOf, collect, sdkOf } from './support/both-clients';
import { comparable, deliberateDifference, DELIBERATE_DIFFERENCES, expectEqualRequests, headersOf } from './support/equal-requests';
import { json, RecordingServer, text, type SentRequest } from './support/recording-server';

const REQUEST: SentRequest = {
  method: 'GET',
  target: '/v1/messages/batches/a%2Fb?limit=2&after_id=x',
  headers: [['authorization', 'Bearer k'], ['anthropic-beta', 'one,two'], ['user-agent', 'Anthropic/JS 1'], ['x-stainless-lang', 'js']],
  body: Buffer.from('{"a":1}'),
};
const like = (changes: Partial<SentRequest>): SentRequest => ({ ...REQUEST, ...changes });
const withHeader = (name: string, value: string): SentRequest => like({ headers: [...REQUEST.headers.filter(([other]) => other !== name), [name, value]] });

test.each<[string, SentRequest]>([
  ['the user agent', withHeader('user-agent', 'temporal-message-batches/1')],
  ["the SDK's telemetry", like({ headers: REQUEST.headers.filter(([name]) => name !== 'x-stainless-lang') })],
  ['the order of the query', like({ target: '/v1/messages/batches/a%2Fb?after_id=x&limit=2' })],
  ['how a character of an id is spelled', like({ target: '/v1/messages/batches/%61%2fb?limit=2&after_id=%78' })],
  ['the order of betas', withHeader('anthropic-beta', 'two, one')],
])('%s may differ', (_what, ours) => {
  expectEqualRequests([REQUEST], [ours]);
});

test.each<[string, SentRequest[]]>([
  ['a method', [like({ method: 'POST' })]],
  ['a path', [like({ target: '/v1/messages/batches/a/b?limit=2&after_id=x' })]],
  ['a query parameter', [like({ target: '/v1/messages/batches/a%2Fb?limit=2' })]],
  ['a further query parameter', [like({ target: `${REQUEST.target}&beta=true` })]],
  ['a body, by a space', [like({ body: Buffer.from('{"a": 1}') })]],
  ['a missing header', [like({ headers: REQUEST.headers.slice(1) })]],
  ['a further header', [withHeader('x-new', '1')]],
  ['a header that is sent twice', [like({ headers: [...REQUEST.headers, ['authorization', 'Bearer k']] })]],
  ['a credential', [withHeader('authorization', 'Bearer other')]],
  ['a beta', [withHeader('anthropic-beta', 'one')]],
  ['a user agent that is none of ours', [withHeader('user-agent', 'node')]],
  ['one request more', [REQUEST, REQUEST]],
  ['one request less', []],
])('%s may not', (_what, ours) => {
  expect(() => expectEqualRequests([REQUEST], ours)).toThrow('toEqual');
});

test('every deliberate difference occurs', async () => {
  const recorder = await RecordingServer.start();
  const batch = { id: 'a', type: 'message_batch', processing_status: 'ended', results_url: `${recorder.url}/v1/messages/batches/a/results` };
  const answers = [json(200, batch), json(200, batch), text(200, '', {})];
  const requests = [{ custom_id: 'a', params: { model: 'm', max_tokens: 1, messages: [] } }];
  const sdk = sdkOf({ baseUrl: recorder.url });
  const api = apiOf({ baseUrl: recorder.url });
  recorder.play(answers);
  await sdk.messages.batches.create({ requests });
  await collect(await sdk.messages.batches.results('a'));
  const fromSdk = recorder.requests;
  recorder.play(answers);
  await api.create({ requests });
  await api.retrieve('a');
  await collect(await api.results('a'));
  const fromUs = recorder.requests;
  await api.close();
  await recorder.close();

  const seen = new Set<unknown>();
  for (const [index, request] of fromSdk.entries()) {
    const [sent, ours] = [headersOf(request), headersOf(fromUs[index]!)];
    for (const name of new Set([...Object.keys(sent), ...Object.keys(ours)])) {
      if (sent[name] !== ours[name]) seen.add(deliberateDifference(name, sent[name], ours[name]));
    }
    expect(comparable(request, fromUs[index]!)[0]).toEqual(comparable(request, fromUs[index]!)[1]);
  }
  expect([...seen].filter((difference) => difference !== undefined)).toHaveLength(DELIBERATE_DIFFERENCES.length);
});
