import { StreamSlots } from '../../src/activities/stream-slots';

function held(): { body: () => Promise<void>; end: () => void; begun: boolean } {
  let end = (): void => undefined;
  const one = {
    begun: false,
    body: () => {
      one.begun = true;
      return new Promise<void>((resolve) => (end = resolve));
    },
    end: () => end(),
  };
  return one;
}

const never = new AbortController().signal;

test('so many run side by side, the others in the order in which they came', async () => {
  const slots = new StreamSlots(2);
  const all = [held(), held(), held(), held()];
  const runs = all.map(({ body }) => slots.run(body, never));
  await Promise.resolve();
  expect(all.map(({ begun }) => begun)).toEqual([true, true, false, false]);
  all[1]!.end();
  await runs[1];
  await Promise.resolve();
  expect(all.map(({ begun }) => begun)).toEqual([true, true, true, false]);
  all[0]!.end();
  all[2]!.end();
  await runs[2];
  await Promise.resolve();
  all[3]!.end();
  await Promise.all(runs);
});

test('whoever is told to stop while it waits leaves its place, and takes none', async () => {
  const slots = new StreamSlots(1);
  const [first, second, third] = [held(), held(), held()];
  const controller = new AbortController();
  const running = slots.run(first.body, never);
  const waiting = slots.run(second.body, controller.signal);
  const behind = slots.run(third.body, never);
  controller.abort(new Error('stop'));
  await expect(waiting).rejects.toThrow('stop');
  first.end();
  await running;
  await Promise.resolve();
  expect([second.begun, third.begun]).toEqual([false, true]);
  third.end();
  await behind;
});

test('a body that fails gives its turn to the next', async () => {
  const slots = new StreamSlots(1);
  await expect(slots.run(() => Promise.reject(new Error('cut')), never)).rejects.toThrow('cut');
  expect(await slots.run(() => Promise.resolve(7), never)).toBe(7);
});
