/** What of minting the interface does not show: clocks, callers, processes, crashes, and what lies in the file. */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { DatabaseSync, StatementSync } from 'node:sqlite';
import fc from 'fast-check';
import { expect, onTestFinished, test, vi } from 'vitest';
import { KeysError } from '../../../src/errors.ts';
import type { IssuedKey, KeyService } from '../../../src/keys.ts';
import type { Caller } from '../../../src/service/access.ts';
import { builtInRoles, grantsOfKey } from '../../../src/service/grants.ts';
import { rememberedMs, sealMs } from '../../../src/service/mints.ts';
import { graceEnd } from '../../../src/service/rules.ts';
import { seal, unseal } from '../../../src/service/seal.ts';
import { createService, type Service } from '../../../src/service/service.ts';
import { openSqlite } from '../../../src/service/sqlite.ts';
import type { Store } from '../../../src/service/store.ts';
import { bytesOf, mintingOf, newIdempotencyKey } from '../../contracts/minting.ts';
import { refuses } from '../../contracts/refuses.ts';
import { newDatabasePath } from '../../fakes/database.ts';
import { machineAdmin as root } from '../../fakes/key-service.ts';

interface Opened {
  readonly path: string;
  readonly store: Store;
  readonly service: Service;
  readonly keys: KeyService;
  readonly clock: { now: number };
  /** A second look at the same file. */
  readonly file: DatabaseSync;
}

async function open(path = newDatabasePath(), now = Date.now()): Promise<Opened> {
  const clock = { now };
  const store = await openSqlite(path);
  const service = createService({ store, now: () => clock.now });
  const file = new DatabaseSync(path, { timeout: 15_000 });
  onTestFinished(async () => {
    if (file.isOpen) file.close();
    await service.close();
  });
  return { path, store, service, keys: service.as(root), clock, file };
}

function seals(file: DatabaseSync): Buffer[] {
  const rows = file.prepare('SELECT seal FROM mints WHERE seal IS NOT NULL').all();
  return rows.map(({ seal }) => Buffer.from(seal as Uint8Array));
}

function count(file: DatabaseSync, table: string, where = 'TRUE'): number {
  return Number(file.prepare(`SELECT count(*) AS amount FROM ${table} WHERE ${where}`).get()?.amount);
}

/** The database and its log, as somebody reads them who has stolen the disk. */
function stolen(path: string): Buffer {
  return Buffer.concat(
    [path, `${path}-wal`].filter((each) => existsSync(each)).map((each) => readFileSync(each)),
  );
}

/** Whether any 16 bytes in a row of `wanted` are there: a page may hold a part of it. */
function holdsPartOf(bytes: Buffer, wanted: Buffer): boolean {
  for (let at = 0; at + 16 <= wanted.length; at++) {
    if (bytes.includes(wanted.subarray(at, at + 16))) return true;
  }
  return false;
}

// The grace.

test('a grace never outlives the old secret, its key or the grace, and never rounds up: 100,000 cases', () => {
  const time = fc.integer({ min: 0, max: 4_102_444_800_000 });
  const end = fc.option(time);
  const grace = fc.oneof(
    fc.nat(30 * 86_400_000),
    fc.double({ min: 0, max: 30 * 86_400_000, noNaN: true }),
    fc.constantFrom(0, 0.5, 1, 999.999, 30 * 86_400_000),
  );
  fc.assert(
    fc.property(end, end, time, grace, (endsAt, expiresAt, now, graceMs) => {
      const at = graceEnd(endsAt, expiresAt, now, graceMs);
      const never = at <= now + graceMs && at <= (endsAt ?? at) && at <= (expiresAt ?? at);
      // And no earlier than it must, to the millisecond; without a grace it is over by every clock.
      const exact =
        graceMs < 1 ? at === 0 : at === endsAt || at === expiresAt || at === now + Math.floor(graceMs);
      return Number.isSafeInteger(at) && never && exact && graceEnd(at, expiresAt, now, graceMs) === at;
    }),
    { numRuns: 100_000 },
  );
}, 60_000);

