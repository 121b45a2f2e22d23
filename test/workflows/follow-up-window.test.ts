import { historyIsFull, leavesRoom, nextShardWindow, TAIL_PATIENCE_MS, windowLeft } from '../../src/workflows/follow-up-window';

test('the window is what no open shard takes', () => {
  expect(windowLeft(50, [])).toBe(50);
  expect(windowLeft(50, [{ window: 50, stillRunning: 3 }, { window: 47 }])).toBe(0);
  expect(windowLeft(50, [{ window: 50, stillRunning: 3 }, { window: 40 }])).toBe(7);
  expect(windowLeft(5, [{ window: 9 }])).toBe(0);
});

test('the next shard begins when the last one has started all it has, with what is left', () => {
  expect(nextShardWindow(50, [])).toBe(50);
  expect(nextShardWindow(50, [{ window: 50 }])).toBe(0);
  expect(nextShardWindow(50, [{ window: 50, stillRunning: 5 }])).toBe(45);
  expect(nextShardWindow(50, [{ window: 50, stillRunning: 5 }, { window: 45 }])).toBe(0);
  expect(nextShardWindow(5, [{ window: 5, stillRunning: 5 }])).toBe(0);
});

test('at most twenty are open', () => {
  const open = Array.from({ length: 20 }, () => ({ window: 2, stillRunning: 1 }));
  expect(nextShardWindow(100, open)).toBe(0);
  expect(nextShardWindow(100, open.slice(1))).toBe(81);
});

test.each([
  [5, 50, 0, true],
  [6, 50, 0, false],
  [25, 50, TAIL_PATIENCE_MS, true],
  [26, 50, TAIL_PATIENCE_MS, false],
  [1, 9, 0, false],
  [0, 1, 0, true],
  [1, 1, TAIL_PATIENCE_MS, false],
])('%i of a window of %i, %i ms after all was started: %s', (running, window, waitedMs, leaves) => {
  expect(leavesRoom(running, window, waitedMs)).toBe(leaves);
});

test('a history is full before 10,000 events and 10 MB, counting what those that run will add', () => {
  expect(historyIsFull({ events: 8_650, bytes: 0 }, 50, 0)).toBe(false);
  expect(historyIsFull({ events: 8_651, bytes: 0 }, 50, 0)).toBe(true);
  expect(historyIsFull({ events: 0, bytes: 5 * 1024 * 1024 }, 100, 10_000)).toBe(false);
  expect(historyIsFull({ events: 0, bytes: 5 * 1024 * 1024 }, 110, 10_000)).toBe(true);
});
