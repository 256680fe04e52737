/**
 * Times in ISO 8601. Every answer and every log line of the service tells some, and `Date.prototype.toISOString` works out the day
 * again for each: it takes several times as long.
 */

const dayMs = 86_400_000;

/** Of as many days the text is remembered. */
const mostDays = 10_000;

/** By number of days since 1970: `2026-11-21T`. */
const days = new Map<number, string>();

const twoDigits = Array.from({ length: 100 }, (_, n) => String(n).padStart(2, '0'));

/** Milliseconds since 1970 as `Date.prototype.toISOString` writes them. Throws `RangeError` where it does. */
export function isoTime(ms: number): string {
  if (!Number.isInteger(ms) || Math.abs(ms) > 8.64e15) return new Date(ms).toISOString();
  const day = Math.floor(ms / dayMs);
  const rest = ms - day * dayMs;
  const seconds = Math.floor(rest / 1_000);
  const minutes = Math.floor(seconds / 60);
  const time = `${twoDigits[Math.floor(minutes / 60)]}:${twoDigits[minutes % 60]}:${twoDigits[seconds % 60]}`;
  const thousandths = rest % 1_000;
  return `${dateOf(day)}${time}.${Math.floor(thousandths / 100)}${twoDigits[thousandths % 100]}Z`;
}

function dateOf(day: number): string {
  const known = days.get(day);
  if (known !== undefined) return known;
  const date = new Date(day * dayMs).toISOString().slice(0, -'00:00:00.000Z'.length);
  if (days.size >= mostDays) days.clear();
  days.set(day, date);
  return date;
}
