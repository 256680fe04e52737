/**
 * The one protocol: preflight, journal, mint, deliver, test, finish. A first run and `keys recover` walk the same steps
 * from wherever the journal says the operation stands, so that each step may be repeated after a crash at any instant.
 */
import type { Destination } from '../destinations/index.ts';
import { type ErrorCode, KeysError, toKeysError } from '../errors.ts';
import type { IssuedKey, Key, KeyService, Mint } from '../keys.ts';
import type { Secret } from '../secret.ts';
import { type Before, deliver, lookBefore, putBack } from './deliver.ts';
import { type HeldOperation, type Intent, type Journal, newIdempotencyKey } from './journal.ts';
import { isAnswer, isRefusal, mint } from './mint.ts';
import type { Operation } from './operation.ts';
import { endWhatWasMinted, isRevoked, undo } from './undo.ts';
import { type Whereabouts, whereabouts } from './whereabouts.ts';

export interface Parts {
  readonly service: KeyService;
  readonly destinations: readonly Destination[];
  /** Destinations of earlier attempts that this one leaves out, to be looked at. */
  readonly earlier?: readonly Destination[];
  /** Somebody says that what was delivered has arrived, where nobody else can know. */
  readonly arrived?: boolean;
  /** Told as soon as the secret is known, also when it is had again. */
  minted?(issued: IssuedKey): Promise<void>;
  /** Rotate: throws when the new secret does not work. With `ask` the service is asked, too. */
  test?(secret: Secret, operation: Operation, options: { ask: boolean }): Promise<void>;
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
  let over = false;
  const finish = async () => {
    await held.finish();
    over = true;
  };
  try {
    return await walk({ ...held, finish }, parts, resumed);
  } catch (error) {
    const { id, state } = held.operation;
    const { code, message } = toKeysError(error);
    const intended = state === 'intended';
    if (over || toldTruly.has(code) || (intended && !resumed)) throw error;
    const what = intended
      ? 'whether a secret was minted is still unknown'
      : 'the new secret was minted, and then';
    throw new KeysError('outcome_unknown', `${what}: ${message}`, {
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
  const { service, destinations } = parts;
  let issued: IssuedKey | null = null;
  let before: Before = new Map();

  if (operation.state === 'failed') {
    await undo(held, service);
    return { key: null, destinations: [] };
  }
  if (resumed && !service.minting && !isDelivered(operation)) {
    const found = await endLostMint(held, parts);
    if (found === 'ended') return { key: null, destinations: [] };
    if (found === 'arrived') await arrive(held);
    else if (found !== 'begun again') issued = found;
  }
  if (operation.state === 'intended')
    issued = await mintOrStartOver(held, parts, !resumed || !service.minting);
  if (lacksDelivery(operation, parts)) {
    issued ??= await mintOrStartOver(held, parts, false);
    if (!resumed && operation.command === 'rotate') before = await lookBefore(destinations);
    if (issued) await deliver(held, destinations, issued.secret);
    else await arrive(held);
  }
  if (operation.state === 'delivered') {
    if (operation.command === 'rotate') await test(held, parts, issued, before);
    if (hasBegunAgain(operation)) return walk(held, parts, true);
    await held.save({ state: 'tested' });
  }
  const key = await finish(held, parts);
  return { key: key ?? issued?.key ?? null, destinations: operation.destinations };
}

function isDelivered({ state }: Operation): boolean {
  return state === 'delivered' || state === 'tested';
}

async function arrive(held: HeldOperation): Promise<void> {
  await held.save({ state: 'delivered', delivered: held.operation.destinations });
}

/** The test can find that the secret is lost. */
function hasBegunAgain({ state }: Operation): boolean {
  return state === 'intended';
}

/** Until an operation is done, what was only printed is printed again: nobody may have read it. */
function lacksDelivery(operation: Operation, { service, destinations }: Parts): boolean {
  if (!isDelivered(operation)) return operation.state !== 'intended';
  // Where a secret cannot be had again, there is nothing to deliver.
  if (!service.minting) return false;
  if (isOnlyPrinted(destinations)) return true;
  return (
    operation.state === 'delivered' && destinations.some(({ spec }) => !operation.delivered.includes(spec))
  );
}

/**
 * Mints, or has the same answer again; `null` when the secret has arrived and cannot be had again. One that is lost is replaced
 * by a new one. `isFirst` where no attempt was made before.
 */
async function mintOrStartOver(
  held: HeldOperation,
  parts: Parts,
  isFirst: boolean,
): Promise<IssuedKey | null> {
  const { operation } = held;
  const intended = operation.state === 'intended';
  let issued: IssuedKey;
  if (intended && !isFirst) await renewVersion(held, parts);
  try {
    issued = await mint(parts.service, operation);
  } catch (error) {
    if (error instanceof KeysError && error.code === 'secret_gone') {
      const found = await afterSeal(held, parts);
      if (found === 'lost') return mintOrStartOver(held, parts, true);
      if (found === 'arrived') return null;
      issued = found;
    } else {
      if (intended && isRefusal(error)) throw await refused(held, parts, error, isFirst);
      const { mintedId } = toKeysError(error);
      if (intended && mintedId !== null) {
        const { request } = operation;
        const name = 'key' in request ? request.key.name : (operation.key?.name ?? mintedId);
        await held.save({ minted: { id: mintedId, name } });
      }
      throw error;
    }
  }
  await parts.minted?.(issued);
  const { id, name } = issued.key;
  if (intended) await held.save({ state: 'minted', minted: { id, name } });
  return issued;
}

/** A refused mint ends the operation when it is certain that nothing was minted, and leaves nothing lost. */
async function refused(
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
async function afterSeal(held: HeldOperation, parts: Parts): Promise<Whereabouts> {
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
    hint: `keys regenerate ${key.id} gives the key a new one`,
  });
}

/** Somebody gave the key another secret, or ended it: nothing that this operation may touch is left. */
async function yieldTo(held: HeldOperation, { name, id, status }: Key): Promise<never> {
  await held.finish();
  if (status === 'revoked') throw new KeysError('conflict', `${name} was revoked meanwhile`);
  throw new KeysError(
    'changed',
    `somebody gave ${name} another secret meanwhile; what this operation minted is replaced`,
    { hint: `keys show ${id}` },
  );
}

/** The secret of the mint is lost: it is ended, and the operation begins again on the same key. */
async function startOver(held: HeldOperation, { service }: Parts, key: Key): Promise<void> {
  const { idempotencyKey, request } = held.operation;
  const common = { idempotencyKey: newIdempotencyKey(), minted: null, state: 'intended' } as const;
  const empty = { attempted: [], delivered: [] };
  if (request.kind === 'overlap') {
    const kept = await service.minting?.settle(idempotencyKey, { keep: 'old' });
    const { id, version } = kept ?? key;
    await held.save({ ...common, ...empty, request: { kind: 'overlap', id, version } });
    return;
  }
  // A key that was created has a lost secret and no other: it gets a new one.
  const { id, version } = key;
  await held.save({
    ...common,
    ...empty,
    replaces: idempotencyKey,
    request: { kind: 'regenerate', id, graceMs: 0, version },
  });
}

/** Before a lost secret is replaced at a second attempt: nobody has replaced it meanwhile, and the key as it is now. */
async function renewVersion(held: HeldOperation, { service: { minting } }: Parts): Promise<void> {
  const { replaces, idempotencyKey, request } = held.operation;
  if (!replaces || !minting || request.kind !== 'regenerate') return;
  if (await minting.status(idempotencyKey)) return;
  const lost = await minting.status(replaces);
  if (!lost) return;
  if (!lost.inForce) await yieldTo(held, lost.key);
  await held.save({ request: { ...request, version: lost.key.version } });
}

/**
 * Tests the secret as its consumers would read it. One that does not work is ended, and the old one stays; with one that is lost
 * the operation begins again.
 */
async function test(
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
  const read = await readBack(destinations, known?.secret ?? null);
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
          hint: `keys recover ${operation.id}; the old secret still works`,
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
  if (request.kind === 'regenerate') {
    await held.finish();
    const end = 'the old secret was dead before, and the new one stays where it was delivered';
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
  const { id, destinations } = operation;
  if (parts.arrived) return;
  const question = `Does the new secret work that was delivered to ${destinations.join(', ')}?`;
  if (await parts.confirm(question)) return;
  throw new KeysError(
    'outcome_unknown',
    'the new secret was delivered, but can be neither read nor tested any more',
    {
      hint: `keys recover ${id} --arrived when it works; the old secret still does`,
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

function isOnlyPrinted(destinations: readonly Destination[]): boolean {
  return destinations.length > 0 && destinations.every(({ unproven }) => unproven);
}

/** Ends what the new secret replaces, tells the service that the secret has arrived, and forgets the operation last. */
async function finish(held: HeldOperation, { service, destinations }: Parts): Promise<Key | null> {
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

/**
 * On a service that cannot repeat a mint, what was minted and not delivered is lost: it is ended. A secret that may be in use is
 * looked for before.
 */
async function endLostMint(
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
  if (await confirm(`${ended}. Mint again?`)) {
    const startedAt = new Date().toISOString();
    await held.save({ state: 'intended', minted: null, attempted: [], delivered: [], startedAt });
    return 'begun again';
  }
  await held.finish();
  return 'ended';
}
