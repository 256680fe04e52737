/**
 * The one protocol: preflight, journal, mint, deliver, test, finish. A first run and `keys recover` walk the same steps
 * from wherever the journal says the operation stands, so that each step may be repeated after a crash at any instant.
 */
import type { Destination } from '../destinations/index.ts';
import { type ErrorCode, KeysError, toKeysError } from '../errors.ts';
import type { IssuedKey, Key, KeyService } from '../keys.ts';
import type { Secret } from '../secret.ts';
import { type HeldOperation, type Intent, type Journal, newIdempotencyKey } from './journal.ts';
import { isRefusal, mint } from './mint.ts';
import type { Operation } from './operation.ts';
import { endWhatWasMinted, isRevoked, undo } from './undo.ts';

export interface Parts {
  readonly service: KeyService;
  readonly destinations: readonly Destination[];
  /** Told as soon as the secret is known, also when it is had again. */
  minted?(issued: IssuedKey): Promise<void>;
  /** Rotate: throws when the new secret does not work. */
  test?(secret: Secret, operation: Operation): Promise<void>;
  /** Asked before something is minted a second time on a service that cannot tell a repetition. */
  confirm(question: string): Promise<boolean>;
}

/** How an operation ended; `key` is null when everything it minted was ended and nothing took its place. */
export interface Outcome {
  readonly key: Key | null;
  readonly destinations: readonly string[];
}

/** Runs a new operation to its end. Its destinations have said that they are ready. */
export function performOperation(journal: Journal, intent: Intent, parts: Parts): Promise<Outcome> {
  return journal.begin(intent, (held) => advance(held, parts));
}

/** Takes an operation up where it stands and brings it to its end. */
export function resumeOperation(journal: Journal, id: string, parts: Parts): Promise<Outcome> {
  return journal.resume(id, async (held) => {
    const specs = parts.destinations.map(({ spec }) => spec);
    const { delivered, destinations } = held.operation;
    if (specs.join('\n') !== destinations.join('\n')) {
      // Other destinations than before: the new ones have nothing yet.
      await held.save({ destinations: specs, delivered: delivered.filter((spec) => specs.includes(spec)) });
    }
    return advance(held, parts, { resumed: true });
  });
}

/** What goes wrong after the mint leaves something behind; no exit code may say that nothing was changed. */
async function advance(held: HeldOperation, parts: Parts, { resumed = false } = {}): Promise<Outcome> {
  try {
    return await walk(held, parts, resumed);
  } catch (error) {
    const { id, state } = held.operation;
    const { code, message } = toKeysError(error);
    if (state === 'intended' || toldTruly.has(code)) throw error;
    throw new KeysError('outcome_unknown', `the new secret was minted, and then: ${message}`, {
      hint: `keys recover ${id}`,
      cause: error,
    });
  }
}

/** Errors that say themselves how an operation stands after its mint. */
const toldTruly: ReadonlySet<ErrorCode> = new Set([
  'undelivered',
  'outcome_unknown',
  'secret_gone',
  'test_failed',
  'conflict',
  'changed',
]);

async function walk(held: HeldOperation, parts: Parts, resumed: boolean): Promise<Outcome> {
  const { operation } = held;
  let issued: IssuedKey | null = null;

  if (resumed && !parts.service.minting && operation.state !== 'tested') {
    const again = await endLostMint(held, parts);
    if (!again) return { key: null, destinations: [] };
  }
  if (operation.state === 'intended') issued = await mintOrStartOver(held, parts);
  if (operation.state === 'minted' || operation.state === 'unproven') {
    issued ??= await mintOrStartOver(held, parts);
    await deliver(held, parts, issued);
  }
  if (operation.state === 'delivered') {
    if (operation.command === 'rotate') await test(held, parts, issued);
    await held.save({ state: 'tested' });
  }
  const key = await finish(held, parts);
  return { key: key ?? issued?.key ?? null, destinations: operation.destinations };
}

