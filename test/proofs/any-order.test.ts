/**
 * Nothing minted is ever lost, and no consumer stands at a closed door, whatever happens to an operation and in whatever order: places that
 * refuse or fail, a service that is away or whose answers are lost, deaths, time, other people, and what a person says to `keys recover`.
 */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, onTestFinished, test } from 'vitest';
import type { Destination } from '../../src/destinations/index.ts';
import { KeysError } from '../../src/errors.ts';
import { WriteError } from '../../src/io.ts';
import type { IssuedKey, KeyService } from '../../src/keys.ts';
import { type Intent, type Journal, openJournal } from '../../src/operations/journal.ts';
import { hasNoWayBack, type Operation } from '../../src/operations/operation.ts';
import type { Parts } from '../../src/operations/parts.ts';
import { type Outcome, performOperation, resumeOperation } from '../../src/operations/perform.ts';
import { planRotation } from '../../src/operations/rotation.ts';
import { testSecret } from '../../src/operations/test-secret.ts';
import { undo } from '../../src/operations/undo.ts';
import type { Secret } from '../../src/secret.ts';
import { findSecret, isEnded, isUsable } from '../../src/service/secrets.ts';
import { openSqlite } from '../../src/service/sqlite.ts';
import { changedService } from '../fakes/changed-service.ts';
import { Crash } from '../fakes/crash.ts';
import { destinationContext } from '../fakes/destination-context.ts';
import { newService } from '../fakes/key-service.ts';
import { memoryDestination } from '../fakes/memory-destination.ts';
import { type Attempt, calm, type Fault, type Life, life, type PlaceNature, type Step } from './life.ts';
import { isDeep, runs } from './scale.ts';

if (existsSync('/dev/shm')) process.env.TMPDIR = '/dev/shm';

/** One service for all lives, with a clock that never shows one time twice. */
async function newWorld() {
  const clock = { now: Date.now() };
  const now = () => ++clock.now;
  const { admin, databasePath } = await newService({}, now);
  const store = await openSqlite(databasePath);
  onTestFinished(() => store.close());
  /** Whether it is good, without using it. */
  async function works(secret: Secret | null | undefined): Promise<boolean> {
    const found = secret ? await findSecret(store, secret) : null;
    return found !== null && !isEnded(found, clock.now) && isUsable(found, clock.now);
  }
  const surroundings = { here: destinationContext(), elsewhere: destinationContext({ env: { PATH: '' } }) };
  return { admin, clock, now, works, surroundings };
}
type World = Awaited<ReturnType<typeof newWorld>>;

/** The service, each call going as the wire lets it. */
function over<T extends object>(wire: Fault[], target: T): T {
  return new Proxy(target, {
    get(object, name) {
      const value: unknown = Reflect.get(object, name);
      if (name === 'minting' && value) return over(wire, value);
      if (typeof value !== 'function') return value;
      return async (...args: unknown[]) => {
        const fault = wire.shift();
        if (fault === 'away') throw new KeysError('unavailable', 'it is away');
        if (fault === 'refused') throw new KeysError('unauthenticated', 'the credential has expired');
        const answer = await value.apply(object, args);
        const isRead = ['get', 'list', 'status', 'verify'].includes(String(name));
        if (fault === 'lost') throw new KeysError(isRead ? 'timeout' : 'outcome_unknown', 'no answer came');
        return answer;
      };
    },
  });
}

function newPlace({ kind, deeds }: PlaceNature, index: number) {
  const unproven = kind === 'printed';
  const left = [...deeds];
  const memory = memoryDestination(`${kind}:${index}`, { readable: kind === 'readable', unproven });
  return Object.assign(memory, {
    async deliver(secret: Secret) {
      const deed = left.shift() ?? 'takes';
      if (deed === 'takes' || (deed === 'takes and fails' && !unproven)) memory.held = secret;
      const cause = unproven ? new WriteError('standard output', new Error('no space left')) : undefined;
      if (deed !== 'takes') throw new KeysError('undelivered', deed, { cause });
    },
    /** From now on it takes what it is given. */
    heal: () => left.splice(0),
  });
}

function isSame(one: Secret | null, other: Secret | undefined): boolean {
  return one !== null && one.reveal() === other?.reveal();
}

