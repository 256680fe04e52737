/** What a request counts on: a user and a key, or, where the secret is not good, the address it came from. */
import type { RequestContext } from './audit.ts';
import type { ServiceCore } from './core.ts';
import { type Bucket, spend } from './limits.ts';
import { networkOf } from './networks.ts';
import type { KeyRow } from './store.ts';

type Core = Pick<ServiceCore, 'counter' | 'settings'>;

/** A key, or a session without one. */
type Used = Pick<KeyRow, 'id' | 'owner' | 'rateLimit'> & { readonly name: string | null };

/** A key is used, as a credential or by being verified. Throws `rate_limited`, `unavailable`. */
export async function countUse(
  { counter, settings }: Core,
  { id, name, owner, rateLimit }: Used,
  context: RequestContext,
): Promise<void> {
  const buckets: Bucket[] = [];
  // What belongs to nobody is a user of its own.
  if (settings.rateLimit) buckets.push({ policy: 'user', of: owner ?? id, limit: settings.rateLimit });
  if (rateLimit) buckets.push({ policy: 'key', of: id, limit: rateLimit });
  if (buckets.length === 0) return;
  try {
    await spend(counter, buckets, context.told);
  } catch (error) {
    context.limited = { owner, keyName: name };
    throw error;
  }
}

/** Somebody tries a secret that is not good. Throws `rate_limited`, `unavailable`. */
export async function countUnusable(
  { counter, settings }: Core,
  { address, told }: RequestContext,
): Promise<void> {
  const { addressRateLimit: limit } = settings;
  if (limit && address !== null) {
    await spend(counter, [{ policy: 'address', of: networkOf(address), limit }], told);
  }
}
