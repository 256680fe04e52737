/**
 * Slows down who guesses passwords: each failure of a user, and of an address, makes the next attempt wait longer. Kept in
 * memory, so it counts for one process; several nodes each allow as much.
 */
import { KeysError } from '../errors.ts';
import { networkOf } from './networks.ts';

export interface Throttle {
  /** Throws `rate_limited`, with how long to wait. */
  require(user: string, address: string | null): void;
  /** What it gives takes the failure back: the password was right after all. */
  failed(user: string, address: string | null): () => void;
}

interface Failures {
  readonly count: number;
  readonly at: number;
  readonly waitMs: number;
}

/** After this many failures each one doubles the wait, from one second on. An address may be that of many people. */
const free = { pair: 5, user: 50, address: 50 };
const longestMs = 15 * 60_000;
const most = 10_000;

export function createThrottle(now: () => number): Throttle {
  const failures = new Map<string, Failures>();

  function places(user: string, from: string | null): [key: string, free: number][] {
    const address = from === null ? null : networkOf(from);
    return [
      [`pair ${JSON.stringify([user, address])}`, free.pair],
      [`user ${user}`, free.user],
      [`address ${address}`, free.address],
    ];
  }

  /** How long one still has to wait. Where the clock has gone back since, it is as if they had failed now. */
  function waitOf(key: string, now: number): number {
    const found = failures.get(key);
    if (!found) return 0;
    if (found.at > now) failures.set(key, { ...found, at: now });
    return Math.min(found.at, now) + found.waitMs - now;
  }

  function isOld({ at, waitMs }: Failures, now: number): boolean {
    return at + waitMs + longestMs <= now;
  }

  /** Whoever comes from everywhere does not fill the memory, nor make what is known of one user forgotten by failing at others. */
  function forget(now: number): void {
    for (const [key, found] of failures) if (isOld(found, now)) failures.delete(key);
    if (failures.size < most) return;
    const fewestFirst = [...failures].sort(([, a], [, b]) => a.count - b.count);
    for (const [key] of fewestFirst.slice(0, most / 10)) failures.delete(key);
  }

  /** Others may have failed there meanwhile: what they have to wait stays. */
  function takeBack(key: string, before: Failures | undefined, after: Failures): void {
    const found = failures.get(key);
    if (found && found !== after) failures.set(key, { ...found, count: found.count - 1 });
    else if (before) failures.set(key, before);
    else failures.delete(key);
  }

  return {
    require(user, address) {
      const at = now();
      const waitMs = Math.max(...places(user, address).map(([key]) => waitOf(key, at)));
      if (waitMs <= 0) return;
      throw new KeysError('rate_limited', 'too many wrong passwords', {
        retryAfterMs: waitMs,
        hint: `wait ${Math.ceil(waitMs / 1_000)} s`,
      });
    },

    failed(user, address) {
      const at = now();
      if (failures.size >= most) forget(at);
      const counted = places(user, address).map(([key, allowed]) => {
        const before = failures.get(key);
        const count = (before && !isOld(before, at) ? before.count : 0) + 1;
        const waitMs = count < allowed ? 0 : Math.min(longestMs, 1_000 * 2 ** Math.min(20, count - allowed));
        const after = { count, at, waitMs };
        failures.set(key, after);
        return { key, before: allowed === free.pair ? undefined : before, after };
      });
      return () => {
        for (const { key, before, after } of counted) takeBack(key, before, after);
      };
    },
  };
}