/** Mints, or has the same answer again. A secret that can no longer be had is replaced by a new one. */
async function mintOrStartOver(held: HeldOperation, parts: Parts): Promise<IssuedKey> {
  const { operation } = held;
  const first = operation.state === 'intended';
  let issued: IssuedKey;
  try {
    issued = await mint(parts.service, operation);
  } catch (error) {
    if (error instanceof KeysError && error.code === 'secret_gone') {
      if (operation.state === 'unproven') await forget(held, parts);
      const there = await alreadyThere(operation, parts);
      if (!there) {
        await startOver(held, parts);
        return mintOrStartOver(held, parts);
      }
      issued = there;
    } else {
      if (first && isRefusal(error)) await held.finish();
      const { mintedId } = toKeysError(error);
      if (first && mintedId !== null) {
        const { request } = operation;
        const name = 'key' in request ? request.key.name : (operation.key?.name ?? mintedId);
        await held.save({ minted: { id: mintedId, name } });
      }
      throw error;
    }
  }
  await parts.minted?.(issued);
  const { id, name } = issued.key;
  if (first) await held.save({ state: 'minted', minted: { id, name } });
  return issued;
}

/** A secret that was printed and then used has arrived: another one in its place would lock its consumer out. */
async function forget(held: HeldOperation, { service }: Parts): Promise<void> {
  const { idempotencyKey, minted } = held.operation;
  const mint = await service.minting?.status(idempotencyKey);
  if (mint?.secretState === 'expired') return;
  await held.finish();
  throw new KeysError('secret_gone', 'the secret was used since: it has arrived, and is not given again', {
    hint: `keys regenerate ${minted?.id ?? '<key>'} gives the key a new one`,
  });
}

/** The secret of the mint, from a destination that had it before the journal knew: its consumers may work with it already. */
async function alreadyThere(
  { idempotencyKey }: Operation,
  { service, destinations }: Parts,
): Promise<IssuedKey | null> {
  const minted = await service.minting?.status(idempotencyKey);
  if (!minted) return null;
  for (const destination of destinations.filter(({ readable }) => readable)) {
    const secret = await destination.readBack().catch(() => null);
    // While two secrets of the key work, only the new one ends like this.
    if (!secret || !minted.key.lastFour || !secret.reveal().endsWith(minted.key.lastFour)) continue;
    const { valid, key } = await service.verify(secret);
    if (valid && key?.id === minted.key.id) return { key: minted.key, secret };
  }
  return null;
}

/** The secret of the mint is lost: it is ended, and the operation begins again on the same key. */
async function startOver(held: HeldOperation, { service }: Parts): Promise<void> {
  const { idempotencyKey, request } = held.operation;
  const minted = held.operation.minted ?? (await service.minting?.status(idempotencyKey))?.key;
  if (!minted) throw new KeysError('not_found', 'the service knows of no key that this operation minted');
  if (request.kind === 'overlap') await service.minting?.settle(idempotencyKey, { keep: 'old' });
  await held.save({
    idempotencyKey: newIdempotencyKey(),
    // A key that was created has a lost secret and no other: it gets a new one.
    request: {
      kind: request.kind === 'overlap' ? 'overlap' : 'regenerate',
      id: minted.id,
      graceMs: 0,
      version: null,
    },
    minted: null,
    state: 'intended',
    delivered: [],
  });
}

async function deliver(held: HeldOperation, { destinations }: Parts, { secret }: IssuedKey): Promise<void> {
  const { operation } = held;
  for (const destination of destinations) {
    // What was printed before may have been read by nobody.
    if (operation.delivered.includes(destination.spec) && !destination.unproven) continue;
    try {
      await destination.deliver(secret);
    } catch (error) {
      const { message, hint } = toKeysError(error);
      throw new KeysError('undelivered', message, {
        hint: `keys recover ${operation.id}${hint ? ` (${hint})` : ''}`,
        cause: error,
      });
    }
    await held.save({ delivered: [...new Set([...operation.delivered, destination.spec])] });
  }
  await held.save({ state: 'delivered' });
}

