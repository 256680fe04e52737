/** Counts in this process: exactly, as long as it is the only one. */
import { bucketName, type Counter } from './limits.ts';
import { SlidingWindow } from './rate.ts';

interface Count {
  readonly window: SlidingWindow;
  /** When nothing of it counts any more. */
  overAt: number;
}

/** Fewer than these are not worth looking through. */
const manyCounts = 10_000;

export function memoryCounter(now: () => number): Counter {
  const counts = new Map<string, Count>();
  let crowded = manyCounts;

  function forgetOld(at: number): void {
    for (const [name, { overAt }] of counts) if (overAt < at) counts.delete(name);
    crowded = Math.max(manyCounts, counts.size * 2);
  }

  function countOf(name: string, at: number): Count {
    const known = counts.get(name);
    if (known) return known;
    if (counts.size >= crowded) forgetOld(at);
    const fresh = { window: new SlidingWindow(), overAt: 0 };
    counts.set(name, fresh);
    return fresh;
  }

  return {
    take(bucket) {
      const at = now();
      const count = countOf(bucketName(bucket), at);
      count.overAt = at + bucket.limit.perSeconds * 2_000;
      const { granted, left, waitMs } = count.window.take(bucket.limit, at);
      return { bucket, granted: granted > 0, left, waitMs };
    },
    giveBack(bucket) {
      const window = counts.get(bucketName(bucket))?.window;
      if (window?.latest !== undefined) window.giveBack(window.latest, 1);
    },
  };
}
