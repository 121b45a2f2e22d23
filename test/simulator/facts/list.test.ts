/** The list call. */
import { describeFacts, ENDED, OPEN, type Fact } from '../support/facts';
import { createBatch, del, get } from '../support/simulation';

const list: Fact[] = [
  ['limit: 20 by default, 1 to 1,000', OPEN, async ({ url }) => {
    for (let i = 0; i < 21; i++) await createBatch(url);
    const lengths = await Promise.all(['', '?limit=1', '?limit=21', '?limit=1000'].map(async (query) => (await get(url, query)).json.data.length));
    expect(lengths).toEqual([20, 1, 21, 21]);
  }],
  ['a limit out of range is 400', OPEN, async ({ url }) => {
    for (const limit of ['0', '1001', '-1', '2.5', 'many', '']) {
      const { status, json } = await get(url, `?limit=${limit}`);
      expect([limit, status, json.error.type]).toEqual([limit, 400, 'invalid_request_error']);
    }
  }],
  ['after_id gives the page after (older), before_id the page before (newer); has_more speaks of the direction asked for', OPEN, async ({ url }) => {
    const ids: string[] = [];
    for (let i = 0; i < 6; i++) ids.unshift(await createBatch(url));
    const page = async (query: string) => {
      const { json } = await get(url, query);
      expect([json.first_id, json.last_id]).toEqual([json.data[0].id, json.data.at(-1).id]);
      return [json.data.map((item: { id: string }) => ids.indexOf(item.id)), json.has_more];
    };
    expect(await page('?limit=2')).toEqual([[0, 1], true]);
    expect(await page(`?limit=2&after_id=${ids[1]}`)).toEqual([[2, 3], true]);
    expect(await page(`?limit=2&after_id=${ids[3]}`)).toEqual([[4, 5], false]);
    expect(await page(`?limit=2&before_id=${ids[4]}`)).toEqual([[2, 3], true]);
    expect(await page(`?limit=2&before_id=${ids[2]}`)).toEqual([[0, 1], false]);
    expect(await page(`?limit=3&before_id=${ids[2]}`)).toEqual([[0, 1], false]);
  }],
  ['first_id and last_id are null on an empty page', OPEN, async ({ url }) => {
    expect((await get(url)).json).toEqual({ data: [], has_more: false, first_id: null, last_id: null });
    const id = await createBatch(url);
    expect((await get(url, `?after_id=${id}`)).json).toEqual({ data: [], has_more: false, first_id: null, last_id: null });
    expect((await get(url, `?before_id=${id}`)).json).toEqual({ data: [], has_more: false, first_id: null, last_id: null });
  }],
  ['a deleted batch works as a cursor; an unknown one, and both cursors at once, are 400 (choices)', ENDED, async ({ url }) => {
    const [older, middle, newer] = [await createBatch(url), await createBatch(url), await createBatch(url)];
    await del(url, `/${middle}`);
    expect((await get(url, `?after_id=${middle}`)).json.first_id).toBe(older);
    expect((await get(url, `?before_id=${middle}`)).json.first_id).toBe(newer);
    expect((await get(url, '?after_id=msgbatch_none')).status).toBe(400);
    expect((await get(url, `?after_id=${older}&before_id=${newer}`)).status).toBe(400);
  }],
];

describeFacts('list', list);
