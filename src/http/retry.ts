/** How long to wait, and for how long in all. */
import type { IncomingHttpHeaders } from 'node:http';

export const maxAttempts = 4;

/** `setTimeout` fires at once beyond this. */
export const longestTimerMs = 2 ** 31 - 1;

/** What a command may wait for its service. Only waiting counts: a person at a prompt uses none of it up. */
export class Budget {
  #leftMs: number;
  #waiting = 0;
  #since = 0;

  constructor(ms: number) {
    this.#leftMs = ms;
  }

  get leftMs(): number {
    return this.#leftMs - (this.#waiting > 0 ? performance.now() - this.#since : 0);
  }

  /** Counts the time of `work`; works that overlap are counted once. */
  async spend<T>(work: () => Promise<T>): Promise<T> {
    if (this.#waiting++ === 0) this.#since = performance.now();
    try {
      return await work();
    } finally {
      if (--this.#waiting === 0) this.#leftMs -= performance.now() - this.#since;
    }
  }
}

/** Doubles with every attempt and is spread out, so that clients that failed together do not come back together. */
export function backoff(baseMs: number, attempt: number): number {
  return baseMs * 2 ** (attempt - 1) * (0.5 + Math.random() / 2);
}

/**
 * `Retry-After` in milliseconds from now: whole seconds or an HTTP date (RFC 9110, 10.2.3); `null` for anything else.
 * A date is read by the clock that wrote it, the answer's `Date`, because this machine's may be wrong.
 */
export function retryAfter(headers: IncomingHttpHeaders, nowMs: number): number | null {
  const text = headers['retry-after'];
  if (typeof text !== 'string') return null;
  if (/^\d{1,12}$/.test(text)) return Number(text) * 1_000;
  const at = httpDate(text, nowMs);
  if (at === null) return null;
  return Math.max(0, at - (httpDate(headers.date ?? '', nowMs) ?? nowMs));
}

const time = String.raw`(?<time>\d\d:\d\d:\d\d)`;
const dateForms = [
  new RegExp(String.raw`^[A-Z][a-z]{2}, (?<day>\d\d) (?<month>[A-Z][a-z]{2}) (?<year>\d{4}) ${time} GMT$`),
  new RegExp(String.raw`^[A-Z][a-z]{5,8}, (?<day>\d\d)-(?<month>[A-Z][a-z]{2})-(?<year>\d\d) ${time} GMT$`),
  new RegExp(String.raw`^[A-Z][a-z]{2} (?<month>[A-Z][a-z]{2}) (?<day>[ \d]\d) ${time} (?<year>\d{4})$`),
];

/**
 * The three forms of RFC 9110, 5.6.7, as milliseconds since 1970; `null` for what is none, or no day of the calendar. A year of two
 * digits is in the century of `nowMs`, or in the one before where it would be more than 50 years ahead.
 */
export function httpDate(text: string, nowMs = Date.now()): number | null {
  const parts = dateForms.map((form) => form.exec(text)?.groups).find((groups) => groups);
  if (!parts) return null;
  const { day = '', month, year = '', time } = parts;
  const inYear = (full: number | string) =>
    calendarDate(`${day.replace(' ', '0')} ${month} ${full} ${time} GMT`);
  if (year.length === 4) return inYear(year);
  const now = new Date(nowMs);
  const thisYear = now.getUTCFullYear();
  const near = thisYear - (thisYear % 100) + Number(year);
  const ms = inYear(near);
  return ms !== null && ms > now.setUTCFullYear(thisYear + 50) ? inYear(near - 100) : ms;
}

function calendarDate(text: string): number | null {
  const ms = Date.parse(text);
  return new Date(ms).toUTCString().endsWith(text) ? ms : null;
}
