/** Takes back what an operation has done: what was minted ends, what it was to replace stays. */
import { KeysError } from '../errors.ts';
import { isLive } from '../filter.ts';
import { allKeys, type Key, type KeyService, type Minting } from '../keys.ts';
import { count, shellArgument } from '../text.ts';
import type { HeldOperation } from './journal.ts';
import { findMinted } from './mint.ts';
import type { Operation } from './operation.ts';
import type { Parts } from './parts.ts';
import { waysOut } from './whereabouts.ts';

/** Throws `conflict` when there is no way back, for the old secret is dead already, and `changed` when somebody else was there before, which ends the operation. */
export async function undo(held: HeldOperation, service: KeyService): Promise<void> {
  const { operation } = held;
  const { request, idempotencyKey } = operation;
  if (request.kind === 'regenerate') {
    const name = operation.key?.name ?? request.id;
    const { id, state } = operation;
    const isOpen = state === 'intended';
    const again = isOpen || !service.minting ? ' --yes' : '';
    throw new KeysError(
      'conflict',
      isOpen
        ? `whether the old secret of ${name} still works is not known; there is nothing to take back`
        : `the old secret of ${name} is dead; there is no way back`,
      {
        hint:
          state === 'uncertain'
            ? waysOut(operation)
            : `keys recover ${id}${again} delivers a secret that works, keys revoke ${shellArgument(request.id)} ends the key`,
      },
    );
  }
  if (service.minting) {
    const minted = await service.minting.cancel(idempotencyKey);
    if (minted && request.kind === 'overlap') await keepOld(held, service.minting);
    else if (minted && minted.key.status !== 'revoked') {
      if (!minted.inForce) await yieldTo(held, minted.key);
      await beginToEnd(held);
      await service.revoke(minted.key.id);
    }
  } else {
    await requireOld(operation, service);
    await beginToEnd(held);
    await endWhatWasMinted(operation, service, async () => true);
  }
  await held.finish();
}

/** Whoever goes on where this is interrupted must not go on with what may have ended. */
function beginToEnd(held: HeldOperation): Promise<void> {
  return held.save({ state: 'failed' });
}

/** Throws `conflict` when the key that a successor replaces has ended: the successor is all there is. */
async function requireOld({ id, key, request, state }: Operation, service: KeyService): Promise<void> {
  if (request.kind !== 'successor' || state !== 'tested') return;
  if (!(await isGone(service, request.of, request.key.namespace))) return;
  throw new KeysError('conflict', `${key?.name ?? request.of} is revoked already; there is no way back`, {
    hint: `keys recover ${id}`,
  });
}

/** Throws `conflict` when the rotation is complete, and `changed` when somebody exchanged both secrets, which ends the operation. */
async function keepOld(held: HeldOperation, minting: Minting): Promise<void> {
  const { operation } = held;
  const { id, idempotencyKey, graceMs, key, minted } = operation;
  const name = key?.name ?? minted?.name ?? id;
  try {
    await minting.settle(idempotencyKey, { keep: 'old' });
  } catch (error) {
    if (!(error instanceof KeysError) || error.code !== 'changed') throw error;
    if (await wasKept(minting, idempotencyKey, graceMs)) {
      throw new KeysError('conflict', `the exchange of ${name} is complete; there is no way back`, {
        hint: operation.state === 'uncertain' ? waysOut(operation) : `keys recover ${id}`,
        cause: error,
      });
    }
    await held.finish();
    throw new KeysError(
      'changed',
      `somebody exchanged the secret of ${name} meanwhile; neither the one before nor the one minted works`,
      { cause: error },
    );
  }
}

/** Of an overlap that has ended: whether it ended with the new secret. */
async function wasKept(minting: Minting, idempotencyKey: string, graceMs: number): Promise<boolean> {
  try {
    await minting.settle(idempotencyKey, { keep: 'new', graceMs });
    return true;
  } catch (error) {
    if (error instanceof KeysError && error.code === 'changed') return false;
    throw error;
  }
}

/** Somebody gave the key another secret, or ended it: nothing that this operation may touch is left. */
export async function yieldTo(held: HeldOperation, { name, id, status }: Key): Promise<never> {
  await held.finish();
  if (status === 'revoked') throw new KeysError('conflict', `${name} was revoked meanwhile`);
  throw new KeysError(
    'changed',
    `somebody gave ${name} another secret meanwhile; what this operation minted is replaced`,
    { hint: `keys show ${id}` },
  );
}

export async function isRevoked(service: KeyService, id: string): Promise<boolean> {
  return (await service.get(id)).status === 'revoked';
}

/** Whether no live key of this id is listed. */
export async function isGone(
  service: KeyService,
  id: string,
  namespace: string | undefined,
): Promise<boolean> {
  for await (const page of allKeys(service, { namespace })) {
    if (page.some((key) => key.id === id && isLive(key.status))) return false;
  }
  return true;
}

/** Without idempotent minting: finds what the operation minted and revokes it. Says what it did. */
export async function endWhatWasMinted(
  operation: Operation,
  service: KeyService,
  confirm: Parts['confirm'],
): Promise<string> {
  const { minted, request } = operation;
  if (request.kind === 'regenerate' || request.kind === 'overlap') {
    return `whether ${operation.key?.name ?? request.id} has a new secret is not known, and it would be lost`;
  }
  const found = minted ? [minted] : await findMinted(service, operation);
  if (found.length === 0) return 'nothing was minted';
  const names = found.map(({ name, id }) => `${name} (${id})`).join(', ');
  if (
    !minted &&
    isGuess(service) &&
    !(await confirm(`Revoke ${names}, which this operation may have minted?`))
  ) {
    throw new KeysError(
      'conflict',
      `${names} may have been minted by this operation, and nobody has the secret`,
      {
        hint: 'look at it with keys show, and end it with keys revoke',
      },
    );
  }
  for (const { id } of found) await service.revoke(id);
  return `${count(found.length, 'key')} with a lost secret revoked: ${names}`;
}

/** Whether a key can only be told by its name and age, because the service keeps no mark of the operation. */
function isGuess({ capabilities: { fields } }: KeyService): boolean {
  return !fields.includes('labels') && !fields.includes('description');
}