test("the old secret of a settled overlap ends with its key's expiry, or the grace if that is first", async () => {
  const { keys, clock } = await open();
  const start = clock.now;
  for (const [name, lifeMs, graceMs, endsMs] of [
    ['key-first', 10_000, 60_000, 10_000],
    ['grace-first', 60_000, 10_000, 10_000],
  ] as const) {
    clock.now = start;
    const idempotencyKey = newIdempotencyKey();
    const expiresAt = new Date(start + lifeMs).toISOString();
    const { key, secret } = await keys.create({ name, expiresAt });
    await keys.regenerate(key.id, { overlap: true, idempotencyKey });
    await mintingOf(keys).settle(idempotencyKey, { keep: 'new', graceMs });
    await keys.edit(key.id, { expiresAt: null });
    clock.now = start + endsMs - 1;
    expect((await keys.verify(secret)).valid).toBe(true);
    clock.now = start + endsMs;
    expect((await keys.verify(secret)).valid).toBe(false);
  }
});

test('an older secret on a grace is no open overlap, and keeps its end when a later overlap is settled', async () => {
  const { keys, clock } = await open();
  const first = await keys.create({ name: 'three' });
  const second = await keys.regenerate(first.key.id, { graceMs: 5_000 });
  const idempotencyKey = newIdempotencyKey();
  await keys.regenerate(first.key.id, { overlap: true, idempotencyKey });
  await mintingOf(keys).settle(idempotencyKey, { keep: 'new', graceMs: 60_000 });
  expect((await keys.verify(first.secret)).valid).toBe(true);
  clock.now += 5_000;
  expect((await keys.verify(first.secret)).valid).toBe(false);
  expect((await keys.verify(second.secret)).valid).toBe(true);
});

test('settling again, in any order and as often as one likes, never gives the old secret more time', async () => {
  const { keys, clock, file } = await open();
  const steps = fc.array(
    fc.record({ keep: fc.constantFrom('new', 'old'), graceMs: fc.nat(1_000), waitMs: fc.nat(200) }),
    { minLength: 1, maxLength: 8 },
  );
  let turn = 0;
  await fc.assert(
    fc.asyncProperty(steps, async (settlements) => {
      const idempotencyKey = newIdempotencyKey();
      const { key } = await keys.create({ name: `again-${turn++}` });
      await keys.regenerate(key.id, { overlap: true, idempotencyKey });
      const ended = () =>
        file.prepare('SELECT ends_at FROM secrets WHERE key_id = ? AND ends_at IS NOT NULL').all(key.id);
      let before = Number.POSITIVE_INFINITY;
      for (const { keep, graceMs, waitMs } of settlements) {
        clock.now += waitMs;
        const settled = mintingOf(keys).settle(idempotencyKey, { keep, graceMs });
        if (keep === settlements[0]?.keep) await settled;
        else await refuses('changed', settled);
        const [end, ...others] = ended().map(({ ends_at: at }) => Number(at));
        expect(others).toEqual([]);
        expect(end).toBeLessThanOrEqual(before);
        before = end ?? 0;
      }
      expect(count(file, 'secrets', `key_id = '${key.id}' AND ends_at IS NULL`)).toBe(1);
    }),
    { numRuns: 60 },
  );
}, 60_000);

// Once only.

test('two processes and 64 requests at once under one idempotency key mint exactly one key', async () => {
  const { path, file } = await open();
  for (let round = 0; round < 3; round++) {
    const idempotencyKey = newIdempotencyKey();
    const keysBefore = count(file, 'keys');
    const crowd = await Promise.all([0, 1].map(() => startMinter(path, idempotencyKey, 32)));
    const answers = (await Promise.all(crowd.map((member) => member.go()))).flat();
    expect(answers).toHaveLength(64);
    expect(new Set(answers).size).toBe(1);
    expect(answers[0]).toContain('"secret":"keys_');
    const minted = count(file, 'audit_log', "action = 'create'");
    expect([count(file, 'keys'), count(file, 'secrets'), minted]).toEqual(Array(3).fill(keysBefore + 1));
    // The name is free for the next round, and only the idempotency key tells the rounds apart.
    file.exec(`UPDATE keys SET name = name || '-${round}'`);
  }
}, 60_000);

