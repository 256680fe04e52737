/**
 * The one protocol: preflight, journal, mint, deliver, test, finish. A first run and `keys recover` walk the same steps
 * from wherever the journal says the operation stands, so that each step may be repeated after a crash at any instant.
 */
import { type ErrorCode, KeysError, toKeysError } from '../errors.ts';
import type { IssuedKey, Key, KeyService } from '../keys.ts';
import { type Before, deliver, lookBefore } from './deliver.ts';
import { finish } from './finish.ts';
import type { HeldOperation, Intent, Journal } from './journal.ts';
import { afterSeal, endLostMint, refused, renewVersion } from './lost.ts';
import { isRefusal, mint } from './mint.ts';
import type { Operation } from './operation.ts';
import { isOnlyPrinted, type Parts } from './parts.ts';
import { test } from './trial.ts';
import { undo } from './undo.ts';
import { wasUsed } from './whereabouts.ts';

/** How an operation ended. */
export interface Outcome {
  /** The key with the new secret; `null` where there is none, and where it could not be looked at again. */
  readonly key: Key | null;
  /** Everything it minted was ended, and nothing took its place. */
  readonly nothingLeft: boolean;
  readonly destinations: readonly string[];
}

/** Runs a new operation to its end. Its destinations have said that they are ready. */
export function performOperation(journal: Journal, intent: Intent, parts: Parts): Promise<Outcome> {
  return journal.begin(intent, (held) => advance(held, parts));
}

/**
 * Takes an operation up where it stands and brings it to its end. Throws `conflict` for other destinations once it has delivered and
 * tested.
 */
export function resumeOperation(journal: Journal, id: string, parts: Parts): Promise<Outcome> {
  return journal.resume(id, async (held) => {
    const specs = parts.destinations.map(({ spec }) => spec);
    const { destinations, state } = held.operation;
    if (specs.join('\n') !== destinations.join('\n')) {
      // Other destinations than before: the new ones have nothing yet.
      if (state === 'tested') requireNoOther(held.operation, specs);
      const delivered = held.operation.delivered.filter((spec) => specs.includes(spec));
      const isLacking = state === 'delivered' && delivered.length < specs.length;
      await held.save({ destinations: specs, delivered, ...(isLacking ? { state: 'delivering' } : {}) });
    }
    return advance(held, parts, { resumed: true });
  });
}

/** The old secret may have ended: there is no way back to a delivery, which may fail. */
function requireNoOther({ id, delivered }: Operation, specs: readonly string[]): void {
  const others = specs.filter((spec) => !delivered.includes(spec));
  if (others.length === 0) return;
  throw new KeysError(
    'conflict',
    `${id} has delivered its secret, and nothing goes to ${others.join(', ')} any more`,
    {
      hint: `keys recover ${id}`,
    },
  );
}

/** What goes wrong after the mint leaves something behind; no exit code may say that nothing was changed. */
async function advance(held: HeldOperation, parts: Parts, { resumed = false } = {}): Promise<Outcome> {
  let over = false;
  const save: HeldOperation['save'] = (changes) => held.save(changes).catch(unwritten(held.operation));
  const finish = async () => {
    await held.finish().catch(unwritten(held.operation));
    over = true;
  };
  try {
    return await walk({ ...held, save, finish }, parts, resumed);
  } catch (error) {
    const { id, state } = held.operation;
    const { code, message, hint } = toKeysError(error);
    const intended = state === 'intended';
    // What a service says after the mint knows nothing of the operation that is to be taken up.
    const toldTruly = toldOnItsOwn.has(code) && (intended || hint?.includes(id));
    if (over || toldTruly || (intended && !resumed)) throw error;
    const what = intended
      ? 'whether a secret was minted is still unknown'
      : 'the new secret was minted, and then';
    throw new KeysError('outcome_unknown', `${what}: ${message}`, {
      hint: `keys recover ${id}`,
      cause: error,
    });
  }
}

/** What the journal says of the operation is behind, and goes on to be listed: so does the exit code, whatever was done. */
function unwritten({ id }: Operation): (cause: Error) => never {
  return (cause) => {
    throw new KeysError('outcome_unknown', `the journal could not be written: ${cause.message}`, {
      hint: `keys recover ${id}`,
      cause,
    });
  };
}

/** Errors that may say themselves how an operation stands. */
const toldOnItsOwn: ReadonlySet<ErrorCode> = new Set([
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
  const end = async (): Promise<Outcome> => {
    const key = (await finish(held, parts)) ?? issued?.key ?? (await lookAgain(operation, service));
    return { key, nothingLeft: false, destinations: operation.destinations };
  };

  if (operation.state === 'failed') {
    await undo(held, service);
    return { key: null, nothingLeft: true, destinations: [] };
  }
  if (operation.state === 'tested') {
    const outcome = await end();
    if (!isUnproven(operation) || !isOnlyPrinted(destinations)) return outcome;
    // What was only printed is printed again, for nobody may have read it; somebody has who uses it.
    if (await isInUse(operation, service)) {
      await held.finish();
      return outcome;
    }
  }
  if (resumed && !service.minting && !isDelivered(operation)) {
    const found = await endLostMint(held, parts);
    if (found === 'ended') return { key: null, nothingLeft: true, destinations: [] };
    if (found === 'arrived') await arrive(held);
    else if (found !== 'begun again') issued = found;
  }
  if (operation.state === 'intended')
    issued = await mintOrStartOver(held, parts, !resumed || leftNothing(operation, service));
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
  return end();
}

/** Where a mint cannot be repeated, what an earlier attempt minted has been ended; but for the lost secret of a key that has no other. */
function leftNothing({ request }: Operation, service: KeyService): boolean {
  return !service.minting && request.kind !== 'regenerate';
}

/** The key that an earlier run minted, where the service shows it. */
async function lookAgain({ minted }: Operation, service: KeyService): Promise<Key | null> {
  return minted && service.get(minted.id).catch(() => null);
}

function isDelivered({ state }: Operation): boolean {
  return state === 'delivered';
}

async function arrive(held: HeldOperation): Promise<void> {
  await held.save({ state: 'delivered', delivered: held.operation.destinations });
}

function isUnproven({ state }: Operation): boolean {
  return state === 'unproven';
}

async function isInUse({ idempotencyKey }: Operation, { minting }: KeyService): Promise<boolean> {
  return wasUsed((await minting?.status(idempotencyKey)) ?? null);
}

/** The test can find that the secret is lost. */
function hasBegunAgain({ state }: Operation): boolean {
  return state === 'intended';
}

/** Until an operation is done, what was only printed is printed again: nobody may have read it. */
function lacksDelivery(operation: Operation, { service, destinations }: Parts): boolean {
  if (!isDelivered(operation)) return operation.state !== 'intended';
  // Where a secret cannot be had again, there is nothing to deliver.
  return service.minting !== undefined && isOnlyPrinted(destinations);
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
