/** The last step of an operation. */
import { KeysError, toKeysError } from '../errors.ts';
import type { Key, KeyService } from '../keys.ts';
import type { HeldOperation } from './journal.ts';
import type { MintRequest } from './operation.ts';
import { isOnlyPrinted, type Parts } from './parts.ts';
import { isGone, isRevoked } from './undo.ts';

/** Ends what the new secret replaces, tells the service that the secret has arrived, and forgets the operation last. */
export async function finish(held: HeldOperation, { service, destinations }: Parts): Promise<Key | null> {
  const { request, idempotencyKey, command, state } = held.operation;
  // A rotation has read back what it could: one place that was read proves the secret.
  const proven =
    command === 'rotate' ? !isOnlyPrinted(destinations) : !destinations.some(({ unproven }) => unproven);
  // First: the secret that ends may be the very one that this command works with.
  if (proven) await service.minting?.acknowledge(idempotencyKey);
  let key: Key | null = null;
  if (request.kind === 'overlap') {
    key = await keepNew(held, service, request.id);
  }
  if (request.kind === 'successor') await endOld(held, service, request);
  if (!proven && service.minting) {
    if (state !== 'unproven') await held.save({ state: 'unproven' });
    return key;
  }
  await held.finish();
  return key;
}

/** Ends the key that has a successor; one that is gone has ended. */
async function endOld(
  { operation: { id, key } }: HeldOperation,
  service: KeyService,
  { of, key: { namespace } }: Extract<MintRequest, { kind: 'successor' }>,
): Promise<void> {
  try {
    await service.revoke(of);
  } catch (error) {
    const { code, message } = toKeysError(error);
    // Not found may also be said by something on the way; that it is not listed is said by the service.
    if (code === 'not_found' && (await isGone(service, of, namespace).catch(() => false))) return;
    throw new KeysError(
      'outcome_unknown',
      `the new secret is in its place, and ${key?.name ?? of}, which it replaces, may still work: ${message}`,
      { hint: `keys recover ${id}`, cause: error },
    );
  }
}

/** Where somebody else ended the overlap meanwhile, nothing is left to do: the operation ends, and says why. */
async function keepNew(held: HeldOperation, service: KeyService, id: string): Promise<Key | null> {
  const { idempotencyKey, graceMs, destinations, key } = held.operation;
  try {
    return (await service.minting?.settle(idempotencyKey, { keep: 'new', graceMs })) ?? null;
  } catch (error) {
    if (!(error instanceof KeysError)) throw error;
    const name = key?.name ?? id;
    const delivered = `what was delivered to ${destinations.join(', ') || 'nobody'}`;
    if (error.code === 'conflict' && (await isRevoked(service, id))) {
      await held.finish();
      throw new KeysError('conflict', `${name} was revoked meanwhile; ${delivered} does not work`, {
        cause: error,
      });
    }
    if (error.code !== 'changed') throw error;
    await held.finish();
    throw new KeysError(
      'changed',
      `somebody exchanged the secret of ${name} meanwhile; ${delivered} does not work any more`,
      { hint: `keys rotate ${id} gives it another new one`, cause: error },
    );
  }
}