async function startMinter(path: string, idempotencyKey: string, times: number) {
  const argv = ['test/workers/minter.ts', path, idempotencyKey, String(times)];
  const child = spawn(process.execPath, argv, { stdio: ['pipe', 'pipe', 'inherit'] });
  onTestFinished(() => void child.kill());
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  expect((await lines.next()).value).toBe('ready');
  return {
    async go(): Promise<string[]> {
      child.stdin.write('go\n');
      return JSON.parse((await lines.next()).value as string) as string[];
    },
  };
}

test('twins in one process get one answer, also when they name the version they were decided on', async () => {
  const { keys, file } = await open();
  const { key } = await keys.create({ name: 'twins' });
  const idempotencyKey = newIdempotencyKey();
  const options = { overlap: true, idempotencyKey };
  const answers = await Promise.all(
    Array.from({ length: 20 }, () => keys.regenerate(key.id, options, key.version)),
  );
  expect(new Set(answers.map(bytesOf)).size).toBe(1);
  expect(count(file, 'secrets')).toBe(2);
});

test('a mint whose commit was reported as failed, and was none, is answered all the same', async () => {
  const { store, clock, file } = await open();
  const reporting = {
    ...store,
    async insertKey(...row: Parameters<Store['insertKey']>) {
      await store.insertKey(...row);
      throw new Error('the disk failed');
    },
  };
  const keys = createService({ store: reporting, now: () => clock.now }).as(root);
  const issued = await keys.create({ name: 'done' }, { idempotencyKey: newIdempotencyKey() });
  expect((await keys.verify(issued.secret)).valid).toBe(true);
  await expect(keys.create({ name: 'plain' })).rejects.toThrow('the disk failed');
  expect(count(file, 'keys')).toBe(2);
});

test('a twin that finds the key changed by the first one gets its answer', async () => {
  const { store, clock, keys } = await open();
  const { key } = await keys.create({ name: 'late-twin' });
  const idempotencyKey = newIdempotencyKey();
  const options = { overlap: true, idempotencyKey };
  let first: IssuedKey | undefined;
  const late = {
    ...store,
    /** The first one is done between the look for the mint and the look at the key. */
    async findKey(id: string) {
      first ??= await keys.regenerate(key.id, options, key.version);
      return store.findKey(id);
    },
  };
  const twin = createService({ store: late, now: () => clock.now }).as(root);
  const second = await twin.regenerate(key.id, options, key.version);
  expect(first && bytesOf(first)).toBe(bytesOf(second));
});

test('a mint whose COMMIT was not answered is unknown, not unavailable, when the database is away after it', async () => {
  const { store, clock } = await open();
  let away = false;
  const lost: Store = {
    ...store,
    async insertKey(...made) {
      await store.insertKey(...made);
      away = true;
      throw new KeysError('outcome_unknown', 'PostgreSQL was asked to commit and did not answer');
    },
    async findMint(hash) {
      if (away) throw new KeysError('unavailable', 'PostgreSQL is not usable');
      return store.findMint(hash);
    },
  };
  const keys = createService({ store: lost, now: () => clock.now }).as(root);
  const idempotencyKey = newIdempotencyKey();
  const minting = () => keys.create({ name: 'demo' }, { idempotencyKey });
  await refuses('outcome_unknown', minting());
  away = false;
  expect((await minting()).key.name).toBe('demo');
});

test('of a mint and its cancellation at once one wins, and both know', async () => {
  const { keys, file } = await open();
  for (let round = 0; round < 20; round++) {
    const idempotencyKey = newIdempotencyKey();
    const [minted, cancelled] = await Promise.allSettled([
      keys.create({ name: `raced-${round}` }, { idempotencyKey }),
      mintingOf(keys).cancel(idempotencyKey),
    ]);
    const made = minted.status === 'fulfilled' ? minted.value.key.id : null;
    expect(cancelled.status === 'fulfilled' && (cancelled.value?.key.id ?? null)).toBe(made);
    expect(count(file, 'keys', `name = 'raced-${round}'`)).toBe(made === null ? 0 : 1);
  }
});

