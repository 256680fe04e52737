/** What has become of a secret that cannot be had again: whoever has it may work with it already. */
import type { Destination } from '../destinations/index.ts';
import { KeysError } from '../errors.ts';
import type { IssuedKey, Key, KeyService, Mint } from '../keys.ts';
import { shellArgument, shellWord } from '../text.ts';
import type { HeldOperation } from './journal.ts';
import { hasNoWayBack, type Operation, renewal } from './operation.ts';

/** What to look for it with. */
interface Search {
  readonly service: KeyService;
  readonly destinations: readonly Destination[];
  /** Destinations of earlier attempts that this one leaves out. */
  readonly earlier?: readonly Destination[];
  /** A person says that it has arrived. */
  readonly arrived?: boolean;
}

/** Found where it was delivered, or somebody has it, or nobody does. */
export type Whereabouts = IssuedKey | 'arrived' | 'lost';

/**
 * Asks the destinations that may have it, and the service whether it was used. `mint` is null where the service cannot tell.
 * Throws `outcome_unknown` when only a person can know, which the journal then says.
 */
export async function whereabouts(
  held: HeldOperation,
  { service, destinations, earlier = [], arrived }: Search,
  mint: Mint | null,
): Promise<Whereabouts> {
  const { attempted, delivered, minted } = held.operation;
  const used = wasUsed(mint);
  const key =
    mint?.key ?? (minted && attempted.length > 0 ? await service.get(minted.id).catch(() => null) : null);
  let unknown = 0;
  let absent = 0;
  for (const spec of attempted) {
    const destination = [...destinations, ...earlier].find((one) => one.spec === spec);
    const found = destination?.readable ? await look(destination, service, key) : 'unknown';
    if (typeof found === 'object') return found;
    if (found === 'unknown') unknown += 1;
    else absent += 1;
  }
  // Whoever has used it had it from somewhere: where that can be one place only, it has arrived there.
  const reached = attempted.length === 1 ? attempted : delivered;
  const isEverywhere = destinations.every(({ spec }) => reached.includes(spec));
  if (used && absent === 0 && isEverywhere) return 'arrived';
  if (!used && unknown === 0) return 'lost';
  if (arrived && isSentEverywhere(held.operation)) return 'arrived';
  await held.save({ state: 'uncertain' });
  throw doubt(held.operation, used);
}

/** Whether somebody has the secret, and works with it or said so. */
export function wasUsed(mint: Mint | null): boolean {
  return mint?.secretState === 'used' || mint?.secretState === 'acknowledged';
}

/** The secret of the key if it is there; `unknown` when something is there, or may be, that cannot be told from it. */
async function look(
  destination: Destination,
  service: KeyService,
  key: Key | null,
): Promise<IssuedKey | 'unknown' | 'nothing'> {
  let secret: Awaited<ReturnType<Destination['readBack']>>;
  try {
    secret = await destination.readBack();
  } catch {
    return 'unknown';
  }
  if (!secret) return 'nothing';
  if (!key) return 'unknown';
  const { lastFour } = key;
  // While two secrets of the key work, only the new one ends like this.
  if (lastFour && !secret.reveal().endsWith(lastFour)) return 'nothing';
  if (!service.capabilities.verbs.includes('verify')) return lastFour ? { key, secret } : 'unknown';
  const { valid, key: verified } = await service.verify(secret);
  if (!valid) return lastFour ? 'unknown' : 'nothing';
  return verified?.id === key.id ? { key, secret } : 'unknown';
}

function doubt(operation: Operation, used: boolean): KeysError {
  const { attempted, request } = operation;
  const places = attempted.join(', ');
  const isOnly = request.kind === 'create' || hasNoWayBack(operation);
  const what = used
    ? `the new secret is in use, and cannot be had again to be delivered everywhere (${places})`
    : `whether the new secret arrived at ${places} cannot be found out any more; it works${isOnly ? '' : ', and so does the old one'}`;
  return new KeysError('outcome_unknown', what, { hint: waysOut(operation) });
}

/** Where it was never sent it has not arrived, whatever a person knows of the other places. */
function isSentEverywhere({ destinations, attempted }: Operation): boolean {
  return destinations.every((spec) => attempted.includes(spec));
}

/** What a person types who knows whether the secret has arrived. */
export function waysOut(operation: Operation): string {
  const { id, attempted } = operation;
  const otherwise = hasNoWayBack(operation)
    ? `keys ${renewal(operation)} ${shellArgument(operation.request.id)}`
    : `keys recover ${id} --undo`;
  // The other places go without it.
  const to = isSentEverywhere(operation) ? '' : attempted.map((spec) => ` --to ${shellWord(spec)}`).join('');
  return `keys recover ${id} --arrived${to} when it has arrived${to && ' there'}, ${otherwise} when not`;
}
