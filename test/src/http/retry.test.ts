import fc from 'fast-check';
import { expect, test } from 'vitest';
import { backoff, retryAfter } from '../../../src/http/retry.ts';

const now = Date.UTC(2026, 10, 22);

test('a date in the past asks for no pause, and one is counted from the date of its answer', () => {
  const date = 'Sun, 22 Nov 2026 01:00:00 GMT';
  expect(retryAfter({ 'retry-after': 'Sunday, 06-Nov-94 08:49:37 GMT' }, now)).toBe(0);
  expect(retryAfter({ 'retry-after': 'Sun, 22 Nov 2026 01:00:05 GMT', date }, now)).toBe(5_000);
  expect(retryAfter({ 'retry-after': 'Sun, 22 Nov 2026 01:00:05 GMT', date: 'today' }, now)).toBe(3_605_000);
});

test('the pause before a repetition doubles, and is spread over its second half', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 10 }), (attempt) => {
      const whole = 200 * 2 ** (attempt - 1);
      const pause = backoff(200, attempt);
      expect(pause).toBeGreaterThanOrEqual(whole / 2);
      expect(pause).toBeLessThan(whole);
    }),
  );
  expect(new Set(Array.from({ length: 10 }, () => backoff(200, 1))).size).toBeGreaterThan(1);
});