test('an idempotency key is remembered for 30 days, and longer while its overlap is open', async () => {
  const { keys, clock, file } = await open();
  const [plain, cancelled, overlap] = [newIdempotencyKey(), newIdempotencyKey(), newIdempotencyKey()];
  const { key } = await keys.create({ name: 'old' }, { idempotencyKey: plain });
  await mintingOf(keys).cancel(cancelled);
  await keys.regenerate(key.id, { overlap: true, idempotencyKey: overlap });
  clock.now += rememberedMs - 1;
  await keys.create({ name: 'just-before' });
  expect(count(file, 'mints')).toBe(3);
  clock.now += 1;
  await keys.create({ name: 'after' });
  expect(await mintingOf(keys).status(plain)).toBeNull();
  expect(count(file, 'mints')).toBe(1);
  expect((await mintingOf(keys).settle(overlap, { keep: 'old' })).lastFour).toBe(key.lastFour);
  await keys.create({ name: 'then' });
  expect(count(file, 'mints')).toBe(0);
});

// The end of a seal.

interface Sealed extends Opened {
  readonly idempotencyKey: string;
  readonly issued: IssuedKey;
  readonly again: () => Promise<IssuedKey>;
}

/** One sealed mint among others, so that it shares pages with them. */
async function openSealed(): Promise<Sealed> {
  const opened = await open();
  const { keys } = opened;
  for (let i = 0; i < 40; i++)
    await keys.create({ name: `other-${i}` }, { idempotencyKey: newIdempotencyKey() });
  const idempotencyKey = newIdempotencyKey();
  const { key } = await keys.create({ name: 'sealed', description: 'd'.repeat(900) });
  const again = () => keys.regenerate(key.id, { overlap: true, idempotencyKey });
  return { ...opened, idempotencyKey, issued: await again(), again };
}

const ends: Record<string, (sealed: Sealed) => Promise<unknown>> = {
  'the acknowledgement': ({ keys, idempotencyKey }) => mintingOf(keys).acknowledge(idempotencyKey),
  'the first verification': ({ keys, issued }) => keys.verify(issued.secret),
  'the first use as a credential': ({ service, issued }) => service.authenticate(issued.secret),
  'the revocation of the key': ({ keys, issued }) => keys.revoke(issued.key.id),
  'the next regenerate': ({ keys, issued }) => keys.regenerate(issued.key.id, { graceMs: 60_000 }),
  'settling for the old secret': ({ keys, idempotencyKey }) =>
    mintingOf(keys).settle(idempotencyKey, { keep: 'old' }),
  '15 minutes, with the next mint': async ({ keys, clock }) => {
    clock.now += sealMs;
    await keys.create({ name: 'next' });
  },
  '15 minutes, with the next start': async ({ path, clock }) => {
    const store = await openSqlite(path);
    await createService({ store, now: () => clock.now + sealMs }).close();
    clock.now += sealMs;
  },
};

test.each(Object.entries(ends))(
  '%s destroys the seal, and nothing of it is left in the file',
  async (_name, end) => {
    const sealed = await openSealed();
    const { store, file, path, idempotencyKey, again } = sealed;
    expect(bytesOf(await again())).toBe(bytesOf(sealed.issued));
    const ours = file.prepare('SELECT seal FROM mints WHERE overlap IS NOT NULL').get()?.seal as Uint8Array;
    expect(holdsPartOf(stolen(path), Buffer.from(ours))).toBe(true);
    await end(sealed);
    await refuses('secret_gone', again());
    expect((await mintingOf(sealed.keys).status(idempotencyKey))?.secretState).not.toBe('sealed');
    await store.scrub();
    expect(holdsPartOf(stolen(path), Buffer.from(ours))).toBe(false);
  },
);

test('the next start takes a seal out of the log that a process destroyed before it was killed', async () => {
  const { keys, file, path, idempotencyKey } = await openSealed();
  const ours = file.prepare('SELECT seal FROM mints WHERE overlap IS NOT NULL').get()?.seal as Uint8Array;
  await mintingOf(keys).acknowledge(idempotencyKey);
  expect(holdsPartOf(stolen(path), Buffer.from(ours))).toBe(true);
  const next = await openSqlite(path);
  await next.scrub();
  expect(holdsPartOf(stolen(path), Buffer.from(ours))).toBe(false);
  await next.close();
});

