/**
 * Counts together with other instances on one store. Each takes chunks out of one row and spends them by itself, for a while: what
 * it holds counts as taken, so all of them together never let more through than the limit. What is left of a chunk goes back
 * with the next one.
 */
import type { RateLimit } from '../keys.ts';
import { type Bucket, bucketName, type Counter, type Standing } from './limits.ts';
import { type CountRow, nothingTaken, SlidingWindow, stepLength } from './rate.ts';
import type { LimitStore } from './store.ts';

/** How much of the chunk's time is left when it is taken, in steps of the window. */
const spareSteps = 5;

/** For how long at most a refusal is repeated without asking: others may have given something back. */
const refusedMs = 1_000;

interface Share {
  /** What is left of the chunk, the step in which it counts, and from when until when it may be spent. */
  held: number;
  step: number;
  from: number;
  until: number;
  /** What others could take when it was asked last. */
  elsewhere: number;
  /** When there is more to take. */
  moreAt: number;
  refusedUntil: number;
  /** What this instance has left of the bucket in the store; `null` where others have lately been seen there. */
  row: CountRow | null;
  /** Those who wait for the next chunk. */
  waiting: number;
  filling: Promise<number> | null;
}

/** Fewer than these are not worth looking through. */
const manyShares = 10_000;

/** How much an instance takes at once. */
export function chunkOf({ requests }: RateLimit): number {
  return Math.min(100, Math.max(1, Math.floor(requests / 50)));
}

export function sharedCounter(store: LimitStore, now: () => number): Counter {
  const shares = new Map<string, Share>();
  let crowded = manyShares;

  function shareOf(name: string): Share {
    const known = shares.get(name);
    if (known) return known;
    if (shares.size >= crowded) forgetIdle(now());
    const fresh: Share = {
      held: 0,
      step: 0,
      from: 0,
      until: 0,
      elsewhere: 0,
      moreAt: 0,
      refusedUntil: 0,
      row: nothingTaken,
      waiting: 0,
      filling: null,
    };
    shares.set(name, fresh);
    return fresh;
  }

  function forgetIdle(at: number): void {
    for (const [name, { until, refusedUntil, waiting }] of shares) {
      if (waiting === 0 && until <= at && refusedUntil <= at) shares.delete(name);
    }
    crowded = Math.max(manyShares, shares.size * 2);
  }

  /** How much was granted. What is left of the chunk before goes back. */
  async function fill({ limit }: Bucket, name: string, share: Share): Promise<number> {
    const { held, step } = share;
    share.held = 0;
    let looks = 0;
    const { take, row } = await store.changeTaken(name, now(), share.row, (before) => {
      looks += 1;
      const wanted = Math.max(chunkOf(limit), share.waiting);
      const window = new SlidingWindow(before);
      window.giveBack(step, held);
      return { ...window.take(limit, now(), wanted, spareSteps), taken: window.taken };
    });
    const { granted, left, waitMs, taken } = take;
    const at = now();
    share.row = looks === 1 ? row : null;
    share.from = at;
    share.elsewhere = left;
    share.moreAt = at + waitMs;
    share.refusedUntil = granted > 0 ? 0 : at + Math.min(waitMs, refusedMs);
    share.held = granted;
    share.step = taken.at(-1)?.[0] ?? 0;
    share.until = (share.step + 1) * stepLength(limit);
    return granted;
  }

  function granted(bucket: Bucket, share: Share): Standing {
    share.held -= 1;
    const waitMs = Math.max(0, share.moreAt - now());
    return { bucket, granted: true, left: share.held + share.elsewhere, waitMs };
  }

  function refused(bucket: Bucket, { moreAt }: Share): Standing {
    return { bucket, granted: false, left: 0, waitMs: Math.max(0, moreAt - now()) };
  }

  async function takeFromStore(bucket: Bucket, share: Share): Promise<Standing> {
    share.waiting += 1;
    try {
      for (;;) {
        share.filling ??= fill(bucket, bucketName(bucket), share).finally(() => {
          share.filling = null;
        });
        const fresh = await share.filling;
        // What was granted while this request waited is its own, however long the store took.
        if (share.held > 0) return granted(bucket, share);
        if (fresh === 0) return refused(bucket, share);
      }
    } finally {
      share.waiting -= 1;
    }
  }

  return {
    take(bucket) {
      const share = shareOf(bucketName(bucket));
      const at = now();
      // What was said by a clock that has gone back since is over.
      if (at < share.from) return takeFromStore(bucket, share);
      if (share.held > 0 && at < share.until) return granted(bucket, share);
      return at < share.refusedUntil ? refused(bucket, share) : takeFromStore(bucket, share);
    },
    giveBack(bucket) {
      const share = shareOf(bucketName(bucket));
      const at = now();
      if (at >= share.from && at < share.until) share.held += 1;
    },
  };
}
