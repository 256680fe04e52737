/** Several instances that count together on one store. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { expect, onTestFinished, test } from 'vitest';
import { KeysError } from '../../../src/errors.ts';
import type { RateLimit } from '../../../src/keys.ts';
import type { Bucket } from '../../../src/service/limits.ts';
import { machineAdministrator } from '../../../src/service/machine.ts';
import { nothingTaken } from '../../../src/service/rate.ts';
import { createService } from '../../../src/service/service.ts';
import { chunkOf, sharedCounter } from '../../../src/service/shared-counter.ts';
import { openSqlite } from '../../../src/service/sqlite.ts';
import { refuses } from '../../contracts/refuses.ts';
import { newDatabasePath } from '../../fakes/database.ts';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

const start = 1_800_000_000_000;

async function twoCounters(path = newDatabasePath()) {
  const clock = { now: start };
  const stores = await Promise.all([openSqlite(path), openSqlite(path)]);
  onTestFinished(async () => {
    for (const store of stores) await store.close();
  });
  return { clock, counters: stores.map((store) => sharedCounter(store, () => clock.now)) };
}

const bucket = (requests: number, perSeconds = 60): Bucket => ({
  policy: 'user',
  of: 'ann',
  limit: { requests, perSeconds },
});

test('two services on one database let a user through as often as the limit says, however the requests arrive', async () => {
  const path = newDatabasePath();
  const settings = { rateLimit: { requests: 300, perSeconds: 60 } };
  const services = await Promise.all(
    [1, 2].map(async () =>
      createService({ store: await openSqlite(path), now: () => start, settings, countsTogether: true }),
    ),
  );
  onTestFinished(async () => {
    for (const service of services) await service.close();
  });
  const [first, second] = services as [(typeof services)[0], (typeof services)[0]];
  const admin = first.as(machineAdministrator('root'));
  await admin.users.create({ name: 'ann' });
  const { secret } = await admin.create({ name: 'demo', owner: 'ann' });
  const outcomes = await Promise.all(
    Array.from({ length: 700 }, (_, i) =>
      (i % 3 === 0 ? first : second)
        .as(null)
        .verify(secret)
        .then(
          () => 'good',
          (error: KeysError) => error.code,
        ),
    ),
  );
  expect(outcomes.filter((outcome) => outcome === 'good')).toHaveLength(300);
  expect(outcomes.filter((outcome) => outcome === 'rate_limited')).toHaveLength(400);
});

test('in any stretch of the window all instances together stay within the limit, for any sequence', async () => {
  const path = newDatabasePath();
  const limits = fc.record({
    requests: fc.constantFrom(1, 3, 60, 120, 500),
    perSeconds: fc.constantFrom(1, 60),
  });
  const asks = fc.array(
    fc.record({
      node: fc.nat(1),
      amount: fc.integer({ min: 1, max: 80 }),
      pause: fc.oneof(fc.constant(0), fc.nat(3_000), fc.nat(30_000)),
    }),
    { minLength: 1, maxLength: 40 },
  );
  let run = 0;
  const { clock, counters } = await twoCounters(path);
  await fc.assert(
    fc.asyncProperty(limits, asks, async (limit: RateLimit, sequence) => {
      const own: Bucket = { policy: 'user', of: `user-${run++}`, limit };
      const granted: number[] = [];
      for (const { node, amount, pause } of sequence) {
        clock.now += pause;
        const counter = counters[node] as (typeof counters)[0];
        const standings = await Promise.all(Array.from({ length: amount }, () => counter.take(own)));
        for (const standing of standings) {
          expect(standing.left).toBeGreaterThanOrEqual(0);
          if (standing.granted) granted.push(clock.now);
        }
      }
      for (const [index, begin] of granted.entries()) {
        const within = granted.slice(index).filter((at) => at < begin + limit.perSeconds * 1_000);
        expect(within.length).toBeLessThanOrEqual(limit.requests);
      }
    }),
    { numRuns: 30 },
  );
});

test('an instance refuses early by no more than the chunks that the others hold', async () => {
  const { counters } = await twoCounters();
  const [one, other] = counters as [(typeof counters)[0], (typeof counters)[0]];
  const own = bucket(500);
  await one.take(own);
  let granted = 0;
  while ((await other.take(own)).granted) granted += 1;
  expect(granted).toBe(500 - chunkOf(own.limit));
  expect(chunkOf({ requests: 1_000_000, perSeconds: 60 })).toBe(100);
});

test('an instance that has stopped asking holds its chunk for no longer than the window', async () => {
  const { clock, counters } = await twoCounters();
  const [one, other] = counters as [(typeof counters)[0], (typeof counters)[0]];
  const own = bucket(500);
  await one.take(own);
  clock.now += 67_000;
  let granted = 0;
  while ((await other.take(own)).granted) granted += 1;
  expect(granted).toBe(500);
});

test.each([
  // As late as it may, and when nothing of it would be counted any more.
  [3_000, 58_200],
  [62_400, 1_200],
  // A step too late: it is taken anew.
  [3_700, 59_900],
])(
  'what an instance holds and spends %i ms later counts for a whole window from then',
  async (held, after) => {
    const { clock, counters } = await twoCounters();
    const [one, other] = counters as [(typeof counters)[0], (typeof counters)[0]];
    const own = bucket(500);
    await one.take(own);
    clock.now += held;
    let granted = 0;
    for (let n = 1; n < chunkOf(own.limit); n++) granted += (await one.take(own)).granted ? 1 : 0;
    clock.now += after;
    while ((await other.take(own)).granted) granted += 1;
    expect(granted).toBeLessThanOrEqual(500);
    expect(granted).toBeGreaterThan(490);
  },
);

test('what is left of a chunk whose time is over goes back with the next one', async () => {
  const { clock, counters } = await twoCounters();
  const [one, other] = counters as [(typeof counters)[0], (typeof counters)[0]];
  const own = bucket(500);
  await one.take(own);
  clock.now += 4_000;
  await one.take(own);
  let granted = 2;
  while ((await other.take(own)).granted) granted += 1;
  expect(granted).toBe(500 - chunkOf(own.limit) + 1);
});

test('whoever is let through is told how much is left for all', async () => {
  const { counters } = await twoCounters();
  const [one, other] = counters as [(typeof counters)[0], (typeof counters)[0]];
  const own = bucket(500);
  expect(await one.take(own)).toMatchObject({ granted: true, left: 499 });
  expect(await one.take(own)).toMatchObject({ granted: true, left: 498 });
  // The other does not know what is left of the chunk of the first.
  expect(await other.take(own)).toMatchObject({ granted: true, left: 489 });
});

test('what another instance takes between a look and a take is counted', async () => {
  const path = newDatabasePath();
  const [one, other] = [await openSqlite(path), await openSqlite(path)];
  onTestFinished(async () => {
    for (const store of [one, other]) await store.close();
  });
  const take = (step: number) => ({
    ...{ granted: 1, left: 0, waitMs: 0, moved: false, taken: [[step, 1]] as const },
  });
  await one.changeTaken('bucket', start, null, () => take(1));
  const seen: unknown[] = [];
  await one.changeTaken('bucket', start, null, (before) => {
    seen.push(before);
    // SQLite has done it when this comes back.
    if (seen.length === 1) void other.changeTaken('bucket', start, null, () => take(2));
    return take(3);
  });
  expect(seen).toEqual([[[1, 1]], [[2, 1]]]);
});

test('whoever knows how a bucket stands does not look, and what they believe wrongly is looked up before it counts', async () => {
  const path = newDatabasePath();
  const [one, other] = [await openSqlite(path), await openSqlite(path)];
  onTestFinished(async () => {
    for (const store of [one, other]) await store.close();
  });
  const seen: unknown[] = [];
  const take = (step: number, granted: number) => (before: unknown) => {
    seen.push(before);
    return { granted, left: 0, waitMs: 0, moved: false, taken: [[step, 1]] as const };
  };
  const looks = () => seen.splice(0);
  const first = await one.changeTaken('bucket', start, nothingTaken, take(1, 1));
  const second = await one.changeTaken('bucket', start, first.row, take(2, 1));
  expect(looks()).toEqual([[], [[1, 1]]]);
  await other.changeTaken('bucket', start, first.row, take(3, 1));
  expect(looks()).toEqual([[[1, 1]], [[2, 1]]]);
  await one.changeTaken('bucket', start, second.row, take(4, 0));
  expect(looks()).toEqual([[[2, 1]], [[3, 1]]]);
  await other.changeTaken('bucket', start, nothingTaken, take(5, 1));
  expect(looks()).toEqual([[], [[3, 1]]]);
  // One that was forgotten and has come again is another one, however often it changed.
  await other.sweepTaken(start + 1);
  for (let n = 0; n < 2; n++) await other.changeTaken('bucket', start + 5, null, take(6, 1));
  looks();
  await one.changeTaken('bucket', start + 5, second.row, take(7, 1));
  expect(looks()).toEqual([[[2, 1]], [[6, 1]]]);
  // Also when the clock of who made it again is behind.
  const last = await one.changeTaken('bucket', start + 9, null, take(8, 1));
  await other.sweepTaken(start + 10);
  await other.changeTaken('bucket', start + 7, null, take(9, 1));
  looks();
  await one.changeTaken('bucket', start + 9, last.row, take(10, 1));
  expect(looks()).toEqual([[[8, 1]], [[9, 1]]]);
});

test('a request that did not take place is counted by no instance', async () => {
  const { counters } = await twoCounters();
  const own = bucket(3);
  for (let n = 0; n < 12; n++) {
    const counter = counters[n < 6 ? 0 : 1] as (typeof counters)[0];
    expect((await counter.take(own)).granted).toBe(true);
    counter.giveBack(own);
  }
});

/** A counter that says how often it has asked the store. */
async function watchedCounter() {
  const store = await openSqlite(newDatabasePath());
  onTestFinished(() => store.close());
  const watched = { clock: { now: start }, asked: 0 };
  const counter = sharedCounter(
    {
      ...store,
      changeTaken(...args) {
        watched.asked += 1;
        return store.changeTaken(...args);
      },
    },
    () => watched.clock.now,
  );
  return Object.assign(watched, { counter });
}

