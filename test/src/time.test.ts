import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  durationText,
  isDate,
  parseDuration,
  parseExpiry,
  parseTimestamp,
  relative,
} from '../../src/time.ts';

const now = Date.parse('2026-11-21T12:00:00Z');
const unitMs = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };

describe('parseDuration', () => {
  test('a number and a unit are that many milliseconds', () => {
    fc.assert(
      fc.property(fc.nat(5_000), fc.constantFrom('s', 'm', 'h', 'd', 'w'), (amount, unit) => {
        expect(parseDuration(`${amount}${unit}`)).toBe(amount * unitMs[unit]);
      }),
    );
  });

  test('durationText is read back as the same duration', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 999_999_999 }), (seconds) => {
        expect(parseDuration(durationText(seconds * 1_000))).toBe(seconds * 1_000);
      }),
    );
  });

  test('0 needs no unit', () => expect(parseDuration('0')).toBe(0));

  test.each(['', '5', 'd', '-5d', '1.5h', '5 d', '5D', '1h30m', '1e3s', '٣d'])("'%s' is refused", (text) => {
    expect(() => parseDuration(text)).toThrow(/is not a duration/);
  });

  test('a duration beyond 100 years is refused for its length, not for its form', () => {
    expect(() => parseDuration('99999999d')).toThrow("'99999999d' is longer than 100 years");
  });
});

describe('parseExpiry', () => {
  test.each([
    ['never', null],
    ['12h', '2026-11-22T00:00:00.000Z'],
    ['90d', '2027-02-19T12:00:00.000Z'],
    ['2027-01-31', '2027-02-01T00:00:00.000Z'],
    ['2026-11-21', '2026-11-22T00:00:00.000Z'],
    ['2028-02-29', '2028-03-01T00:00:00.000Z'],
    ['2027-01-31T12:00:00Z', '2027-01-31T12:00:00.000Z'],
    ['2027-01-31t12:00:00.5+02:00', '2027-01-31T10:00:00.500Z'],
  ])('%s is %s', (text, expected) => expect(parseExpiry(text, now)).toBe(expected));

  test.each([
    '2026-02-30',
    '2027-02-29',
    '2027-13-01',
    '2027-00-10',
    '2027-01-31T24:00:00Z',
    '2027-01-31T12:60:00Z',
    '2027-01-31T12:00:60Z',
    '2027-01-31T12:00:00',
    '2027-01-31T12:00:00+24:00',
    '2027-01-31 12:00:00Z',
    '90',
    '2027',
    'tomorrow',
    'Never',
    '',
    '2027-1-31',
  ])("'%s' is no expiry", (text) => expect(() => parseExpiry(text, now)).toThrow(/is not an? /));

  test.each(['2026-11-20', '2026-11-21T11:59:59Z', '2026-11-21T12:00:00Z', '0d'])('%s has passed', (text) =>
    expect(() => parseExpiry(text, now)).toThrow(/already passed/),
  );

  test('more than a hundred years away is refused', () => {
    expect(() => parseExpiry('9999-12-31', now)).toThrow(/100 years/);
  });

  test('a date is accepted exactly when it is in the calendar, and is good to the end of that day', () => {
    const days = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    const pad = (part: number) => String(part).padStart(2, '0');
    fc.assert(
      fc.property(fc.integer({ min: 2027, max: 2120 }), fc.nat(14), fc.nat(33), (year, month, day) => {
        const leap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
        const last = month === 2 && leap ? 29 : (days[month - 1] ?? 0);
        const text = `${year}-${pad(month)}-${pad(day)}`;
        const real = day >= 1 && day <= last;
        expect(isDate(text)).toBe(real);
        if (!real) return;
        const end = Date.parse(parseExpiry(text, now) ?? '');
        expect(new Date(end - 1).toISOString()).toBe(`${text}T23:59:59.999Z`);
      }),
      { numRuns: 2_000 },
    );
  });

  test('any other text is refused or gives a time in the future', () => {
    const typed = fc.string({ unit: fc.constantFrom(...'0123456789-:TZ.+dhmsw '), maxLength: 26 });
    fc.assert(
      fc.property(typed, (text) => {
        let result: string | null;
        try {
          result = parseExpiry(text, now);
        } catch (error) {
          expect(error).toMatchObject({ code: 'invalid' });
          return;
        }
        expect(Date.parse(result ?? '')).toBeGreaterThan(now);
      }),
      { numRuns: 20_000 },
    );
  });
});

test('a timestamp that was parsed is the instant it names', () => {
  fc.assert(
    fc.property(fc.date({ min: new Date(0), max: new Date('2400-01-01'), noInvalidDate: true }), (date) => {
      expect(parseTimestamp(date.toISOString())).toBe(date.getTime());
    }),
  );
});

describe('relative', () => {
  test.each([
    [0, 'now'],
    [59_000, 'in 1m'],
    [-59_000, 'now'],
    [-60_000, '1m ago'],
    [3_600_000, 'in 1h'],
    [10 * unitMs.d - 20, 'in 10d'],
    [-23.9 * 3_600_000, '23h ago'],
    [-119 * unitMs.d, '119d ago'],
    [-120 * unitMs.d, '4mo ago'],
    [365 * unitMs.d, 'in 12mo'],
    [730 * unitMs.d, 'in 2y'],
    [-800 * unitMs.d, '2y ago'],
  ])('%i ms from now is %s', (ms, text) => {
    expect(relative(new Date(now + ms).toISOString(), now)).toBe(text);
  });

  test('says whether a time is ahead or past, and is never off by more than its unit', () => {
    const units = { m: 60_000, h: 3_600_000, d: unitMs.d, mo: 30 * unitMs.d, y: 365 * unitMs.d };
    fc.assert(
      fc.property(fc.integer({ min: -4e12, max: 4e12 }), (ms) => {
        const text = relative(new Date(now + ms).toISOString(), now);
        const match = /^(?:(in) )?(\d+)(mo|[mhdy])( ago)?$/.exec(text);
        if (!match) {
          expect([text, Math.abs(ms) < 60_000]).toEqual(['now', true]);
          return;
        }
        expect(match[1] === 'in').toBe(ms > 0);
        expect(match[4] === ' ago').toBe(ms < 0);
        const unit = units[match[3] as keyof typeof units];
        const shown = Number(match[2]) * unit;
        expect(shown).toBeLessThanOrEqual(Math.abs(ms) + 30_000);
        expect(shown + unit).toBeGreaterThan(Math.abs(ms));
      }),
      { numRuns: 5_000 },
    );
  });
});