test('when the new secret is kept, the seal of the old one is destroyed', async () => {
  const { keys, file } = await open();
  const [first, second] = [newIdempotencyKey(), newIdempotencyKey()];
  const { key } = await keys.create({ name: 'both' }, { idempotencyKey: first });
  await keys.regenerate(key.id, { overlap: true, idempotencyKey: second });
  expect(seals(file)).toHaveLength(2);
  await mintingOf(keys).settle(second, { keep: 'new', graceMs: 60_000 });
  await refuses('secret_gone', keys.create({ name: 'both' }, { idempotencyKey: first }));
  expect(seals(file)).toHaveLength(1);
});

test('a seal opens for 15 minutes by the clock of the service, and not a millisecond longer', async () => {
  const { keys, clock } = await open();
  const idempotencyKey = newIdempotencyKey();
  const first = await keys.create({ name: 'clock' }, { idempotencyKey });
  clock.now += sealMs - 1;
  expect(bytesOf(await keys.create({ name: 'clock' }, { idempotencyKey }))).toBe(bytesOf(first));
  clock.now += 1;
  expect((await mintingOf(keys).status(idempotencyKey))?.secretState).toBe('expired');
  await expect(keys.create({ name: 'clock' }, { idempotencyKey })).rejects.toThrow(first.key.id);
});

test('a repetition is answered as it was, also when the request would be refused by now', async () => {
  const { keys, clock } = await open();
  const idempotencyKey = newIdempotencyKey();
  const request = { name: 'late', expiresAt: new Date(clock.now + 1_000).toISOString() };
  const first = await keys.create(request, { idempotencyKey });
  clock.now += 2_000;
  expect(bytesOf(await keys.create({ ...request, labels: undefined }, { idempotencyKey }))).toBe(
    bytesOf(first),
  );
});

test('a request is the same one in whatever order its names come, and another where it asks for something else', async () => {
  const { keys } = await open();
  const idempotencyKey = newIdempotencyKey();
  const first = await keys.create({ name: 'mixed', labels: { a: '1', b: '2' } }, { idempotencyKey });
  const again = await keys.create({ labels: { b: '2', a: '1' }, name: 'mixed' }, { idempotencyKey });
  expect(bytesOf(again)).toBe(bytesOf(first));
  const renewed = { overlap: true, idempotencyKey: newIdempotencyKey() };
  await keys.regenerate(first.key.id, renewed);
  for (const other of [{ graceMs: 1 }, { overlap: false }, { takeOver: true }]) {
    await refuses('idempotency_mismatch', keys.regenerate(first.key.id, { ...renewed, ...other }));
  }
});

test('a seal that cannot be destroyed in time opens no longer for that', async () => {
  const { store, clock } = await open();
  const failing = { ...store, sweepMints: () => Promise.reject(new Error('disk full')) };
  const keys = createService({ store: failing, now: () => clock.now }).as(root);
  const idempotencyKey = newIdempotencyKey();
  await keys.create({ name: 'late' }, { idempotencyKey });
  clock.now += sealMs;
  await refuses('secret_gone', keys.create({ name: 'late' }, { idempotencyKey }));
});

test('an answer that was sealed by an older version, which knew fewer fields of a key, is given again with all of them', async () => {
  const { keys, file } = await open();
  const idempotencyKey = newIdempotencyKey();
  const first = await keys.create({ name: 'upgraded' }, { idempotencyKey });
  const { request_hash: requestHash } = file.prepare('SELECT request_hash FROM mints').get() ?? {};
  const bound = Buffer.concat([requestHash as Uint8Array, Buffer.from(first.key.id)]);
  const { recoverable, ...older } = first.key;
  const answer = JSON.stringify({ key: older, secret: first.secret.reveal() });
  file.prepare('UPDATE mints SET seal = ?').run(seal(answer, idempotencyKey, bound));
  const again = await keys.create({ name: 'upgraded' }, { idempotencyKey });
  expect(again.key).toEqual({ ...older, recoverable });
  expect(bytesOf(again)).toBe(bytesOf(first));
});

