import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isoTime } from '../../src/iso-time.ts';

const last = 8.64e15;

test('a time is written as Date writes it, in any year and to the millisecond', () => {
  const times = fc.oneof(
    fc.integer({ min: -last, max: last }),
    fc.integer({ min: 0, max: Date.UTC(2100) }),
    fc.constantFrom(0, -0, 1, -1, 999, 86_399_999, 86_400_000, -86_400_000, last, -last, 1.5, -1.5),
    fc.constantFrom(Date.UTC(9999, 11, 31, 23, 59, 59, 999), Date.UTC(10_000), Date.UTC(0, 0, 1) - 1),
  );
  fc.assert(
    fc.property(times, (ms) => {
      expect(isoTime(ms)).toBe(new Date(ms).toISOString());
    }),
    { numRuns: 50_000 },
  );
});

test('what is no time is refused as Date refuses it', () => {
  for (const ms of [Number.NaN, Number.POSITIVE_INFINITY, last + 1, -last - 1]) {
    expect(() => isoTime(ms)).toThrow(RangeError);
  }
});
