/** Takes a new secret to its destinations, and what was there before back when it does not work. */
import type { Destination } from '../destinations/index.ts';
import { KeysError, toKeysError } from '../errors.ts';
import { WriteError } from '../io.ts';
import type { Secret } from '../secret.ts';
import type { HeldOperation } from './journal.ts';

/** What the readable destinations held before, in memory only. */
export type Before = ReadonlyMap<Destination, Secret>;

/** Puts the secret to every destination that does not have it for certain. Throws `undelivered`. */
export async function deliver(
  held: HeldOperation,
  destinations: readonly Destination[],
  secret: Secret,
): Promise<void> {
  const { operation } = held;
  // What was printed before may have been read by nobody.
  const lacking = destinations.filter(
    ({ spec, unproven }) => unproven || !operation.delivered.includes(spec),
  );
  for (const destination of lacking) {
    const { spec } = destination;
    const { attempted } = operation;
    await held.save({ state: 'delivering', attempted: [...new Set([...attempted, spec])] });
    try {
      await destination.deliver(secret);
    } catch (error) {
      // What was printed before may have been read then.
      if (!attempted.includes(spec)) await forgetAttempt(held, destination, error);
      const { message, hint } = toKeysError(error);
      throw new KeysError('undelivered', message, {
        hint: `keys recover ${operation.id}${hint ? ` (${hint})` : ''}`,
        cause: error,
      });
    }
    const delivered = [...new Set([...operation.delivered, spec])];
    await held.save(destination === lacking.at(-1) ? { delivered, state: 'delivered' } : { delivered });
  }
  if (lacking.length === 0) await held.save({ state: 'delivered' });
}

/** A stream that did not take the whole secret has given it to nobody. Of a command or a service that failed nobody knows. */
async function forgetAttempt(held: HeldOperation, { spec }: Destination, error: unknown): Promise<void> {
  if (!(error instanceof KeysError) || !(error.cause instanceof WriteError)) return;
  const attempted = held.operation.attempted.filter((one) => one !== spec);
  await held.save({ attempted, state: attempted.length > 0 ? 'delivering' : 'minted' });
}

/** What is where the new secret will be. A place that cannot be read now is left alone later. */
export async function lookBefore(destinations: readonly Destination[]): Promise<Before> {
  const before = new Map<Destination, Secret>();
  for (const destination of destinations.filter(({ readable }) => readable)) {
    const secret = await destination.readBack().catch(() => null);
    if (secret) before.set(destination, secret);
  }
  return before;
}

/** Puts back what was there; the destinations where the secret that does not work stays. */
export async function putBack(before: Before, destinations: readonly Destination[]): Promise<string[]> {
  const left: string[] = [];
  for (const destination of destinations) {
    const secret = before.get(destination);
    const done =
      secret &&
      (await destination.deliver(secret).then(
        () => true,
        () => false,
      ));
    if (!done) left.push(destination.spec);
  }
  return left;
}
