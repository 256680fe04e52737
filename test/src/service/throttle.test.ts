/** Whoever guesses passwords waits, and nobody waits longer than that. */
import { expect, test } from 'vitest';
import type { KeysError } from '../../../src/errors.ts';
import { createThrottle } from '../../../src/service/throttle.ts';

const minute = 60_000;

function world() {
  const clock = { now: 1_800_000_000_000 };
  const throttle = createThrottle(() => clock.now);
  const fail = (times: number, user = 'ann', address = '192.0.2.1') => {
    for (let n = 0; n < times; n++) throttle.failed(user, address);
  };
  const waitMs = (user = 'ann', address = '192.0.2.1') => {
    try {
      throttle.require(user, address);
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

test('who guesses from one address keeps the user out from there, and from nowhere else', () => {
  const { fail, waitMs } = world();
  fail(20);
  expect(waitMs()).toBe(15 * minute);
  expect(waitMs('ann', '192.0.2.2')).toBe(0);
  expect(waitMs('bob')).toBe(0);
});

test('a user who is guessed at from everywhere is slowed down for all from the fiftieth failure on', () => {
  const { fail, waitMs } = world();
  for (let n = 0; n < 49; n++) fail(1, 'ann', `192.0.2.${n}`);
  expect(waitMs('ann', '198.51.100.1')).toBe(0);
  fail(1, 'ann', '192.0.2.50');
  expect(waitMs('ann', '198.51.100.1')).toBe(1_000);
  expect(waitMs('bob', '198.51.100.1')).toBe(0);
});

test('a right password ends what its user has to wait there, and hides no guess at others', () => {
  const { throttle, fail, waitMs } = world();
  fail(4);
  throttle.failed('ann', '192.0.2.1')();
  fail(4);
  expect(waitMs()).toBe(0);
  // Whoever has a good password for one user, and logs in between their guesses at others, or at the same time.
  for (let n = 0; n < 48; n++) {
    const takeBack = throttle.failed('mallory', '198.51.100.1');
    fail(1, `user-${n}`, '198.51.100.1');
    takeBack();
    throttle.failed('mallory', '198.51.100.1')();
  }
  fail(1, 'user-48', '198.51.100.1');
  expect(waitMs('another', '198.51.100.1')).toBe(0);
  fail(1, 'user-49', '198.51.100.1');
  expect(waitMs('another', '198.51.100.1')).toBe(1_000);
});

test('a right password makes nobody wait again: neither others at its address nor its user elsewhere', () => {
  const { clock, throttle, fail, waitMs } = world();
  for (let n = 0; n < 60; n++) fail(1, `user-${n}`, '192.0.2.1');
  for (let n = 0; n < 60; n++) fail(1, 'ann', `198.51.100.${n}`);
  clock.now += 15 * minute;
  throttle.failed('ann', '192.0.2.1')();
  expect([waitMs('bob', '192.0.2.1'), waitMs('ann', '203.0.113.1')]).toEqual([0, 0]);
  fail(1, 'user-60', '192.0.2.1');
  expect(waitMs('bob', '192.0.2.1')).toBe(15 * minute);
});

test('a failure is forgotten 15 minutes after the wait that it brought, and not before', () => {
  const { clock, fail, waitMs } = world();
  fail(5);
  clock.now += 1_000 + 15 * minute - 1;
  fail(1);
  expect(waitMs()).toBe(2_000);
  clock.now += 2_000 + 15 * minute;
  fail(1);
  expect(waitMs()).toBe(0);
});

test('names without end do not fill the memory: what is over goes first, then who failed least', () => {
  const { clock, fail, waitMs } = world();
  fail(6, 'bob');
  const failAtMany = () => {
    for (let n = 0; n < 12_000; n++) fail(1, `user-${n}`, `2001:db8:0:${n.toString(16)}::1`);
  };
  failAtMany();
  expect(waitMs('bob')).toBe(2_000);
  clock.now += 16 * minute;
  fail(1, 'ann');
  failAtMany();
  // Of bob all was over; of ann there was as little as of the others, and it was older.
  fail(4, 'bob');
  fail(4, 'ann');
  expect([waitMs('bob'), waitMs('ann')]).toEqual([0, 0]);
});
