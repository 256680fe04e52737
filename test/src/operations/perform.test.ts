import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { allKeys, type Key, type KeyService } from '../../../src/keys.ts';
import { type Intent, type Journal, openJournal } from '../../../src/operations/journal.ts';
import type { Parts } from '../../../src/operations/parts.ts';
import { performOperation, resumeOperation } from '../../../src/operations/perform.ts';
import { planRotation } from '../../../src/operations/rotation.ts';
import { testSecret } from '../../../src/operations/test-secret.ts';
import type { Secret } from '../../../src/secret.ts';
import { openLocal } from '../../../src/service/local.ts';
import { changedService } from '../../fakes/changed-service.ts';
import { Crash } from '../../fakes/crash.ts';
import { destinationContext } from '../../fakes/destination-context.ts';
import { type MemoryDestination, memoryDestination } from '../../fakes/memory-destination.ts';

interface World {
  readonly service: KeyService;
  readonly journal: Journal;
  readonly destination: MemoryDestination;
  parts(more?: Partial<Parts>): Parts;
}

/** The real service on a real file, with or without what makes a mint repeatable. */
async function newWorld(kind: 'idempotent' | 'plain', destination = memoryDestination()): Promise<World> {
  const home = mkdtempSync(join(tmpdir(), 'keys-operations-'));
  const service = await openLocal({ url: `sqlite:${join(home, 'keys.db')}`, now: Date.now });
  onTestFinished(async () => {
    await service.close();
    rmSync(home, { recursive: true, force: true });
  });
  const context = destinationContext();
  const seen = kind === 'idempotent' ? service : without(service);
  return {
    service: seen,
    journal: openJournal(join(home, 'state'), new AbortController().signal),
    destination,
    parts: (more) => ({
      service: seen,
      destinations: [destination],
      test: (secret, operation, options) => testSecret(context, seen, secret, operation, options),
      confirm: async () => true,
      ...more,
    }),
  };
}

/** A service that cannot repeat a mint and keeps one secret a key, as most do. */
function without(service: KeyService): KeyService {
  const capabilities = { ...service.capabilities, idempotentMint: false, grace: false };
  return changedService(service, { capabilities, minting: undefined });
}

function intent(more: Partial<Intent>): Intent {
  return {
    command: 'create',
    profile: 'local',
    origin: 'sqlite:',
    request: { kind: 'create', key: { name: 'ci' } },
    key: null,
    destinations: ['memory:'],
    force: false,
    graceMs: 0,
    check: null,
    startedAt: new Date().toISOString(),
    ...more,
  };
}

async function liveKeys(service: KeyService): Promise<Key[]> {
  const keys: Key[] = [];
  for await (const page of allKeys(service, {})) keys.push(...page);
  return keys;
}

async function holdsWorkingSecret({ service, destination }: World, keyId?: string): Promise<boolean> {
  if (!destination.held) return false;
  const { valid, key } = await service.verify(destination.held);
  return valid && (keyId === undefined || key?.id === keyId);
}

/** Every change of an operation passes the `Crash`. */
function mortalJournal({ journal }: World, crash: Crash): Journal {
  return { ...journal, begin: (begun, work) => journal.begin(begun, (held) => work(crash.wrap(held))) };
}

/** Runs, dies at one step, and recovers; false once the run has fewer steps than that. */
async function dieAndRecover(
  world: World,
  run: (journal: Journal, parts: Parts) => Promise<unknown>,
  crash: Crash,
) {
  const { service, destinations, ...rest } = world.parts();
  const mortal = {
    ...rest,
    service: crash.wrap(service),
    destinations: destinations.map((one) => crash.wrap(one)),
  };
  const error = await run(mortalJournal(world, crash), mortal).catch((thrown: unknown) => thrown);
  if (!crash.dead) {
    if (error instanceof Error) throw error;
    return false;
  }
  for (const { id } of (await world.journal.list()).operations)
    await resumeOperation(world.journal, id, world.parts());
  return true;
}

const everyDeath = async (die: (crash: Crash) => Promise<boolean>) => {
  let deaths = 0;
  for (const when of ['before', 'after'] as const) {
    for (let step = 1; await die(new Crash(step, when)); step += 1) deaths += 1;
  }
  expect(deaths).toBeGreaterThan(10);
};

