/** Who is admitted to the API's processing queue. The API is played by a counter that refuses beyond its room. */
import fc from 'fast-check';
import type { AccountMessage } from '../../src/contract';
import type { AdmissionState } from '../../src/workflows/admission-queue';
import { AdmissionQueue, noAdmissions } from '../../src/workflows/admission-queue';

const HOUR = 3_600_000;

function ask(workflowId: string, requests: number, { jobId = workflowId.split('/')[0]!, queueLimit }: { jobId?: string; queueLimit?: number } = {}): AccountMessage {
  return { kind: 'ask', workflowId, jobId, requests, ...(queueLimit !== undefined && { queueLimit }) };
}

function accepted(workflowId: string, requests: number): AccountMessage {
  return { ...ask(workflowId, requests), kind: 'accepted' } as AccountMessage;
}

function refused(workflowId: string, requests: number, why: 'queue_full' | 'spend_limit' = 'queue_full'): AccountMessage {
  return { ...ask(workflowId, requests), kind: 'refused', why } as AccountMessage;
}

function queueOf(...messages: AccountMessage[]): AdmissionQueue {
  const queue = new AdmissionQueue(noAdmissions());
  for (const message of messages) queue.take(message, 0);
  return queue;
}

test('where nothing is known of a limit, all that ask are admitted, but not two of the same total at once', () => {
  const queue = queueOf(ask('a/1', 10), ask('a/2', 10), ask('b/1', 7));
  expect(queue.admit(0).sort()).toEqual(['a/1', 'b/1']);
  expect(queue.admit(0)).toEqual([]);
  queue.take(accepted('a/1', 10), 1);
  expect(queue.admit(1)).toEqual(['a/2']);
});

test('a given limit is held, and the share comes back when a batch has ended', () => {
  const queue = queueOf(ask('a/1', 60, { queueLimit: 100 }), ask('a/2', 50, { queueLimit: 100 }), ask('a/3', 40, { queueLimit: 100 }));
  expect(queue.admit(0)).toEqual(['a/1']);
  queue.take(accepted('a/1', 60), 1);
  expect(queue.admit(1)).toEqual([]);
  queue.take({ kind: 'left', workflowId: 'a/1' }, 2);
  expect(queue.admit(2).sort()).toEqual(['a/2', 'a/3']);
});

test('a part that is larger than the whole limit goes alone instead of never', () => {
  const queue = queueOf(ask('a/1', 500, { queueLimit: 100 }), ask('a/2', 30, { queueLimit: 100 }));
  expect(queue.admit(0)).toEqual(['a/1']);
});

test('a refusal teaches the limit: nobody tries again before a share comes back', () => {
  const queue = queueOf(ask('a/1', 300), ask('a/2', 200));
  queue.admit(0);
  queue.take(accepted('a/1', 300), 1);
  queue.take(refused('a/2', 200), 2);
  expect(queue.admit(3)).toEqual([]);
  expect(queue.status()).toMatchObject({ inQueue: 300, limit: 300, limitIs: 'learned', waiting: 1, refused: 1 });
  queue.take({ kind: 'left', workflowId: 'a/1' }, 4);
  expect(queue.admit(4)).toEqual(['a/2']);
});

test('what was learned is doubted: after a while one create tries whether there is more room', () => {
  const queue = queueOf(ask('a/1', 300), ask('a/2', 200));
  queue.admit(0);
  queue.take(accepted('a/1', 300), 1);
  queue.take(refused('a/2', 200), 2);
  const wake = queue.wakeIn(2)!;
  expect(queue.admit(2 + wake - 1)).toEqual([]);
  expect(queue.admit(2 + wake)).toEqual(['a/2']);
  queue.take(accepted('a/2', 200), 3 + wake);
  expect(queue.status()).toMatchObject({ inQueue: 500, limit: 500 });
  // Each refused try is followed by a longer rest.
  queue.take(ask('a/3', 100), 4 + wake);
  expect(queue.admit(4 + wake)).toEqual(['a/3']);
  queue.take(refused('a/3', 100), 5 + wake);
  const next = queue.wakeIn(5 + wake)!;
  queue.admit(5 + wake + next);
  queue.take(refused('a/3', 100), 6 + wake + next);
  expect(queue.wakeIn(6 + wake + next)!).toBeGreaterThan(next);
});

