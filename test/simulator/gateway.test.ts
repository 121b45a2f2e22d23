/** What stands before the API: a path prefix, another base of results_url, the beta form demanded, a workspace. */
import { startSimulator } from '../../src/simulator';
import { BATCHES, bodyOf, createBatch, get, HEADERS, post, request, resultLines, send, withFolder, withSimulator } from './support/simulation';

const ENDED = { processingMs: 0 };

describe('pathPrefix', () => {
  test('stands before every path, also in url and results_url', async () => {
    await withSimulator({ ...ENDED, pathPrefix: '/team-a/anthropic' }, async (simulator) => {
      const { url, port } = simulator;
      expect(url).toBe(`http://127.0.0.1:${port}/team-a/anthropic`);
      const id = await createBatch(url);
      const { json } = await get(url, `/${id}`);
      expect(json.results_url).toBe(`${url}${BATCHES}/${id}/results`);
      expect((await send(json.results_url, 'GET', '')).status).toBe(200);
    });
  });

  test('without it there is no API', async () => {
    await withSimulator({ pathPrefix: '/gateway' }, async ({ port }) => {
      for (const path of ['', '/gatewayx', '/other', '/gateway/gateway']) {
        expect((await send(`http://127.0.0.1:${port}${path}`, 'GET', BATCHES)).status).toBe(404);
      }
    });
  });

  test("the simulator's own endpoints are found with it and without", async () => {
    await withSimulator({ pathPrefix: '/gateway' }, async ({ url, port }) => {
      for (const base of [url, `http://127.0.0.1:${port}`]) expect((await send(base, 'GET', '/simulator/stats', { headers: {} })).json.accepted).toEqual([]);
    });
  });

  test('a second simulator still sees that the folder is taken', async () => {
    await withFolder(async (folder) => {
      const first = await startSimulator({ folder, pathPrefix: '/gateway' });
      await expect(startSimulator({ folder })).rejects.toThrow('works with');
      await first.close();
    });
  });

  test.each(['gateway', '/gateway/', '/', '//', '/a b', '/a?b'])('%j is none', async (pathPrefix) => {
    await withFolder(async (folder) => {
      await expect(startSimulator({ folder, pathPrefix })).rejects.toThrow('pathPrefix must be like /some/path');
    });
  });
});

test('resultsUrlBase: another base of results_url, for the results are where they were', async () => {
  await withSimulator({ ...ENDED, resultsUrlBase: 'https://elsewhere.example/x/' }, async (simulator) => {
    const id = await createBatch(simulator.url);
    expect((await get(simulator.url, `/${id}`)).json.results_url).toBe(`https://elsewhere.example/x${BATCHES}/${id}/results`);
    expect(await resultLines(simulator.url, id)).toHaveLength(1);
    expect(() => simulator.setOptions({ resultsUrlBase: 'elsewhere' })).toThrow('resultsUrlBase must be a URL');
  });
});

test('requiresBetaForm: 400 without the beta or without the query', async () => {
  const beta = { ...HEADERS, 'anthropic-beta': 'files-api-2025-04-14, message-batches-2024-09-24' };
  const body = bodyOf(request('a'));
  await withSimulator({ ...ENDED, requiresBetaForm: true }, async ({ url }) => {
    const refused = [await post(url, '', body), await post(url, '?beta=true', body), await post(url, '', body, beta), await post(url, '?beta=1', body, beta)];
    for (const { status, json } of refused) expect([status, json.error.type]).toEqual([400, 'invalid_request_error']);
    const created = await post(url, '?beta=true', body, beta);
    expect(created.status).toBe(200);
    for (const path of ['', `/${created.json.id}`, `/${created.json.id}/results`]) {
      expect((await get(url, `${path}?beta=true`, beta)).status).toBe(200);
      expect((await get(url, path, beta)).status).toBe(400);
    }
  });
});

test('the beta form is accepted where it is not required, and a workspace always; both are recorded with the batch', async () => {
  await withSimulator(ENDED, async (simulator) => {
    const headers = { ...HEADERS, 'anthropic-beta': 'message-batches-2024-09-24', 'anthropic-workspace-id': 'wrkspc_01' };
    const { json } = await post(simulator.url, '?beta=true', bodyOf(request('a')), headers);
    for (const path of ['', `/${json.id}`, `/${json.id}/results`]) expect((await get(simulator.url, `${path}?beta=true`, headers)).status).toBe(200);
    expect(simulator.stats().accepted).toMatchObject([{ anthropicBeta: 'message-batches-2024-09-24', anthropicWorkspaceId: 'wrkspc_01' }]);
  });
});
