import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { RateLimit } from '../../../src/keys.ts';
import { type KeptTake, SlidingWindow, stepLength, type Taken } from '../../../src/service/rate.ts';

/** As it is kept between two requests. */
function take(before: Taken, limit: RateLimit, now: number, wanted: number): KeptTake {
  const window = new SlidingWindow(JSON.parse(JSON.stringify(before)) as Taken);
  return { ...window.take(limit, now, wanted), taken: window.taken };
}

function giveBack(before: Taken, step: number, amount: number): Taken {
  const window = new SlidingWindow(before);
  window.giveBack(step, amount);
  return window.taken;
}

const limits = fc.record({
  requests: fc.integer({ min: 1, max: 40 }),
  perSeconds: fc.constantFrom(1, 7, 60, 3_600),
});

/** Requests at times that only go forward, most of them close together. */
const pauses = fc.array(
  fc.oneof(
    { weight: 5, arbitrary: fc.integer({ min: 0, max: 5 }) },
    { weight: 3, arbitrary: fc.integer({ min: 0, max: 700 }) },
    { weight: 1, arbitrary: fc.integer({ min: 0, max: 70_000 }) },
  ),
  { minLength: 1, maxLength: 200 },
);

test('no stretch of the window, wherever it begins, has more than the limit', () => {
  fc.assert(
    fc.property(limits, pauses, fc.integer({ min: 1, max: 3 }), (limit, waits, wanted) => {
      let now = 1_700_000_000_000;
      let taken: Taken = [];
      const granted: number[] = [];
      for (const wait of waits) {
        now += wait;
        const took = take(taken, limit, now, wanted);
        taken = took.taken;
        granted.push(...Array.from({ length: took.granted }, () => now));
      }
      for (const [index, start] of granted.entries()) {
        const end = start + limit.perSeconds * 1_000;
        expect(granted.slice(index).filter((at) => at < end).length).toBeLessThanOrEqual(limit.requests);
      }
    }),
  );
});

test('all of it can be taken at once, and is there again after a window and a step', () => {
  fc.assert(
    fc.property(limits, fc.nat(1e12), (limit, now) => {
      const first = take([], limit, now, limit.requests);
      expect(first).toMatchObject({ granted: limit.requests, left: 0 });
      const recovered = now + limit.perSeconds * 1_000 + stepLength(limit);
      expect(take(first.taken, limit, recovered, limit.requests).granted).toBe(limit.requests);
    }),
  );
});

test('after the wait that is named something can be taken, and not before', () => {
  fc.assert(
    fc.property(limits, pauses, fc.integer({ min: 1, max: 40 }), (limit, waits, lowered) => {
      let now = 1_700_000_000_000;
      let taken: Taken = [];
      for (const wait of waits) {
        now += wait;
        taken = take(taken, limit, now, 5).taken;
      }
      const lower = { ...limit, requests: Math.min(limit.requests, lowered) };
      const refused = take(taken, lower, now, lower.requests + 1);
      const { waitMs } = take(refused.taken, lower, now, 1);
      expect(waitMs).toBeGreaterThan(0);
      expect(take(refused.taken, lower, now + waitMs, 1).granted).toBe(1);
      expect(take(refused.taken, lower, now + waitMs - 1, 1).granted).toBe(0);
    }),
  );
});

test('a clock that jumps anywhere never leaves less than nothing or more than the limit, and it recovers', () => {
  const jumps = fc.array(fc.integer({ min: -1e8, max: 1e8 }), { maxLength: 60 });
  fc.assert(
    fc.property(limits, jumps, (limit, times) => {
      let now = 1_700_000_000_000;
      let taken: Taken = [];
      for (const jump of times) {
        now += jump;
        const took = take(taken, limit, now, 3);
        taken = took.taken;
        expect(took.left).toBeGreaterThanOrEqual(0);
        expect(took.granted + took.left).toBeLessThanOrEqual(limit.requests);
        expect(taken.reduce((sum, [, each]) => sum + each, 0)).toBeLessThanOrEqual(limit.requests);
        expect(taken.map(([step]) => step)).toEqual(taken.map(([step]) => step).toSorted((a, b) => a - b));
      }
      // A clock that went back by less than a window stands still until it has caught up.
      const later = now + 2 * (limit.perSeconds * 1_000 + stepLength(limit));
      expect(take(taken, limit, later, limit.requests).granted).toBe(limit.requests);
    }),
  );
});

test('setting the clock back gives nobody another go', () => {
  const limit = { requests: 5, perSeconds: 60 };
  const { taken } = take([], limit, 1e12, 5);
  for (const back of [1, 1_000, 59_000, 61_000, 1e9]) {
    expect(take(taken, limit, 1e12 - back, 1)).toMatchObject({ granted: 0, left: 0 });
  }
});

test('what is given back can be taken again, and no more than was taken', () => {
  const limit = { requests: 5, perSeconds: 60 };
  const { taken } = take([], limit, 1e12, 5);
  const step = taken[0]?.[0] ?? 0;
  expect(take(giveBack(taken, step, 2), limit, 1e12, 5).granted).toBe(2);
  expect(take(giveBack(taken, step, 99), limit, 1e12, 99).granted).toBe(5);
  expect(giveBack(taken, step + 1, 2)).toEqual(taken);
});

test('a window that goes on and one that is kept as JSON after each request grant the same', () => {
  const asked = fc.array(
    fc.record({
      wait: fc.oneof(
        { weight: 9, arbitrary: fc.integer({ min: 0, max: 2_000 }) },
        fc.integer({ min: -2e5, max: 2e5 }),
      ),
      wanted: fc.integer({ min: 1, max: 5 }),
      back: fc.integer({ min: 0, max: 3 }),
    }),
    { maxLength: 300 },
  );
  fc.assert(
    fc.property(limits, asked, (limit, requests) => {
      let now = 1_700_000_000_000;
      let taken: Taken = [];
      const window = new SlidingWindow();
      for (const { wait, wanted, back } of requests) {
        now += wait;
        const { taken: after, ...took } = take(taken, limit, now, wanted);
        expect(window.take(limit, now, wanted)).toEqual(took);
        const latest = after.at(-1)?.[0] ?? 0;
        taken = giveBack(after, latest, back);
        window.giveBack(latest, back);
        expect(window.taken).toEqual(taken);
      }
    }),
  );
});
