/** How long to wait, and for how long in all. */
import type { IncomingHttpHeaders } from 'node:http';
import { httpDate } from './http-date.ts';

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