test('a seal that cannot be destroyed just now does not make a good secret bad', async () => {
  const { store, clock, keys } = await open();
  const { secret } = await keys.create({ name: 'busy' }, { idempotencyKey: newIdempotencyKey() });
  const failing = { ...store, useMint: () => Promise.reject(new Error('disk full')) };
  const service = createService({ store: failing, now: () => clock.now });
  expect((await service.as(null).verify(secret)).valid).toBe(true);
  expect(await service.authenticate(secret)).not.toBeNull();
});

test('only the first use of a secret asks for its seal', async () => {
  const { store, clock, keys } = await open();
  const { secret } = await keys.create({ name: 'cheap' }, { idempotencyKey: newIdempotencyKey() });
  const useMint = vi.fn(store.useMint);
  const service = createService({ store: { ...store, useMint }, now: () => clock.now });
  for (let i = 0; i < 5; i++) await service.as(null).verify(secret);
  expect(useMint).toHaveBeenCalledTimes(1);
});

// A stolen database.

test('a stolen database holds neither the secret nor the idempotency key, and nothing in it opens a seal', async () => {
  const { path, file, issued, idempotencyKey } = await openSealed();
  const disk = stolen(path);
  expect(disk.includes(issued.secret.reveal())).toBe(false);
  expect(disk.includes(idempotencyKey)).toBe(false);
  expect(disk.includes(Buffer.from(idempotencyKey, 'base64url'))).toBe(false);
  const mint = file.prepare('SELECT * FROM mints WHERE overlap IS NOT NULL').get();
  const bound = Buffer.concat([mint?.request_hash as Uint8Array, Buffer.from(mint?.key_id as string)]);
  const sealed = mint?.seal as Uint8Array;
  const tables = ['keys', 'secrets', 'audit_log', 'mints', 'namespaces'];
  const values = tables.flatMap((table) =>
    file.prepare(`SELECT * FROM ${table}`).all().flatMap(Object.values),
  );
  const texts = new Set(
    values.flatMap((value) => {
      if (!(value instanceof Uint8Array)) return [String(value)];
      const bytes = Buffer.from(value);
      return (['hex', 'base64', 'base64url', 'latin1'] as const).map((encoding) => bytes.toString(encoding));
    }),
  );
  expect(texts.size).toBeGreaterThan(100);
  for (const text of texts) expect(() => unseal(sealed, text, bound)).toThrow('damaged');
  // With the journal as well it opens, and this seal only.
  expect(unseal(sealed, idempotencyKey, bound)).toContain(issued.secret.reveal());
  for (const other of seals(file).filter((seal) => !seal.equals(sealed))) {
    expect(() => unseal(other, idempotencyKey, bound)).toThrow('damaged');
  }
});

test('a seal moved to another mint or another key does not open', async () => {
  const { keys, file } = await open();
  const idempotencyKey = newIdempotencyKey();
  const { key } = await keys.create({ name: 'moved' }, { idempotencyKey });
  const other = await keys.create({ name: 'target' });
  file.prepare('UPDATE mints SET key_id = ?').run(other.key.id);
  await refuses('unexpected', keys.create({ name: 'moved' }, { idempotencyKey }));
  file.prepare('UPDATE mints SET key_id = ?').run(key.id);
  expect((await keys.create({ name: 'moved' }, { idempotencyKey })).key.id).toBe(key.id);
});

// Who may.

function callerOf({ key }: IssuedKey): Caller {
  const { id, name, owner, namespace, roles } = key;
  const holder = { ...key, namespace: namespace ?? '', type: 'manage' } as const;
  const grants = grantsOfKey(holder, null, builtInRoles);
  return {
    ...holder,
    kind: 'key',
    keyId: id,
    keyName: name,
    owner,
    roles,
    grants,
    asOwner: false,
    secretHash: null,
    sessionId: null,
    steppedUp: false,
  };
}

