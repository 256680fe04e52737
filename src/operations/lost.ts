/** How an operation goes on whose mint was refused, or whose secret can no longer be had. */
import { KeysError } from '../errors.ts';
import type { IssuedKey, Key, KeyService, Mint } from '../keys.ts';
import { shellArgument } from '../text.ts';
import { type HeldOperation, newIdempotencyKey } from './journal.ts';
import { isAnswer } from './mint.ts';
import { type MintRequest, unbegun } from './operation.ts';
import type { Parts } from './parts.ts';
import { endWhatWasMinted, yieldTo } from './undo.ts';
import { type Whereabouts, whereabouts } from './whereabouts.ts';

/** A refused mint ends the operation when it is certain that nothing was minted, and leaves nothing lost. */
export async function refused(
  held: HeldOperation,
  { service }: Parts,
  error: KeysError,
  isFirst: boolean,
): Promise<KeysError> {
  const { operation } = held;
  if (isFirst && operation.replaces === undefined) {
    await held.finish();
    return error;
  }
  if (operation.replaces === undefined && isAnswer(error)) {
    // An attempt before may still be on its way.
    if (!(await service.minting?.cancel(operation.idempotencyKey))) {
      await held.finish();
      return error;
    }
  }
  return new KeysError('outcome_unknown', `the outcome is still unknown: ${error.message}`, {
    hint: error.hint ?? `keys recover ${operation.id}`,
    cause: error,
  });
}

/** What became of the secret of a mint once the service no longer has it. `lost` when the operation begins again. */
export async function afterSeal(held: HeldOperation, parts: Parts): Promise<Whereabouts> {
  const { idempotencyKey, state } = held.operation;
  const minted = await parts.service.minting?.status(idempotencyKey);
  if (!minted) throw new KeysError('not_found', 'the service knows of no key that this operation minted');
  if (state === 'unproven') await forget(held, minted);
  if (!minted.inForce) await yieldTo(held, minted.key);
  const found = await whereabouts(held, parts, minted);
  if (found === 'lost') await startOver(held, parts, minted.key);
  return found;
}

/** What was printed is done with: another secret in its place would lock out whoever has it. */
async function forget(held: HeldOperation, { key, secretState }: Mint): Promise<never> {
  await held.finish();
  const why =
    secretState === 'expired'
      ? 'the secret was kept for 15 minutes, or has been replaced since'
      : 'the secret was used since: it has arrived, and is not given again';
  throw new KeysError('secret_gone', why, {
    hint: `keys rotate ${key.id} gives the key a new one`,
  });
}

/** The secret of the mint is lost: it is ended, and the operation begins again on the same key. */
async function startOver(held: HeldOperation, { service }: Parts, key: Key): Promise<void> {
  const { idempotencyKey, request } = held.operation;
  const anew = { ...unbegun(), idempotencyKey: newIdempotencyKey() };
  if (request.kind === 'overlap') {
    const kept = await service.minting?.settle(idempotencyKey, { keep: 'old' });
    const { id, version } = kept ?? key;
    await held.save({ ...anew, request: { kind: 'overlap', id, version } });
    return;
  }
  // A key that was created has a lost secret and no other: it gets a new one.
  const { id, version } = key;
  await held.save({
    ...anew,
    replaces: idempotencyKey,
    request: { kind: 'regenerate', id, graceMs: 0, version },
  });
}

/** Before a lost secret is replaced at a second attempt: nobody has replaced it meanwhile, and the key as it is now. */
export async function renewVersion(held: HeldOperation, { service: { minting } }: Parts): Promise<void> {
  const { replaces, idempotencyKey, request } = held.operation;
  if (!replaces || !minting || request.kind !== 'regenerate') return;
  if (await minting.status(idempotencyKey)) return;
  const lost = await minting.status(replaces);
  if (!lost) return;
  if (!lost.inForce) await yieldTo(held, lost.key);
  await held.save({ request: { ...request, version: lost.key.version } });
}

/**
 * On a service that cannot repeat a mint, what was minted and not delivered is lost: it is ended. A secret that may be in use is
 * looked for before.
 */
export async function endLostMint(
  held: HeldOperation,
  parts: Parts,
): Promise<IssuedKey | 'arrived' | 'begun again' | 'ended'> {
  const { service, confirm } = parts;
  const { operation } = held;
  const found = operation.attempted.length > 0 ? await whereabouts(held, parts, null) : 'lost';
  if (found !== 'lost') {
    if (found !== 'arrived') await parts.minted?.(found);
    return found;
  }
  const ended = await endWhatWasMinted(operation, service, confirm);
  const again = await confirm(`${ended}. Mint again?`);
  if (again) {
    const startedAt = new Date().toISOString();
    await held.save({
      ...unbegun(),
      startedAt,
      request: await asItIsNow(operation.request, service),
    });
    return 'begun again';
  }
  const { id, request, key } = operation;
  if (again === null && request.kind === 'regenerate') {
    throw new KeysError('outcome_unknown', ended, {
      hint: `keys recover ${id} --yes gives it another one, keys revoke ${shellArgument(key?.id ?? request.id)} ends the key`,
    });
  }
  await parts.note?.(ended);
  await held.finish();
  return 'ended';
}

/** The lost mint may have changed the key. */
async function asItIsNow(request: MintRequest, service: KeyService): Promise<MintRequest> {
  if (request.kind !== 'regenerate' || request.version === null) return request;
  return { ...request, version: (await service.get(request.id)).version };
}
