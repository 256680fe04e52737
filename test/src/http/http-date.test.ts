import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { httpDate } from '../../../src/http/http-date.ts';

const now = Date.UTC(2026, 10, 22);

describe('a date of HTTP', () => {
  // The examples of RFC 9110, 5.6.7.
  test.each(['Sun, 06 Nov 1994 08:49:37 GMT', 'Sunday, 06-Nov-94 08:49:37 GMT', 'Sun Nov  6 08:49:37 1994'])(
    '%s is the instant that all three forms name',
    (text) => {
      expect(httpDate(text, now)).toBe(Date.UTC(1994, 10, 6, 8, 49, 37));
    },
  );

  test.each([
    ['Sunday, 22-Nov-76 00:00:00 GMT', 2076],
    ['Monday, 23-Nov-76 00:00:00 GMT', 1976],
    ['Friday, 31-Dec-99 00:00:00 GMT', 1999],
    ['Saturday, 01-Jan-00 00:00:00 GMT', 2000],
  ])('of a year of two digits is at most 50 years ahead: %s', (text, year) => {
    expect(new Date(httpDate(text, now) ?? Number.NaN).getUTCFullYear()).toBe(year);
  });

  test('of any second is read in each form', () => {
    const second = fc.integer({ min: Date.UTC(1977) / 1_000, max: Date.UTC(2076) / 1_000 });
    fc.assert(
      fc.property(second, (seconds) => {
        const ms = seconds * 1_000;
        const text = new Date(ms).toUTCString();
        const [, name = '', day = '', month, year = '', time] =
          /^(\w+), (\d+) (\w+) (\d+) (\S+)/.exec(text) ?? [];
        expect(httpDate(text, now)).toBe(ms);
        expect(httpDate(`${name}day, ${day}-${month}-${year.slice(2)} ${time} GMT`, now)).toBe(ms);
        expect(httpDate(`${name} ${month} ${day.replace(/^0/, ' ')} ${time} ${year}`, now)).toBe(ms);
      }),
    );
  });

  test.each([
    '',
    'tomorrow',
    'Sun, 31 Feb 2027 00:00:00 GMT',
    'Sunday, 31-Feb-27 00:00:00 GMT',
    'Sun Feb 31 00:00:00 2027',
    'Sun, 06 Nov 1994 24:49:37 GMT',
    'Sun, 06 Nov 1994 08:49:37 CET',
    'Sun, 06 Nov 1994 08:49:37 GMT+1',
    'x Sun, 06 Nov 1994 08:49:37 GMT',
    '1994-11-06T08:49:37Z',
  ])("'%s' is none", (text) => {
    expect(httpDate(text, now)).toBeNull();
  });
});
