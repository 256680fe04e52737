/** Times as services write them. */
import { httpDate } from '../../http/http-date.ts';
import { isDate } from '../../time.ts';
import { utcTime } from '../foreign.ts';

export const timeFormats = [
  'rfc3339',
  'utc',
  'rfc1123',
  'date',
  'epoch-seconds',
  'epoch-milliseconds',
  'seconds-from-now',
  'milliseconds-from-now',
] as const;
export type TimeFormat = (typeof timeFormats)[number];

/** What each looks like, for a person. */
export const timeForms: Readonly<Record<TimeFormat, string>> = {
  rfc3339: '2027-01-31T12:00:00Z, with any fraction and zone',
  utc: '2027-01-31T12:00:00.000000, without a zone and meant as UTC',
  rfc1123: 'Sun, 31 Jan 2027 12:00:00 GMT',
  date: '2027-01-31, the first moment of that day in UTC',
  'epoch-seconds': '1801396800',
  'epoch-milliseconds': '1801396800000',
  'seconds-from-now': '86400',
  'milliseconds-from-now': '86400000',
};

/** An RFC 3339 UTC string, or `null` for what is no such time. Numbers may come as text. */
export function readTime(value: unknown, format: TimeFormat, nowMs: number): string | null {
  const text = typeof value === 'string' ? value.trim() : '';
  switch (format) {
    case 'rfc3339':
      return utcTime(text);
    case 'utc':
      return utcTime(/(z|[+-]\d\d:\d\d)$/i.test(text) ? text : `${text.replace(' ', 'T')}Z`);
    case 'rfc1123':
      return isoText(httpDate(text));
    case 'date':
      return isDate(text) ? `${text}T00:00:00.000Z` : null;
    case 'epoch-seconds':
      return isoText(scaled(value, 1_000));
    case 'epoch-milliseconds':
      return isoText(scaled(value, 1));
    case 'seconds-from-now':
      return isoText(scaled(value, 1_000, nowMs));
    case 'milliseconds-from-now':
      return isoText(scaled(value, 1, nowMs));
  }
}

/** A time as a service takes it; what is coarser than the time never lies after it. */
export function writeTime(time: string, format: TimeFormat, nowMs: number): string | number {
  const ms = Date.parse(time);
  switch (format) {
    case 'rfc3339':
      return new Date(ms).toISOString();
    case 'utc':
      return new Date(ms).toISOString().slice(0, -1);
    case 'rfc1123':
      return new Date(ms).toUTCString();
    case 'date':
      return new Date(ms).toISOString().slice(0, 10);
    case 'epoch-seconds':
      return Math.floor(ms / 1_000);
    case 'epoch-milliseconds':
      return ms;
    case 'seconds-from-now':
      return Math.round((ms - nowMs) / 1_000);
    case 'milliseconds-from-now':
      return ms - nowMs;
  }
}

function scaled(value: unknown, factor: number, fromMs = 0): number | null {
  const number = typeof value === 'string' && /^-?\d{1,16}(\.\d+)?$/.test(value) ? Number(value) : value;
  return typeof number === 'number' ? fromMs + number * factor : null;
}

const [firstMs, lastMs] = [Date.parse('0000-01-01T00:00:00Z'), Date.parse('9999-12-31T23:59:59.999Z')];

/** RFC 3339 has years of four digits, and so has what a service may say: seconds that are milliseconds come to more. */
function isoText(ms: number | null): string | null {
  if (ms === null || !(ms >= firstMs && ms <= lastMs)) return null;
  return new Date(ms).toISOString();
}
