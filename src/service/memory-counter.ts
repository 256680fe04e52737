/** Counts in this process: exactly, as long as it is the only one. */
import { bucketName, type Counter } from './limits.ts';
import { giveBack, type Taken, take } from './rate.ts';

interface Count {
  readonly taken: Taken;
  /** When nothing of it counts any more. */
  readonly overAt: number;
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

  return {
    take(bucket) {
      const at = now();
      const name = bucketName(bucket);
      const { granted, left, waitMs, taken } = take(counts.get(name)?.taken ?? [], bucket.limit, at, 1);
      counts.set(name, { taken, overAt: at + bucket.limit.perSeconds * 2_000 });
      if (counts.size > crowded) forgetOld(at);
      return { bucket, granted: granted > 0, left, waitMs };
    },
    giveBack(bucket) {
      const name = bucketName(bucket);
      const count = counts.get(name);
      const latest = count?.taken.at(-1);
      if (count && latest) counts.set(name, { ...count, taken: giveBack(count.taken, latest[0], 1) });
    },
  };
}