describe.each(['idempotent', 'plain'] as const)('on a service whose mint is %s', (kind) => {
  test('a create that dies at any step ends, after one recover, as one live key whose secret is delivered', () =>
    everyDeath(async (crash) => {
      const world = await newWorld(kind);
      const died = await dieAndRecover(
        world,
        (journal, parts) => performOperation(journal, intent({}), parts),
        crash,
      );
      const keys = await liveKeys(world.service);
      expect(keys).toHaveLength(1);
      expect(await holdsWorkingSecret(world, keys[0]?.id)).toBe(true);
      expect((await world.journal.list()).operations).toEqual([]);
      return died;
    }));

  test('a rotate that dies at any step never leaves the old secret dead before the new one is delivered and tested', () =>
    everyDeath(async (crash) => {
      const world = await newWorld(kind);
      const old = await world.service.create({ name: 'ci' });
      const { request, graceMs } = await planRotation(world.service, old.key, { graceMs: 0 }, Date.now());
      const { id, name } = old.key;
      const rotation = intent({ command: 'rotate', request, graceMs, key: { id, name } });
      let oneWorked = true;
      const mortal = async (journal: Journal, parts: Parts) => {
        try {
          return await performOperation(journal, rotation, parts);
        } catch (error) {
          const oldWorks = (await world.service.verify(old.secret)).valid;
          oneWorked = oldWorks || (await holdsWorkingSecret(world));
          throw error;
        }
      };
      const died = await dieAndRecover(world, mortal, crash);
      expect(oneWorked).toBe(true);
      const keys = await liveKeys(world.service);
      expect(keys).toHaveLength(1);
      expect(await holdsWorkingSecret(world, keys[0]?.id)).toBe(true);
      expect((await world.service.verify(old.secret)).valid).toBe(false);
      expect((await world.journal.list()).operations).toEqual([]);
      return died;
    }));

  test('a create whose journal cannot be written any more, from any step on, exits 10, and recover finishes it', async () => {
    for (let step = 1; ; step += 1) {
      const world = await newWorld(kind);
      const crash = new Crash(step, 'before');
      const run = performOperation(mortalJournal(world, crash), intent({}), world.parts());
      const error = await run.catch((thrown: unknown) => thrown);
      if (!crash.dead) return expect(step).toBeGreaterThan(4);
      const [operation] = (await world.journal.list()).operations;
      expect(error).toMatchObject({ exitCode: 10, hint: expect.stringContaining(`${operation?.id}`) });
      await resumeOperation(world.journal, `${operation?.id}`, world.parts());
      const keys = await liveKeys(world.service);
      expect(keys).toHaveLength(1);
      expect(await holdsWorkingSecret(world, keys[0]?.id)).toBe(true);
    }
  });

  test('a new secret that fails its test is ended, and the old one stays', async () => {
    const world = await newWorld(kind);
    const old = await world.service.create({ name: 'ci' });
    const { request, graceMs } = await planRotation(world.service, old.key, {}, Date.now());
    const rotation = intent({ command: 'rotate', request, graceMs, key: { id: old.key.id, name: 'ci' } });
    const failing = world.parts({
      test: async () => {
        const { KeysError } = await import('../../../src/errors.ts');
        throw new KeysError('test_failed', 'the consumer says no');
      },
    });
    await expect(performOperation(world.journal, rotation, failing)).rejects.toMatchObject({
      code: 'test_failed',
    });
    expect((await world.service.verify(old.secret)).valid).toBe(true);
    expect(await holdsWorkingSecret(world)).toBe(false);
    expect(await liveKeys(world.service)).toHaveLength(1);
    expect((await world.journal.list()).operations).toEqual([]);
  });

  test('a destination that was changed right after the delivery gets a working secret with one recover; until then the old one works', async () => {
    const world = await newWorld(kind);
    const { service, journal, destination } = world;
    const old = await service.create({ name: 'ci' });
    const { request, graceMs } = await planRotation(service, old.key, {}, Date.now());
    const rotation = intent({ command: 'rotate', request, graceMs, key: { id: old.key.id, name: 'ci' } });
    const overwritten = {
      ...destination,
      deliver: async (secret: Secret) => {
        await destination.deliver(secret);
        destination.held = old.secret;
      },
    };
    const run = performOperation(journal, rotation, world.parts({ destinations: [overwritten] }));
    await expect(run).rejects.toMatchObject({
      code: 'undelivered',
      hint: expect.stringContaining('keys recover op_'),
    });
    expect((await service.verify(old.secret)).valid).toBe(true);
    for (const { id } of (await journal.list()).operations) await resumeOperation(journal, id, world.parts());
    expect(await holdsWorkingSecret(world)).toBe(true);
    expect(destination.held?.reveal()).not.toBe(old.secret.reveal());
    expect((await journal.list()).operations).toEqual([]);
  });

  test('a refused mint leaves no operation behind', async () => {
    const world = await newWorld(kind);
    await world.service.create({ name: 'ci' });
    await expect(performOperation(world.journal, intent({}), world.parts())).rejects.toMatchObject({
      code: 'conflict',
    });
    expect((await world.journal.list()).operations).toEqual([]);
  });
});