test('a queue that is full of the batches of others is tried again after a rest', () => {
  const queue = queueOf(ask('a/1', 100));
  queue.admit(0);
  queue.take(refused('a/1', 100), 1);
  expect(queue.admit(2)).toEqual([]);
  expect(queue.admit(1 + queue.wakeIn(1)!)).toEqual(['a/1']);
});

test('the job that takes least room is next, so a small one does not wait for the parts of a big one', () => {
  const queue = queueOf(...Array.from({ length: 20 }, (_, part) => ask(`big/${part}`, 100 + part, { queueLimit: 250 })));
  queue.admit(0);
  queue.take(ask('small/1', 10, { queueLimit: 250 }), 1);
  expect(queue.holders()).toHaveLength(2);
  queue.take({ kind: 'left', workflowId: queue.holders()[0]! }, 2);
  expect(queue.admit(2)[0]).toBe('small/1');
});

test('where as many jobs as there is room for have many parts, they do not hand the room back and forth: one that comes later gets its turn', () => {
  const parts = (job: string): AccountMessage[] => Array.from({ length: 5 }, (_, part) => ask(`${job}/${part + 1}`, 10, { queueLimit: 20 }));
  let queue = queueOf(...parts('a'), ...parts('b'), ...parts('c'), ask('late/1', 10, { queueLimit: 20 }));
  const turns: string[] = [];
  for (let now = 0; turns.length < 16; now++) {
    for (let [next] = queue.admit(now); next !== undefined; [next] = queue.admit(now)) {
      turns.push(next);
      queue.take(accepted(next, 10), now);
    }
    queue = new AdmissionQueue(queue.state());
    queue.take({ kind: 'left', workflowId: turns[now]! }, now);
  }
  expect(turns.slice(0, 8)).toEqual(['a/1', 'b/1', 'c/1', 'late/1', 'a/2', 'b/2', 'c/2', 'a/3']);
  for (const workflowId of turns) queue.take({ kind: 'left', workflowId }, 20);
  expect(queue.state().served).toEqual({});
});

test('smaller ones may pass who does not fit, but no more than its own size: then the room is kept for it', () => {
  const queue = queueOf(ask('other/1', 95, { queueLimit: 100 }));
  queue.admit(0);
  queue.take(accepted('other/1', 95), 0);
  queue.take(ask('head/1', 20, { queueLimit: 100 }), 1);
  const passed: string[] = [];
  for (let n = 0; n < 20; n++) {
    const workflowId = `tiny${n}/1`;
    queue.take(ask(workflowId, 3 + (n % 2), { queueLimit: 100 }), 2 + n);
    for (const admitted of queue.admit(2 + n)) {
      passed.push(admitted);
      queue.take({ kind: 'left', workflowId: admitted }, 2 + n);
    }
  }
  expect(passed.length).toBeGreaterThan(3);
  expect(passed.length).toBeLessThan(8);
  queue.take({ kind: 'left', workflowId: 'other/1' }, 100);
  expect(queue.admit(100)).toContain('head/1');
});

test('while one waits for money nothing else is admitted, until it is accepted or gone', () => {
  const queue = queueOf(ask('a/1', 10), ask('b/1', 20), ask('c/1', 30));
  queue.admit(0);
  queue.take(refused('a/1', 10, 'spend_limit'), 1);
  queue.take(ask('d/1', 40), 2);
  expect(queue.admit(2)).toEqual([]);
  expect(queue.status().held).toBe(true);
  queue.take(accepted('a/1', 10), 3);
  expect(queue.admit(3)).toEqual(['d/1']);
});

test('an accepted batch that never said that it left takes no room after more than a day', () => {
  const queue = queueOf(ask('a/1', 100, { queueLimit: 100 }), ask('b/1', 90, { queueLimit: 100 }));
  queue.admit(0);
  queue.take(accepted('a/1', 100), 0);
  expect(queue.admit(25 * HOUR)).toEqual([]);
  expect(queue.admit(27 * HOUR)).toEqual(['b/1']);
});

