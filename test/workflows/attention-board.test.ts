/** What is shown of several that may ask for a person, where whoever is to be told cannot always be. */
import type { Attention } from '../../src/contract';
import { AttentionBoard } from '../../src/workflows/attention-board';

type Told = Attention['code'] | undefined;

/** A board, and what was told of it; where `hears` says no, it could not be told. */
function board(hears: () => boolean | Promise<boolean> = () => true): { board: AttentionBoard; tried: Told[] } {
  const tried: Told[] = [];
  return { tried, board: new AttentionBoard(async (attention) => (tried.push(attention?.code), hears())) };
}

test('what could not be told is told again at the next occasion, and only until it was', async () => {
  let hears = false;
  const { board: shown, tried } = board(() => hears);
  const desk = shown.desk();
  await desk.tell('follow_up_unserved', 'nobody');
  expect([tried, shown.current]).toEqual([['follow_up_unserved'], undefined]);
  // Another look says the same; or another activity has succeeded.
  await desk.tell('follow_up_unserved', 'nobody');
  hears = true;
  await shown.untilDone(async () => 'done');
  await shown.told();
  expect([tried.length, shown.current?.code]).toEqual([3, 'follow_up_unserved']);
  await desk.tell('follow_up_unserved', 'nobody');
  expect(tried).toHaveLength(3);
  hears = false;
  await desk.clear();
  hears = true;
  await shown.update();
  expect(tried.slice(3)).toEqual([undefined, undefined]);
});

test('what changes while it is being told is told after it; and all of it has been told once that is waited for', async () => {
  let heard = (): void => undefined;
  const { board: shown, tried } = board(() => new Promise((resolve) => (heard = () => resolve(true))));
  const desk = shown.desk();
  const settled = () => new Promise((resolve) => setImmediate(resolve));
  void desk.tell('follow_up_unserved', 'nobody');
  // It is under way: cleared before, there would be nothing to tell.
  await settled();
  void desk.clear();
  let isTold = false;
  const told = shown.told().then(() => (isTold = true));
  heard();
  await settled();
  expect([tried, isTold]).toEqual([['follow_up_unserved', undefined], false]);
  heard();
  await told;
  expect(shown.current).toBeUndefined();
});