test('a mint belongs to who minted: another credential has no part in it, an admin has, but not the secret', async () => {
  const { keys, service } = await open();
  const [ann, bob] = await Promise.all(
    ['ann', 'bob'].map(async (name) => service.as(callerOf(await keys.create({ name, roles: ['owner'] })))),
  );
  if (!ann || !bob) throw new Error('two callers');
  const idempotencyKey = newIdempotencyKey();
  const { key } = await keys.create({ name: 'shared', roles: ['viewer'] });
  const request = [key.id, { overlap: true, idempotencyKey }] as const;
  const first = await ann.regenerate(...request);
  await refuses('idempotency_mismatch', bob.regenerate(...request));
  await refuses('idempotency_mismatch', keys.regenerate(...request));
  const bobs = mintingOf(bob);
  await refuses('forbidden', bobs.status(idempotencyKey));
  await refuses('forbidden', bobs.cancel(idempotencyKey));
  await refuses('forbidden', bobs.acknowledge(idempotencyKey));
  await refuses('forbidden', bobs.settle(idempotencyKey, { keep: 'old' }));
  expect(await mintingOf(keys).status(idempotencyKey)).toMatchObject({ secretState: 'sealed' });
  expect(bytesOf(await ann.regenerate(...request))).toBe(bytesOf(first));
  expect((await mintingOf(keys).settle(idempotencyKey, { keep: 'old' })).lastFour).toBe(key.lastFour);
});

test('who may no longer administer the key does not get its secret again, nor settles', async () => {
  const { keys, service } = await open();
  const made = await keys.create({ name: 'ann', roles: ['owner'] });
  const { key } = await keys.create({ name: 'theirs', roles: ['viewer'] });
  const idempotencyKey = newIdempotencyKey();
  await service.as(callerOf(made)).regenerate(key.id, { overlap: true, idempotencyKey });
  const demoted = service.as(callerOf({ ...made, key: { ...made.key, roles: ['viewer'] } }));
  await refuses('forbidden', demoted.regenerate(key.id, { overlap: true, idempotencyKey }));
  await refuses('forbidden', mintingOf(demoted).settle(idempotencyKey, { keep: 'old' }));
  await refuses('forbidden', mintingOf(demoted).cancel(newIdempotencyKey()));
  const blind = service.as(
    callerOf({ ...made, key: { ...made.key, roles: [], permissions: ['dashboards.view'] } }),
  );
  await refuses('not_found', mintingOf(blind).status(idempotencyKey));
  await refuses('not_found', mintingOf(blind).cancel(idempotencyKey));
});

test('anybody without a credential is asked for one', async () => {
  const { service } = await open();
  const anybody = mintingOf(service.as(null));
  await refuses('unauthenticated', anybody.status(newIdempotencyKey()));
  await refuses('unauthenticated', anybody.cancel(newIdempotencyKey()));
  await refuses('unauthenticated', anybody.acknowledge(newIdempotencyKey()));
  await refuses('unauthenticated', anybody.settle(newIdempotencyKey(), { keep: 'new' }));
});

// Crashes.

interface Story {
  /** What is there before, without crashes. */
  prepare?(keys: KeyService, id: string, idempotencyKey: string): Promise<unknown>;
  step(keys: KeyService, id: string, idempotencyKey: string): Promise<unknown>;
  /** Secrets without an end, of the key `story`. */
  readonly current: number;
  readonly audit: Record<string, number>;
}

const overlapped: Story['prepare'] = (keys, id, idempotencyKey) =>
  keys.regenerate(id, { overlap: true, idempotencyKey });