test('a refusal is repeated for a second without asking the store, and then asks again', async () => {
  const watched = await watchedCounter();
  const { clock, counter } = watched;
  const own = bucket(1);
  await counter.take(own);
  for (let i = 0; i < 20; i++) expect((await counter.take(own)).granted).toBe(false);
  expect(watched.asked).toBe(2);
  clock.now += 1_000;
  await counter.take(own);
  expect(watched.asked).toBe(3);
});

test('a refusal is not repeated when what it waits for is there', async () => {
  const { clock, counter } = await watchedCounter();
  const own = bucket(1, 1);
  await counter.take(own);
  clock.now += 700;
  const { granted, waitMs } = await counter.take(own);
  expect({ granted, isSoon: waitMs < 500 }).toEqual({ granted: false, isSoon: true });
  clock.now += waitMs;
  expect((await counter.take(own)).granted).toBe(true);
});

test('the store is asked once a chunk, and once for all that wait for it', async () => {
  const watched = await watchedCounter();
  const { clock, counter } = watched;
  const own = bucket(500);
  for (let n = 0; n < 10; n++) {
    await counter.take(own);
    // To the last moment in which it may be spent.
    clock.now += n === 8 ? 3_599 : 0;
  }
  expect(watched.asked).toBe(1);
  await Promise.all(Array.from({ length: 100 }, () => counter.take(own)));
  expect(watched.asked).toBe(3);
});

