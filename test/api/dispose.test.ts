import { InvalidRequestError, MessageBatchesApi } from '../../src/api';
import { batch, closeServers, expectRejection, httpServer, json, streamingServer } from './support/servers';

afterEach(closeServers);

test('`await using` closes a client at the end of its block', async () => {
  const server = await httpServer((_, response) => json(response, 200, batch()));
  let kept: MessageBatchesApi;
  {
    await using api = new MessageBatchesApi({ baseUrl: server.url, maxRetries: 0 });
    kept = api;
    await api.retrieve('x');
    expect(server.sockets.size).toBe(1);
  }
  while (server.sockets.size > 0) await new Promise(setImmediate);
  await expectRejection(kept.retrieve('x'), InvalidRequestError);
});

test('`await using` closes results, also where the block throws', async () => {
  const server = await streamingServer((_, response) => response.writeHead(200).write('{"custom_id":"a","result":{"type":"expired"}}\n'));
  await using api = new MessageBatchesApi({ baseUrl: server.url, maxRetries: 0 });
  const look = async () => {
    await using results = await api.results('x');
    expect(server.sockets.size).toBe(1);
    throw new RangeError(`enough of ${results.status}`);
  };
  expect((await expectRejection(look(), RangeError)).message).toBe('enough of 200');
  while (server.sockets.size > 0) await new Promise(setImmediate);
});
