/** Durations and expiry times as people type them; parsed strictly, because `new Date('2026-02-30')` is 2 March. */
import { KeysError } from './errors.ts';

const unitMs = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 } as const;
type Unit = keyof typeof unitMs;

/** Timers beyond this fire at once, and no expiry that far is meant. */
const longestMs = 100 * 366 * unitMs.d;

/** `90d`, `12h`, `30m`, `45s`, `2w`, or `0`: milliseconds. Throws `invalid`. */
export function parseDuration(text: string): number {
  if (text.trim() === '0') return 0;
  const match = /^(\d{1,9})([smhdw])$/.exec(text.trim());
  const ms = match ? Number(match[1]) * unitMs[match[2] as Unit] : Number.NaN;
  if (ms > longestMs) throw new KeysError('invalid', `'${text}' is longer than 100 years`);
  if (Number.isNaN(ms)) {
    throw new KeysError('invalid', `'${text}' is not a duration`, {
      hint: 'a number and a unit: 45s, 30m, 12h, 90d or 2w',
    });
  }
  return ms;
}

const dateForm = /^(\d{4})-(\d{2})-(\d{2})$/;
const timeForm = /^(\d{4}-\d{2}-\d{2})T(\d{2}):(\d{2}):(\d{2})(\.\d{1,9})?(Z|[+-]\d{2}:\d{2})$/i;

/** A real calendar date, `YYYY-MM-DD`. */
export function isDate(text: string): boolean {
  const match = dateForm.exec(text);
  if (!match) return false;
  const [year, month, day] = match.slice(1).map(Number) as [number, number, number];
  const date = new Date(Date.UTC(year, month - 1, day));
  return date.getUTCFullYear() === year && date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
}

/** An RFC 3339 time as milliseconds since 1970, or `null` when it is not one. Leap seconds are not accepted. */
export function parseTimestamp(text: string): number | null {
  const match = timeForm.exec(text);
  if (!match) return null;
  const [, date, hour, minute, second, , zone] = match as unknown as string[];
  if (!isDate(date as string) || Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59) return null;
  if (zone && /^[+-]/.test(zone) && (Number(zone.slice(1, 3)) > 23 || Number(zone.slice(4)) > 59))
    return null;
  const ms = Date.parse(text.toUpperCase());
  return Number.isNaN(ms) ? null : ms;
}

/**
 * An expiry as `--expires` takes it: a duration from now, a date (valid through its last moment in UTC), an RFC 3339
 * time, or `never` (`null`). The result is an RFC 3339 UTC string. Throws `invalid`, also for a time that has passed.
 */
export function parseExpiry(text: string, nowMs: number): string | null {
  const trimmed = text.trim();
  if (trimmed === 'never') return null;
  const ms = expiryMs(trimmed, nowMs);
  if (ms === null) {
    throw new KeysError('invalid', `'${text}' is not an expiry`, {
      hint: 'use 90d, 12h, 2027-01-31, 2027-01-31T12:00:00Z or never',
    });
  }
  if (ms <= nowMs) throw new KeysError('invalid', `the expiry '${text}' has already passed`);
  if (ms - nowMs > longestMs)
    throw new KeysError('invalid', `the expiry '${text}' is more than 100 years away`);
  return new Date(ms).toISOString();
}

function expiryMs(text: string, nowMs: number): number | null {
  if (/^\d+[a-z]$/.test(text)) return nowMs + parseDuration(text);
  if (isDate(text)) return Date.parse(`${text}T00:00:00Z`) + unitMs.d;
  return parseTimestamp(text);
}

/** A time as `--since` takes it: a duration before now, a date (its first moment in UTC) or an RFC 3339 time. Throws `invalid`. */
export function parsePast(text: string, nowMs: number): string {
  const trimmed = text.trim();
  const day = isDate(trimmed) ? Date.parse(`${trimmed}T00:00:00Z`) : null;
  const ms = /^\d+[a-z]$/.test(trimmed) ? nowMs - parseDuration(trimmed) : (day ?? parseTimestamp(trimmed));
  if (ms !== null) return new Date(ms).toISOString();
  throw new KeysError('invalid', `'${text}' is not a time`, {
    hint: 'use 7d, 12h, 2026-11-01 or 2026-11-01T12:00:00Z',
  });
}

/** From which size on, in what unit, and how long that is. */
const steps = [
  { fromMs: unitMs.d * 730, unit: 'y', ms: unitMs.d * 365 },
  { fromMs: unitMs.d * 120, unit: 'mo', ms: unitMs.d * 30 },
  { fromMs: unitMs.d, unit: 'd', ms: unitMs.d },
  { fromMs: unitMs.h, unit: 'h', ms: unitMs.h },
  { fromMs: unitMs.m, unit: 'm', ms: unitMs.m },
];

/** `in 3d`, `5h ago`, `now`: a time as a person reads it in a table. What was set to 10 days is not `in 9d` a moment later. */
export function relative(time: string, nowMs: number): string {
  const ms = Date.parse(time) - nowMs;
  const size = ms > 0 ? ms + unitMs.m / 2 : -ms;
  const step = steps.find(({ fromMs }) => size >= fromMs);
  if (!step) return 'now';
  const amount = `${Math.floor(size / step.ms)}${step.unit}`;
  return ms > 0 ? `in ${amount}` : `${amount} ago`;
}

/** A duration for a message: `90d`, `36h`, `1.5s`. */
export function durationText(ms: number): string {
  for (const unit of ['d', 'h', 'm'] as const) {
    if (ms >= unitMs[unit] && ms % unitMs[unit] === 0) return `${ms / unitMs[unit]}${unit}`;
  }
  return `${Number((ms / 1_000).toFixed(1))}s`;
}
