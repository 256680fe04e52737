import fc from 'fast-check';
import { expect, test } from 'vitest';
import { KeysError } from '../../../src/errors.ts';
import { cursorAfter, idOfCursor, newKeyId } from '../../../src/service/ids.ts';

const time = fc.integer({ min: 0, max: 62 ** 8 - 1 });

test('ids sort by time', () => {
  fc.assert(
    fc.property(time, time, (a, b) => a === b || newKeyId(a) < newKeyId(b) === a < b),
    { numRuns: 2_000 },
  );
  expect(newKeyId(Date.UTC(2026, 10, 1))).toMatch(/^key_[0-9A-Za-z]{16}$/);
});

test('a cursor gives back its id, and anything else is invalid', () => {
  const id = newKeyId(Date.now());
  expect(idOfCursor(cursorAfter(id))).toBe(id);
  fc.assert(
    fc.property(fc.string(), (text) => {
      expect(() => idOfCursor(text)).toThrow(KeysError);
    }),
  );
});