async function live(
  world: World,
  { command, repeats, places: natures, to, graceMs, check, attempt, steps }: Life,
) {
  const { admin, clock, now, works, surroundings } = world;
  const home = mkdtempSync(join(tmpdir(), 'keys-life-'));
  const journal = openJournal(home, new AbortController().signal, now);
  const name = `ci-${now()}`;
  const overlaps = command === 'rotate' || (command === 'regenerate with grace' && repeats);
  /** What works before the command. */
  let old = command === 'create' ? null : await admin.create({ name });
  const minted: (IssuedKey & { idempotencyKey?: string | undefined })[] = [];
  /** Others, or the same person, gave the key another secret or ended it. */
  let meddled = false;
  let theirs: Secret | null = null;
  /** What may have consumers that its grace is for, or was left to nobody knows whom by a rotation that was taken over. */
  const hadBefore: string[] = [];
  /** A person or a check ended what was minted. */
  let takenBack = false;
  /** Where the secret is to be when all is done. */
  let wanted = to;

  const service = recorded();
  const places = natures.map(newPlace);
  for (const one of places) if (!one.unproven) one.held = old?.secret ?? null;

  function recorded(): KeyService {
    const note = (issued: IssuedKey, idempotencyKey?: string) => {
      minted.push({ ...issued, idempotencyKey });
      return issued;
    };
    const changes: Partial<KeyService> = {
      create: async (key, options) => note(await admin.create(key, options), options?.idempotencyKey),
      regenerate: async (id, options, version) =>
        note(await admin.regenerate(id, options, version), options?.idempotencyKey),
    };
    if (repeats) return changedService(admin, changes);
    const capabilities = { ...admin.capabilities, idempotentMint: false, grace: false };
    return changedService(admin, { ...changes, capabilities, minting: undefined });
  }

  const indexesOf = (specs: readonly string[]) =>
    [0, 1, 2].filter((index) => specs.includes(places[index]?.spec ?? ''));
  const placesAt = (indexes: readonly number[]) => places.filter((_, index) => indexes.includes(index));
  const unfinished = async () =>
    (await journal.list()).operations.filter(({ state }) => state !== 'unproven');

  async function working(): Promise<string[]> {
    const found = new Set<string>();
    for (const one of [...minted, ...(old ? [old] : [])])
      if (await works(one.secret)) found.add(one.secret.reveal());
    return [...found];
  }

  /** What a person finds who tries it there: where it was sent, if nothing else is said. */
  async function hasArrived({ attempted, idempotencyKey }: Operation, specs = attempted): Promise<boolean> {
    const latest = minted.findLast((one) => !repeats || one.idempotencyKey === idempotencyKey);
    const there = places.filter(({ spec }) => specs.includes(spec));
    return (await works(latest?.secret)) && there.every(({ held }) => isSame(held, latest?.secret));
  }

  /** One run of a command; what it ended with, unless it died. */
  async function run(
    { wire, death, hasCheck }: Attempt,
    indexes: readonly number[],
    work: (journal: Journal, parts: Parts) => Promise<Outcome | null>,
  ): Promise<unknown> {
    const crash = new Crash(death?.at ?? Number.POSITIVE_INFINITY, death?.when ?? 'before');
    const mortal: Journal = {
      ...journal,
      begin: (intent, body) => journal.begin(intent, (held) => body(crash.wrap(held))),
      resume: (id, body) => journal.resume(id, (held) => body(crash.wrap(held))),
    };
    const reached = crash.wrap(over([...wire], service));
    const before = await working();
    const known = (await journal.list()).operations.map(({ id }) => id);
    const result: unknown = await work(mortal, {
      service: reached,
      destinations: placesAt(indexes).map((one): Destination => crash.wrap(one)),
      async test(secret, operation, options) {
        if (hasCheck && operation.check === 'false') takenBack = true;
        const around = hasCheck ? surroundings.here : surroundings.elsewhere;
        await testSecret(around, reached, secret, operation, options);
      },
      confirm: async (question) => {
        const [operation] = await unfinished();
        if (!operation || !question.startsWith('Does the new secret work')) return true;
        return hasArrived(operation, operation.destinations);
      },
    }).catch((error: unknown) => error);
    if (crash.dead) return 'dead';
    if (!(result instanceof Error)) {
      const isDone = result !== null && !(result as Outcome).nothingLeft && !meddled;
      for (const { held, spec } of isDone ? placesAt(indexes) : [])
        expect(await works(held), `finished, so ${spec} has a secret that works`).toBe(true);
      return result;
    }
    if (!(result instanceof KeysError) || result.code === 'unexpected') throw result;
    const { code, exitCode, message } = result;
    if (code === 'test_failed') expect(takenBack || meddled, `${message}, said of no check`).toBe(true);
    // What is left to be done is said to be, and what is said to have changed nothing has minted nothing.
    const leaves = (await unfinished()).some(({ id }) => !known.includes(id));
    if (leaves) expect(exitCode, `${message}, said of what is left`).toBe(10);
    if (![1, 5, 10].includes(exitCode))
      expect(before, message).toEqual(expect.arrayContaining(await working()));
    return result;
  }

  async function begin(how: Attempt, takeOver = false): Promise<void> {
    const key = old && (await admin.get(old.key.id));
    if (key && key.status !== 'active') return;
    const { id = '', version = null } = key ?? {};
    const wishes = repeats ? { graceMs, takeOver } : {};
    const request: Intent['request'] = !key
      ? { kind: 'create', key: { name } }
      : overlaps
        ? (await planRotation(service, key, wishes, clock.now)).request
        : { kind: 'regenerate', id, graceMs: 0, version };
    const intent: Intent = {
      command: command === 'regenerate with grace' ? 'regenerate' : command,
      ...{
        profile: 'local',
        origin: 'sqlite:',
        request,
        key: key && { id, name },
        force: false,
        graceMs: overlaps && repeats ? graceMs : 0,
        check,
      },
      destinations: placesAt(to).map(({ spec }) => spec),
      startedAt: new Date(clock.now).toISOString(),
    };
    const result = await run(how, to, (held, parts) => performOperation(held, intent, parts));
    if (!(result instanceof Error) || (await unfinished()).length > 0) wanted = to;
  }

  async function recover(
    { id, destinations, attempted, unprovenSince }: Operation,
    how: Attempt,
    { to: other = null as number[] | null, arrived = false } = {},
  ): Promise<void> {
    const indexes = other ?? indexesOf(destinations);
    const earlier = placesAt(indexesOf(attempted).filter((index) => !indexes.includes(index)));
    const result = await run(how, indexes, (held, parts) =>
      resumeOperation(held, id, { ...parts, earlier, arrived }),
    );
    const left = (await journal.list()).operations.find((one) => one.id === id);
    const hasFailed = result instanceof Error || result === 'dead';
    // What is done stays done, wherever it could not be delivered once more.
    if (unprovenSince !== undefined && hasFailed) return;
    if (left) wanted = indexesOf(left.destinations);
    else if (!(result instanceof Error)) wanted = indexes;
  }

  async function takeBack({ id }: Operation, how: Attempt): Promise<void> {
    takenBack = true;
    await run(how, [], async (held, { service: reached }) => {
      await held.resume(id, (one) => undo(one, reached));
      return null;
    });
  }

  async function again(how: Attempt, takeOver: boolean): Promise<void> {
    const isOpen = (await unfinished()).length > 0;
    // Where a key has one secret, two rotations at once end each other's.
    if (isOpen && !repeats && overlaps) return;
    if (!overlaps || isOpen) meddled = true;
    if (takeOver) hadBefore.push(...(await working()));
    theirs = null;
    await begin(how, takeOver);
  }

  async function meddle(act: 'revoke' | 'regenerate' | 'edit'): Promise<void> {
    const id = repeats ? (old ?? minted.at(-1))?.key.id : old?.key.id;
    if (!id || (await admin.get(id)).status !== 'active') return;
    if (act === 'edit') await admin.edit(id, { description: 'edited' });
    else meddled = true;
    if (act === 'revoke') await admin.revoke(id);
    if (act !== 'edit') theirs = act === 'regenerate' ? (await admin.regenerate(id)).secret : null;
  }

  /** Of a key with one secret that works, it is that one that the next rotation replaces. */
  async function noteOld(): Promise<void> {
    const [alive, ...others] = await working();
    if (overlaps && others.length === 0) old = minted.find(({ secret }) => secret.reveal() === alive) ?? old;
  }

  async function take(one: Step): Promise<void> {
    const { operations } = await journal.list();
    // A person goes on with what is listed, before what is done and could be had once more.
    const operation = operations.find(({ state }) => state !== 'unproven') ?? operations[0];
    await noteOld();
    if (one.act === 'later') clock.now += 16 * 60_000;
    else if (one.act === 'use') {
      const held = places[one.at]?.held;
      if (held) await admin.verify(held);
    } else if (one.act === 'again') await again(one.attempt, one.takeOver);
    else if (one.act === 'recover') {
      if (operation)
        await recover(operation, one.attempt, {
          ...one,
          arrived: one.arrived && (await hasArrived(operation)),
        });
    } else if (one.act === 'undo') {
      if (operation) await takeBack(operation, one.attempt);
    } else await meddle(one.act);
  }

  async function requirePromises(): Promise<void> {
    const { operations } = await journal.list();
    for (const { held } of graceMs > 0 ? places : []) if (held) hadBefore.push(held.reveal());
    const directory = join(home, 'operations');
    const files = readdirSync(directory).map((file) => readFileSync(join(directory, file), 'utf8'));
    for (const { secret, idempotencyKey = '' } of minted) {
      expect(
        files.filter((text) => text.includes(secret.reveal())),
        'in the journal',
      ).toEqual([]);
      // The one that is to be replaced has its consumers, or had them.
      const isHeld = [old?.secret ?? null, ...places.map(({ held }) => held)].some((held) =>
        isSame(held, secret),
      );
      const isListed = operations.some(
        (one) => !repeats || [one.idempotencyKey, one.replaces].includes(idempotencyKey),
      );
      if (!isHeld && !isListed && !hadBefore.includes(secret.reveal()))
        expect(await works(secret), 'a secret that nobody has').toBe(false);
    }
    if (theirs && repeats) expect(await works(theirs), 'the secret that others gave').toBe(true);
    // With a grace an old one ends by time as well, whatever an operation has reached by then.
    if (meddled || graceMs > 0) return;
    const oldWorks = await works(old?.secret);
    for (const { held, spec } of placesAt(wanted)) {
      const isNew = isSame(held, minted.at(-1)?.secret);
      if (isNew && !takenBack) expect(await works(held), `what was delivered to ${spec}`).toBe(true);
      if (overlaps && !oldWorks)
        expect(await works(held), `what ${spec} has, where the old secret ended`).toBe(true);
    }
  }

  /** As the hint has it: `--arrived --to` the places that it was sent to. */
  const said = ({ attempted }: Operation, arrived: boolean) => ({
    arrived,
    to: arrived ? indexesOf(attempted) : null,
  });

  /** From here on all goes well, and a person says what they know: everything comes to an end. */
  async function end(): Promise<void> {
    for (const one of places) one.heal();
    for (const { id } of await unfinished()) {
      const find = async () => (await unfinished()).find((one) => one.id === id);
      const picture = async () => [await working(), places.map(({ held }) => held?.reveal()), await find()];
      const each = async (step: (operation: Operation) => Promise<unknown>) => {
        const operation = await find();
        await noteOld();
        if (operation) await step(operation);
        await requirePromises();
      };
      await each((operation) => recover(operation, calm));
      const once = await picture();
      await each((operation) => recover(operation, calm));
      expect(await picture(), 'recovered twice').toEqual(once);
      await each(async (operation) => recover(operation, calm, said(operation, await hasArrived(operation))));
      await each((operation) => (hasNoWayBack(operation) ? meddle('regenerate') : takeBack(operation, calm)));
      // Another secret is where it was: that is all there is to say.
      await each((operation) => recover(operation, calm, said(operation, hasNoWayBack(operation))));
    }
    expect(await unfinished()).toEqual([]);
    clock.now += graceMs;
    if (overlaps && !meddled) expect(await working()).toHaveLength(1);
  }

  try {
    await begin(attempt);
    await requirePromises();
    for (const one of steps) {
      await take(one);
      await requirePromises();
    }
    await end();
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

const lives = runs({ usual: 300, deep: 20_000 });

test(`nothing minted is lost, and nothing ends before its time, in ${lives} lives of an operation with faults, deaths and people in any order`, async () => {
  const world = await newWorld();
  const lived = fc.asyncProperty(life, (one) => live(world, one));
  // In full, others each time.
  await fc.assert(lived, isDeep ? { numRuns: lives } : { numRuns: lives, seed: 1 });
}, 3_600_000);
