/**
 * However the wire between command and service fails, one key is minted and its secret arrives. Disks are no part of this proof; where there is one, it
 * runs on a disk in memory.
 */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, onTestFinished, test } from 'vitest';
import { keysDriver } from '../../src/drivers/keys.ts';
import { KeysError } from '../../src/errors.ts';
import { createHttp } from '../../src/http.ts';
import { allKeys, type IssuedKey, type Key, type KeyService } from '../../src/keys.ts';
import { type Intent, openJournal } from '../../src/operations/journal.ts';
import type { Parts } from '../../src/operations/parts.ts';
import { performOperation, resumeOperation } from '../../src/operations/perform.ts';
import { planRotation } from '../../src/operations/rotation.ts';
import { testSecret } from '../../src/operations/test-secret.ts';
import { Redactor, Secret } from '../../src/secret.ts';
import { destinationContext } from '../fakes/destination-context.ts';
import { newHttpService } from '../fakes/http-service.ts';
import { memoryDestination } from '../fakes/memory-destination.ts';
import { badWire, type Fault, framings } from './bad-wire.ts';
import { runs } from './scale.ts';

const commands = ['create', 'regenerate', 'rotate'] as const;
type Name = (typeof commands)[number];

/** What an operation may end with while the wire is bad; each leaves it to be recovered, or says that nothing happened. */
const honestEnds = ['outcome_unknown', 'undelivered', 'unavailable', 'timeout', 'bad_response', 'unexpected'];

const { signal } = new AbortController();

if (existsSync('/dev/shm')) process.env.TMPDIR = '/dev/shm';

async function newWorld() {
  const state = mkdtempSync(join(tmpdir(), 'keys-wire-'));
  const { admin, mint, server } = await newHttpService({ now: Date.now });
  const wire = await badWire(server);
  const { secret: credential } = await mint({ name: 'operator', roles: ['admin'] });
  const http = createHttp({
    ...{ baseUrl: wire.url, credential: new Secret(credential), timeoutMs: 3_600_000, signal, backoffMs: 1 },
    redactor: new Redactor(),
  });
  const service = keysDriver(http, {
    ...{ name: 'wire', driver: 'keys', url: wire.url, namespace: null, store: 'none', origin: 'config' },
  });
  const context = destinationContext();
  const journal = openJournal(state, signal);
  onTestFinished(async () => {
    await service.close();
    wire.close();
    rmSync(state, { recursive: true, force: true });
  });
  let made = 0;

  /** One operation under a schedule of faults, recovered on a good wire: one key, and its secret where it belongs. */
  async function prove(command: Name, faults: readonly Fault[]): Promise<void> {
    const name = `ci-${made++}`;
    const old = command === 'create' ? null : await admin.create({ name });
    const destination = memoryDestination();
    const parts: Parts = {
      service,
      destinations: [destination],
      test: (secret, operation, options) => testSecret(context, service, secret, operation, options),
      confirm: async () => true,
    };
    const intent = await intentOf(command, name, old, service);
    wire.faults = [...faults];
    const failure = await performOperation(journal, intent, parts).then(
      () => null,
      (error: unknown) => error,
    );
    wire.faults = [];
    if (failure) {
      expect(failure).toBeInstanceOf(KeysError);
      expect(honestEnds).toContain((failure as KeysError).code);
    }
    const { operations } = await journal.list();
    // What is not left to be recovered has not happened, and will not.
    if (failure && operations.length === 0) {
      await wire.settled();
      expect(await liveKeys(admin, name)).toHaveLength(old ? 1 : 0);
      if (old) expect((await admin.verify(old.secret)).valid).toBe(true);
      await performOperation(journal, intent, parts);
    }
    for (const { id } of operations) await resumeOperation(journal, id, parts);
    await wire.settled();
    const keys = await liveKeys(admin, name);
    expect(keys).toHaveLength(1);
    expect(destination.held).not.toBeNull();
    const { valid, key } = await admin.verify(destination.held ?? new Secret('none'));
    expect({ valid, id: key?.id }).toEqual({ valid: true, id: keys[0]?.id });
    if (old) expect((await admin.verify(old.secret)).valid).toBe(false);
    expect((await journal.list()).operations).toEqual([]);
  }
  return { prove };
}

async function intentOf(
  command: Name,
  name: string,
  old: IssuedKey | null,
  service: KeyService,
): Promise<Intent> {
  const common = {
    ...{ command, profile: 'wire', origin: 'http:', graceMs: 0, force: false, check: null },
    key: old && { id: old.key.id, name },
    destinations: ['memory:'],
    startedAt: new Date().toISOString(),
  };
  if (!old) return { ...common, request: { kind: 'create', key: { name } } };
  if (command === 'rotate')
    return { ...common, ...(await planRotation(service, old.key, { graceMs: 0 }, Date.now())) };
  return { ...common, request: { kind: 'regenerate', id: old.key.id, graceMs: 0, version: old.key.version } };
}

async function liveKeys(service: KeyService, nameGlob: string): Promise<Key[]> {
  const keys: Key[] = [];
  for await (const page of allKeys(service, { namespace: null, nameGlob })) keys.push(...page);
  return keys;
}

const framing = fc.constantFrom(...framings);
const fault: fc.Arbitrary<Fault> = fc.oneof(
  fc.record({ kind: fc.constant('none' as const), framing }),
  fc.record({ kind: fc.constant('cut' as const), framing, after: fc.nat(2_000), reset: fc.boolean() }),
  fc.record({ kind: fc.constantFrom('unarrived' as const, 'lost' as const, 'late' as const) }),
  fc.record({ kind: fc.constant('twice' as const), answer: fc.constantFrom(0 as const, 1 as const) }),
  fc.record({
    kind: fc.constant('refused' as const),
    status: fc.constantFrom(500, 502, 503, 504),
    committed: fc.boolean(),
  }),
);

const schedules = runs({ usual: 1_000, deep: 10_000 });
/** Side by side: alone, one mostly waits for the disk. */
const worlds = 10;

test(`exactly one key is minted, and its secret arrives, in ${schedules} schedules of cut, lost, late and doubled requests and failures`, async () => {
  const assertions = Array.from({ length: worlds }, async () => {
    const { prove } = await newWorld();
    const property = fc.asyncProperty(
      fc.constantFrom(...commands),
      fc.array(fault, { minLength: 1, maxLength: 8 }),
      prove,
    );
    await fc.assert(property, { numRuns: schedules / worlds });
  });
  await Promise.all(assertions);
}, 3_600_000);

const stride = runs({ usual: 41, deep: 1 });

test.each(framings)(
  `a create whose answer, framed by %s, is cut at every ${stride === 1 ? '' : `${stride}th `}byte and at every repetition mints one key`,
  async (by) => {
    const { prove } = await newWorld();
    for (let after = 0; after < 900; after += stride) {
      await prove('create', Array(4).fill({ kind: 'cut', framing: by, after, reset: false }));
    }
  },
  3_600_000,
);