/** Tests the secret as its consumers would read it. One that does not work is ended, and the old one stays. */
async function test(held: HeldOperation, parts: Parts, issued: IssuedKey | null): Promise<void> {
  const { operation } = held;
  const known = issued ?? (await hadAgain(parts, operation));
  const read = await readBack(parts.destinations, known?.secret ?? null);
  const secret = read ?? known?.secret ?? null;
  if (secret === null) {
    await testUnseen(held, parts);
    return;
  }
  try {
    await parts.test?.(secret, operation);
  } catch (error) {
    if (!(error instanceof KeysError) || error.code !== 'test_failed') {
      throw new KeysError(
        'outcome_unknown',
        `the new secret could not be tested: ${toKeysError(error).message}`,
        {
          hint: `keys recover ${operation.id}; the old secret still works`,
          cause: error,
        },
      );
    }
    await undo(held, parts.service);
    const { request } = operation;
    const dead = request.kind === 'overlap' && (await isRevoked(parts.service, request.id));
    const end = dead ? 'the key was revoked meanwhile' : 'the new secret is revoked, the old one stays';
    throw new KeysError('test_failed', `${error.message}; ${end}`, { hint: error.hint });
  }
}

/** The secret is where it cannot be read, and not to be had again: did its consumer get it? */
async function testUnseen(held: HeldOperation, parts: Parts): Promise<void> {
  const { id, idempotencyKey, destinations } = held.operation;
  if (parts.service.minting) {
    const minted = await parts.service.minting.status(idempotencyKey);
    // Its first use proves that it arrived and works.
    if (minted?.secretState === 'used' || minted?.secretState === 'acknowledged') return;
    await startOver(held, parts);
  } else if (
    await parts.confirm(`Does the new secret work that was delivered to ${destinations.join(', ')}?`)
  ) {
    return;
  }
  throw new KeysError(
    'outcome_unknown',
    'the new secret was delivered, but can be neither read nor tested any more',
    {
      hint: `keys recover ${id} goes on; the old secret still works`,
    },
  );
}

async function hadAgain({ service }: Parts, operation: Operation): Promise<IssuedKey | null> {
  if (!service.minting) return null;
  return mint(service, operation).catch((error: unknown) => {
    if (error instanceof KeysError && error.code === 'secret_gone') return null;
    throw error;
  });
}

async function readBack(
  destinations: readonly Destination[],
  expected: Secret | null,
): Promise<Secret | null> {
  let found = expected;
  let read: Secret | null = null;
  for (const destination of destinations.filter(({ readable }) => readable)) {
    read = await destination.readBack();
    if (read === null || (found !== null && found.reveal() !== read.reveal())) {
      throw new KeysError(
        'undelivered',
        `${destination.spec} does not hold the secret that was delivered there`,
      );
    }
    found = read;
  }
  return read;
}

/** Ends what the new secret replaces, tells the service that the secret has arrived, and forgets the operation last. */
async function finish(held: HeldOperation, { service, destinations }: Parts): Promise<Key | null> {
  const { request, idempotencyKey, command, state } = held.operation;
  const proven = command === 'rotate' || !destinations.some(({ unproven }) => unproven);
  // First: the secret that ends may be the very one that this command works with.
  if (proven) await service.minting?.acknowledge(idempotencyKey);
  let key: Key | null = null;
  if (request.kind === 'overlap') {
    key = await keepNew(held, service, request.id);
  }
  if (request.kind === 'successor') await service.revoke(request.of);
  if (!proven && service.minting) {
    if (state !== 'unproven') await held.save({ state: 'unproven' });
    return key;
  }
  await held.finish();
  return key;
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

/** On a service that cannot repeat a mint, what was minted and not delivered is lost: it is ended. True to mint again. */
async function endLostMint(held: HeldOperation, { service, confirm }: Parts): Promise<boolean> {
  const { operation } = held;
  if (operation.state === 'delivered') return true;
  const ended = await endWhatWasMinted(operation, service, confirm);
  if (await confirm(`${ended}. Mint again?`)) {
    await held.save({ state: 'intended', minted: null, delivered: [], startedAt: new Date().toISOString() });
    return true;
  }
  await held.finish();
  return false;
}