test('whoever is alone on a bucket takes without a look, and whoever has met another looks first', async () => {
  const store = await openSqlite(newDatabasePath());
  onTestFinished(() => store.close());
  const believes: boolean[] = [];
  const watched: typeof store = {
    ...store,
    changeTaken(name, at, believed, decide) {
      believes.push(believed !== null);
      return store.changeTaken(name, at, believed, decide);
    },
  };
  const [one, other] = [sharedCounter(watched, () => start), sharedCounter(store, () => start)];
  // A chunk is one request.
  const own = bucket(10);
  for (const counter of [one, one, other, one, one, one]) await counter.take(own);
  expect(believes).toEqual([true, true, true, false, true]);
});

test('a counter does not keep the names of all that ever asked', async () => {
  const clock = { now: start };
  const counter = sharedCounter(
    {
      shared: true,
      changeTaken: async (_bucket, _now, _believed, decide) => ({ take: decide([]), row: nothingTaken }),
      sweepTaken: async () => {},
    },
    () => clock.now,
  );
  collect();
  const before = process.memoryUsage().heapUsed;
  for (let n = 0; n < 100_000; n++) {
    await counter.take({ ...bucket(1, 1), of: `address-${n}` });
    clock.now += 5;
  }
  collect();
  const kept = process.memoryUsage().heapUsed - before;
  expect(kept).toBeLessThan(8 * 2 ** 20);
  // Until here there is a counter.
  expect((await counter.take(bucket(1))).granted).toBe(true);
});