const stories: Record<string, Story> = {
  create: {
    step: (keys, _id, idempotencyKey) => keys.create({ name: 'made' }, { idempotencyKey }),
    current: 1,
    audit: { create: 2 },
  },
  regenerate: {
    step: (keys, id, idempotencyKey) => keys.regenerate(id, { idempotencyKey }),
    current: 1,
    audit: { create: 1, regenerate: 1 },
  },
  overlap: {
    step: (keys, id, idempotencyKey) => keys.regenerate(id, { overlap: true, idempotencyKey }),
    current: 2,
    audit: { create: 1, regenerate: 1 },
  },
  'keep new': {
    prepare: overlapped,
    step: (keys, _id, idempotencyKey) => mintingOf(keys).settle(idempotencyKey, { keep: 'new' }),
    current: 1,
    audit: { create: 1, regenerate: 1, settle: 1 },
  },
  'keep old': {
    prepare: overlapped,
    step: (keys, _id, idempotencyKey) => mintingOf(keys).settle(idempotencyKey, { keep: 'old' }),
    current: 1,
    audit: { create: 1, regenerate: 1, settle: 1 },
  },
  acknowledge: {
    prepare: overlapped,
    step: (keys, _id, idempotencyKey) => mintingOf(keys).acknowledge(idempotencyKey),
    current: 2,
    audit: { create: 1, regenerate: 1, acknowledge: 1 },
  },
  cancel: {
    step: (keys, _id, idempotencyKey) => mintingOf(keys).cancel(idempotencyKey),
    current: 1,
    audit: { create: 1, cancel: 1 },
  },
  revoke: {
    prepare: overlapped,
    step: (keys, id) => keys.revoke(id),
    current: 2,
    audit: { create: 1, regenerate: 1, revoke: 1 },
  },
};

/** The process dies at the nth statement that writes, before or after it is done: nothing of it runs from then on. */
function dieAt(nth: number, when: 'before' | 'after') {
  const { run } = StatementSync.prototype;
  let statements = 0;
  const spy = vi.spyOn(StatementSync.prototype, 'run').mockImplementation(function (
    this: StatementSync,
    ...values
  ) {
    statements++;
    if (statements > nth || (statements === nth && when === 'before')) throw new Error('killed');
    const result = run.apply(this, values as never);
    if (statements === nth) throw new Error('killed');
    return result;
  });
  return { spy, died: () => statements >= nth };
}

test.each(Object.entries(stories))(
  'a crash at any statement of %s is mended by the same call',
  async (_name, story) => {
    const normal = async (crashAt: number, when: 'before' | 'after') => {
      const path = newDatabasePath();
      const before = await openFor(path);
      const { key } = await before.keys.create({ name: 'story' });
      const idempotencyKey = newIdempotencyKey();
      await story.prepare?.(before.keys, key.id, idempotencyKey);
      const { spy, died } = dieAt(crashAt, when);
      const broken = await story.step(before.keys, key.id, idempotencyKey).then(
        () => false,
        () => true,
      );
      spy.mockRestore();
      await before.close();
      const after = await openFor(path);
      await story.step(after.keys, key.id, idempotencyKey);
      const file = new DatabaseSync(path);
      // How often the answer was given again depends on the crash.
      const audit = file
        .prepare(
          "SELECT action, count(*) AS amount FROM audit_log WHERE action NOT IN ('replay', 'user.create') GROUP BY action",
        )
        .all();
      const state = {
        current: count(file, 'secrets', `key_id = '${key.id}' AND ends_at IS NULL`),
        audit: Object.fromEntries(audit.map(({ action, amount }) => [String(action), amount])),
      };
      const shape = file.prepare('SELECT state, seal IS NULL AS gone, overlap FROM mints').all();
      file.close();
      await after.close();
      return { state, shape, crashed: died() && broken };
    };
    const { state, shape } = await normal(Number.POSITIVE_INFINITY, 'before');
    expect(state).toEqual({ current: story.current, audit: story.audit });
    let crashes = 0;
    for (const when of ['before', 'after'] as const) {
      for (let nth = 1; ; nth++) {
        const result = await normal(nth, when);
        expect(result.state, `${when} statement ${nth}`).toEqual(state);
        expect(result.shape, `${when} statement ${nth}`).toEqual(shape);
        if (!result.crashed) break;
        crashes++;
      }
    }
    expect(crashes).toBeGreaterThanOrEqual(4);
  },
  60_000,
);

async function openFor(path: string) {
  const store = await openSqlite(path);
  const service = createService({ store, now: Date.now });
  return { keys: service.as(root), close: () => service.close() };
}
