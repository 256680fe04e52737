/** Limits on requests: what counts on which limit, and who keeps the count. */
import { KeysError } from '../errors.ts';
import type { RateLimit } from '../keys.ts';
import { durationText } from '../time.ts';

/** Something that a limit is on: a user with all their keys and sessions, one key, or an address that tries secrets that are not good. */
export interface Bucket {
  readonly policy: 'user' | 'key' | 'address';
  readonly of: string;
  readonly limit: RateLimit;
}

/** How a limit stands. */
export interface Standing {
  readonly bucket: Bucket;
  /** False when this request is beyond the limit. */
  readonly granted: boolean;
  readonly left: number;
  /** Until there is more, in milliseconds. */
  readonly waitMs: number;
}

export interface Counter {
  /** One request out of a bucket. Throws `unavailable` when the count cannot be asked for: nothing goes uncounted. */
  take(bucket: Bucket): Standing | Promise<Standing>;
  /** The request that was taken last did not take place. */
  giveBack(bucket: Bucket): void;
}

/**
 * One request out of each of the buckets, or, where one of them has none left, out of none. `told` hears how they stand.
 * Throws `rate_limited`, `unavailable`.
 */
export async function spend(
  counter: Counter,
  buckets: readonly Bucket[],
  told?: (standings: readonly Standing[]) => void,
): Promise<void> {
  const standings: Standing[] = [];
  for (const bucket of buckets) {
    const taken = counter.take(bucket);
    const standing = taken instanceof Promise ? await taken : taken;
    standings.push(standing);
    if (standing.granted) continue;
    for (const { bucket: spent } of standings.slice(0, -1)) counter.giveBack(spent);
    told?.(standings);
    throw overLimit(standing);
  }
  told?.(standings);
}

function overLimit({ bucket: { policy, of, limit }, waitMs }: Standing): KeysError {
  const amount = `${limit.requests} requests in ${durationText(limit.perSeconds * 1_000)}`;
  const who = {
    user: `the user '${of}' may make ${amount}, with all keys and sessions together`,
    key: `this key may make ${amount}`,
    address: `from this address come more than ${amount} with secrets that are not good`,
  };
  return new KeysError('rate_limited', who[policy], {
    hint: `try again in ${durationText(Math.ceil(waitMs / 1_000) * 1_000)}`,
    retryAfterMs: waitMs,
  });
}

/** Under which the count of a bucket is kept; another window counts in other steps. */
export function bucketName({ policy, of, limit }: Bucket): string {
  return `${policy}:${of}/${limit.perSeconds}`;
}
