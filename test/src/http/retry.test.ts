import fc from 'fast-check';
import { expect, onTestFinished, test, vi } from 'vitest';
import { Budget, backoff, retryAfter } from '../../../src/http/retry.ts';

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

test('works that overlap use up a budget once', async () => {
  vi.useFakeTimers({ toFake: ['performance'] });
  onTestFinished(() => void vi.useRealTimers());
  const budget = new Budget(1_000);
  const [long, short] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const works = [budget.spend(() => long.promise), budget.spend(() => short.promise)];
  vi.advanceTimersByTime(300);
  short.resolve();
  await works[1];
  expect(budget.leftMs).toBe(700);
  vi.advanceTimersByTime(100);
  long.resolve();
  await works[0];
  expect(budget.leftMs).toBe(600);
});