interface Order {
  job: number;
  requests: number;
}

/** Plays the API and all batches to the end. @returns who ended, and how many creates were refused. */
function play(orders: Order[], room: number, given: number | undefined, pick: (most: number) => number, goOn: (state: AdmissionState) => AdmissionState): { ended: string[]; refused: number; mostAdmitted: number } {
  let queue = new AdmissionQueue(noAdmissions());
  const requestsOf = new Map<string, number>();
  const inApi = new Set<string>();
  const ended: string[] = [];
  const creating: string[] = [];
  let now = 0;
  let refusals = 0;
  let mostAdmitted = 0;
  const used = (): number => [...inApi].reduce((sum, id) => sum + requestsOf.get(id)!, 0);
  orders.forEach(({ job, requests }, index) => {
    const id = `job${job}/${index}`;
    requestsOf.set(id, requests);
    queue.take(ask(id, requests, { queueLimit: given }), now);
  });
  for (let step = 0; ended.length < orders.length; step++) {
    if (step > 20_000) throw new Error(`Nobody goes on: ${JSON.stringify(queue.status())}`);
    queue = new AdmissionQueue(goOn(queue.state()));
    creating.push(...queue.admit(now));
    mostAdmitted = Math.max(mostAdmitted, queue.status().inQueue);
    const choices = creating.length + inApi.size;
    if (choices === 0) {
      now += queue.wakeIn(now) ?? 1;
      continue;
    }
    now++;
    const choice = pick(choices);
    if (choice < creating.length) {
      const [id] = creating.splice(choice, 1);
      const requests = requestsOf.get(id!)!;
      if (used() + requests > room) {
        refusals++;
        queue.take(refused(id!, requests), now);
      } else {
        inApi.add(id!);
        queue.take({ ...ask(id!, requests, { queueLimit: given }), kind: 'accepted' } as AccountMessage, now);
      }
    } else {
      const id = [...inApi][choice - creating.length]!;
      inApi.delete(id);
      ended.push(id);
      queue.take({ kind: 'left', workflowId: id }, now);
    }
  }
  return { ended, refused: refusals, mostAdmitted };
}

const orders = fc.array(fc.record({ job: fc.integer({ min: 0, max: 5 }), requests: fc.integer({ min: 1, max: 100 }) }), { minLength: 1, maxLength: 40 });

test('everybody gets a turn once, in any order of answers, through any number of continue-as-new', () => {
  fc.assert(
    fc.property(orders, fc.integer({ min: 100, max: 400 }), fc.infiniteStream(fc.nat(1_000)), (list, room, choices) => {
      const stream = choices[Symbol.iterator]();
      const { ended } = play(list, room, undefined, (most) => (stream.next().value as number) % most, (state) => JSON.parse(JSON.stringify(state)) as AdmissionState);
      expect(new Set(ended).size).toBe(list.length);
    }),
    { numRuns: 200 },
  );
});

test('a limit that is given is never exceeded, so nothing is refused where it is that of the API', () => {
  fc.assert(
    fc.property(orders, fc.integer({ min: 100, max: 400 }), fc.infiniteStream(fc.nat(1_000)), (list, room, choices) => {
      const stream = choices[Symbol.iterator]();
      const { refused: refusals, mostAdmitted } = play(list, room, room, (most) => (stream.next().value as number) % most, (state) => state);
      expect(refusals).toBe(0);
      expect(mostAdmitted).toBeLessThanOrEqual(room);
    }),
    { numRuns: 200 },
  );
});

test('ten parts of 100,000 where 300,000 have room: at most 20 creates are refused', () => {
  const ten = Array.from({ length: 10 }, () => ({ job: 0, requests: 100_000 }));
  expect(play(ten, 300_000, undefined, () => 0, (state) => state).refused).toBeLessThanOrEqual(20);
  const mixed = Array.from({ length: 40 }, (_, index) => ({ job: index % 4, requests: 25_000 + index }));
  expect(play(mixed, 300_000, undefined, () => 0, (state) => state).refused).toBeLessThanOrEqual(20);
});
