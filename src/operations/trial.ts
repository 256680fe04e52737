/** The test of a new secret, and the way back when it fails. */
import type { Destination } from '../destinations/index.ts';
import { KeysError, toKeysError } from '../errors.ts';
import type { IssuedKey } from '../keys.ts';
import type { Secret } from '../secret.ts';
import { type Before, putBack } from './deliver.ts';
import type { HeldOperation } from './journal.ts';
import { afterSeal } from './lost.ts';
import { mint } from './mint.ts';
import { hasNoWayBack, type Operation } from './operation.ts';
import { isOnlyPrinted, type Parts } from './parts.ts';
import { isRevoked, undo } from './undo.ts';
import { waysOut } from './whereabouts.ts';

/**
 * Tests the secret as its consumers would read it. One that does not work is ended, and the old one stays; with one that is lost
 * the operation begins again.
 */
export async function test(
  held: HeldOperation,
  parts: Parts,
  issued: IssuedKey | null,
  before: Before,
): Promise<void> {
  const { operation } = held;
  const { service, destinations } = parts;
  let known = issued ?? (await hadAgain(parts, operation));
  if (!known && service.minting) {
    const found = await afterSeal(held, parts);
    if (found === 'arrived' || found === 'lost') return;
    known = found;
  }
  const read = await readBack(held, destinations, known?.secret ?? null);
  const secret = read ?? known?.secret ?? null;
  if (secret === null) {
    await testUnseen(held, parts);
    return;
  }
  // What was only printed is known from the service itself, and could not be had again once it is used.
  const ask = !service.minting || !isOnlyPrinted(destinations);
  try {
    await parts.test?.(secret, operation, { ask });
  } catch (error) {
    if (!(error instanceof KeysError) || error.code !== 'test_failed') {
      throw new KeysError(
        'outcome_unknown',
        `the new secret could not be tested: ${toKeysError(error).message}`,
        {
          hint: `keys recover ${operation.id}${ofOld(operation)}`,
          cause: error,
        },
      );
    }
    throw await takeBack(held, parts, error, before);
  }
}

/** Ends a secret that does not work, once its destinations hold again what they held. */
async function takeBack(
  held: HeldOperation,
  { service, destinations }: Parts,
  { message, hint }: KeysError,
  before: Before,
): Promise<KeysError> {
  const { request } = held.operation;
  if (hasNoWayBack(held.operation)) {
    await held.finish();
    const end = 'the old secret was replaced before, and the new one stays where it was delivered';
    return new KeysError('test_failed', `${message}; ${end}`, { hint });
  }
  await held.save({ state: 'failed' });
  const kept = destinations.filter(({ unproven }) => !unproven);
  const left = await putBack(before, kept);
  await undo(held, service);
  const dead = request.kind === 'overlap' && (await isRevoked(service, request.id));
  const ends = [dead ? 'the key was revoked meanwhile' : 'the new secret is revoked, the old one stays'];
  if (left.length > 0) ends.push(`${left.join(', ')} still has the revoked one`);
  else if (kept.length > 0) ends.push('what was delivered to has its content back');
  return new KeysError('test_failed', [message, ...ends].join('; '), { hint });
}

/** The secret is where it cannot be read, and not to be had again: did its consumer get it? */
async function testUnseen({ operation }: HeldOperation, parts: Parts): Promise<void> {
  const { destinations } = operation;
  if (parts.arrived) return;
  const question = `Does the new secret work that was delivered to ${destinations.join(', ')}?`;
  if (await parts.confirm(question)) return;
  throw new KeysError(
    'outcome_unknown',
    'the new secret was delivered, but can be neither read nor tested any more',
    {
      hint: `${waysOut(operation)}${ofOld(operation)}`,
    },
  );
}

/** What a hint says of the old secret. */
function ofOld(operation: Operation): string {
  return hasNoWayBack(operation) ? '' : '; the old secret still works';
}

async function hadAgain({ service }: Parts, operation: Operation): Promise<IssuedKey | null> {
  if (!service.minting) return null;
  return mint(service, operation).catch((error: unknown) => {
    if (error instanceof KeysError && error.code === 'secret_gone') return null;
    throw error;
  });
}

/** A destination that does not hold what was delivered gets it again with `keys recover`. */
async function readBack(
  held: HeldOperation,
  destinations: readonly Destination[],
  expected: Secret | null,
): Promise<Secret | null> {
  let found = expected;
  let read: Secret | null = null;
  for (const destination of destinations.filter(({ readable }) => readable)) {
    read = await destination.readBack();
    if (read === null || (found !== null && found.reveal() !== read.reveal())) {
      const { id, delivered } = held.operation;
      const { spec } = destination;
      await held.save({ state: 'delivering', delivered: delivered.filter((one) => one !== spec) });
      throw new KeysError('undelivered', `${spec} does not hold the secret that was delivered there`, {
        hint: `keys recover ${id} delivers it again`,
      });
    }
    found = read;
  }
  return read;
}