test('where the count cannot be asked for, nothing goes through uncounted', async () => {
  const path = newDatabasePath();
  const store = await openSqlite(path);
  onTestFinished(() => store.close());
  const away = {
    ...store,
    changeTaken: async () => Promise.reject(new KeysError('unavailable', 'the database is away')),
  };
  const settings = { rateLimit: { requests: 5, perSeconds: 60 } };
  const service = createService({ store: away, now: () => start, settings, countsTogether: true });
  const { secret } = await service.as(machineAdministrator('root')).create({ name: 'demo' });
  await refuses('unavailable', service.as(null).verify(secret));
  await refuses('unavailable', service.authenticate(secret));
});

test('what nothing was taken of for long is forgotten, and nothing else', async () => {
  const store = await openSqlite(newDatabasePath());
  onTestFinished(() => store.close());
  const clock = { now: start };
  const busy = sharedCounter(store, () => clock.now);
  const other = { ...bucket(2), of: 'bob' };
  await busy.take(other);
  clock.now += 10_000;
  await busy.take(other);
  const counter = sharedCounter(store, () => start);
  await counter.take(bucket(1));
  await store.sweepTaken(start);
  expect((await sharedCounter(store, () => start).take(bucket(1))).granted).toBe(false);
  await store.sweepTaken(start + 1);
  expect((await sharedCounter(store, () => start).take(bucket(1))).granted).toBe(true);
  expect((await sharedCounter(store, () => clock.now).take(other)).granted).toBe(false);
});

test('a clock that is set back by an hour refuses nobody for longer than a window', async () => {
  const { clock, counters } = await twoCounters();
  const [counter] = counters as [(typeof counters)[0]];
  const use = () => counter.take(bucket(20, 10));
  for (let n = 0; n < 20; n++) expect((await use()).granted).toBe(true);
  expect((await use()).granted).toBe(false);
  clock.now -= 3_600_000;
  // Nobody gets another go by it, either.
  for (const waited of [0, 5_000, 4_000]) {
    clock.now += waited;
    const { granted, waitMs } = await use();
    expect(granted).toBe(false);
    expect(waitMs).toBeLessThanOrEqual(10_600);
  }
  const { waitMs } = await use();
  clock.now += waitMs;
  expect((await use()).granted).toBe(true);
});
