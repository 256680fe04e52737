/** Whoever guesses passwords waits, and nobody waits longer than that. */
import { expect, test } from 'vitest';
import type { KeysError } from '../../../src/errors.ts';
import { createThrottle } from '../../../src/service/throttle.ts';

const minute = 60_000;

function world() {
  const clock = { now: 1_800_000_000_000 };
  const throttle = createThrottle(() => clock.now);
  const fail = (times: number) => {
    for (let n = 0; n < times; n++) throttle.failed('ann', '192.0.2.1');
  };
  const waitMs = () => {
    try {
      throttle.require('ann', '192.0.2.1');
      return 0;
    } catch (error) {
      return (error as KeysError).retryAfterMs;
    }
  };
  return { clock, throttle, fail, waitMs };
}

test('each failure from the fifth on doubles the wait, up to 15 minutes', () => {
  const { fail, waitMs } = world();
  fail(4);
  expect(waitMs()).toBe(0);
  const waits = [];
  for (let n = 0; n < 12; n++) {
    fail(1);
    waits.push(waitMs());
  }
  expect(waits.slice(0, 4)).toEqual([1_000, 2_000, 4_000, 8_000]);
  expect(waits.at(-1)).toBe(15 * minute);
});

test('a clock that is set back by an hour makes nobody wait an hour more', () => {
  const { clock, fail, waitMs } = world();
  fail(6);
  clock.now -= 60 * minute;
  expect(waitMs()).toBe(2_000);
  clock.now += 500;
  expect(waitMs()).toBe(1_500);
  clock.now += 1_500;
  expect(waitMs()).toBe(0);
  fail(1);
  expect(waitMs()).toBe(4_000);
});
