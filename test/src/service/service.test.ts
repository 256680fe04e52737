import { copyFileSync, readFileSync, renameSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import fc from 'fast-check';
import { expect, onTestFinished, test } from 'vitest';
import type { KeyService, NewKey } from '../../../src/keys.ts';
import { newIdempotencyKey } from '../../../src/operations/journal.ts';
import type { Secret } from '../../../src/secret.ts';
import { createService } from '../../../src/service/service.ts';
import { completeSettings, type Settings } from '../../../src/service/settings.ts';
import { openSqlite } from '../../../src/service/sqlite.ts';
import { refuses } from '../../contracts/key-service.ts';
import { newDatabasePath } from '../../fakes/database.ts';
import { machineAdmin, newService } from '../../fakes/key-service.ts';

test('a key is good if and only if now < expiresAt, to the millisecond', async () => {
  const { admin, clock, service } = await newService();
  const expiresAt = new Date(clock.now + 1_000).toISOString();
  const { key, secret } = await admin.create({ name: 'brief', expiresAt });
  clock.now += 999;
  expect((await admin.verify(secret)).valid).toBe(true);
  clock.now += 1;
  expect(await admin.verify(secret)).toMatchObject({ valid: false, reason: 'expired' });
  expect(await service.authenticate(secret)).toBeNull();
  expect((await admin.get(key.id)).status).toBe('expired');
});

test('a secret that was replaced without grace is dead by every clock, also one that is set back', async () => {
  const { admin, clock } = await newService();
  const { key, secret } = await admin.create({ name: 'replaced' });
  const idempotencyKey = newIdempotencyKey();
  const after = await admin.regenerate(key.id);
  const taken = await admin.regenerate(key.id, { overlap: true, idempotencyKey });
  await admin.minting.settle(idempotencyKey, { keep: 'old' });
  clock.now -= 60_000;
  expect((await admin.verify(secret)).valid).toBe(false);
  expect((await admin.verify(taken.secret)).valid).toBe(false);
  expect((await admin.verify(after.secret)).valid).toBe(true);
});

test('a grace ends at the time it says or with the key, whichever is first, for any expiry and grace', async () => {
  const { admin, clock } = await newService();
  let runs = 0;
  const start = clock.now;
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 500 }),
      fc.integer({ min: 0, max: 500 }),
      async (life, graceMs) => {
        clock.now = start;
        const expiresAt = new Date(start + life).toISOString();
        const { key, secret } = await admin.create({ name: `grace-${runs++}`, expiresAt });
        await admin.regenerate(key.id, { graceMs });
        // A longer life afterwards does not bring the old secret more time.
        await admin.edit(key.id, { expiresAt: null });
        const end = start + Math.min(life, graceMs);
        clock.now = end - 1;
        if (end > start) expect((await admin.verify(secret)).valid).toBe(true);
        clock.now = end;
        expect((await admin.verify(secret)).valid).toBe(false);
      },
    ),
    { numRuns: 100 },
  );
});

test('the quota counts active keys, names its limit, and is checked wherever a key becomes active', async () => {
  const { admin, clock } = await newService({ quota: 2 });
  const first = await admin.create({ name: 'first' });
  const expiresAt = new Date(clock.now + 1_000).toISOString();
  const second = await admin.create({ name: 'second', expiresAt });
  await expect(admin.create({ name: 'third' })).rejects.toThrow("'default' may have 2 active keys and has 2");
  await admin.create({ name: 'elsewhere', namespace: 'team' });
  await admin.disable(first.key.id);
  const third = await admin.create({ name: 'third' });
  await refuses('quota_exceeded', admin.enable(first.key.id));
  clock.now += 1_000;
  await admin.enable(first.key.id);
  await refuses('quota_exceeded', admin.edit(second.key.id, { expiresAt: null }));
  await admin.edit(second.key.id, { name: 'renamed' });
  await admin.revoke(third.key.id);
  expect((await admin.edit(second.key.id, { expiresAt: null })).status).toBe('active');
});

test("a namespace's own quota goes before that of the service, wherever a key becomes active", async () => {
  const { admin } = await newService({ quota: 2 });
  await admin.namespaces.create({ name: 'small', quota: 1 });
  const { key } = await admin.create({ name: 'first', namespace: 'small' });
  await refuses('quota_exceeded', admin.create({ name: 'second', namespace: 'small' }));
  await admin.disable(key.id);
  await admin.create({ name: 'second', namespace: 'small' });
  await refuses('quota_exceeded', admin.enable(key.id));
  await admin.namespaces.create({ name: 'large', quota: 3 });
  for (const name of ['a', 'b', 'c']) await admin.create({ name, namespace: 'large' });
});

test('a quota of 0 means no keys', async () => {
  const { admin } = await newService({ quota: 0 });
  await refuses('quota_exceeded', admin.create({ name: 'one' }));
});

test('names are compared after trimming and normalising', async () => {
  const { admin } = await newService();
  expect((await admin.create({ name: '  u\u0308ber ' })).key.name).toBe('über');
  await refuses('conflict', admin.create({ name: 'über' }));
  expect((await admin.create({ name: 'n'.repeat(128) })).key.name).toHaveLength(128);
  expect((await admin.create({ name: '👍'.repeat(128) })).key.name).toBe('👍'.repeat(128));
});

test('what a key may hold is as much as the rules say, and one more is refused', async () => {
  const { admin } = await newService();
  const numbered = (length: number, write: (n: number) => string) =>
    Array.from({ length }, (_, n) => write(n));
  const labelled = (length: number) =>
    Object.fromEntries(numbered(length, (n) => `l${n}`).map((l) => [l, '']));
  const longest: [NewKey, NewKey][] = [
    [{ name: 'n'.repeat(128) }, { name: 'n'.repeat(129) }],
    [
      { name: 'a', description: 'd'.repeat(1_000) },
      { name: 'x', description: 'd'.repeat(1_001) },
    ],
    [
      { name: 'a', namespace: 'n'.repeat(63) },
      { name: 'x', namespace: 'n'.repeat(64) },
    ],
    [
      { name: 'b', labels: labelled(32) },
      { name: 'x', labels: labelled(33) },
    ],
    [
      { name: 'c', labels: { ['l'.repeat(63)]: 'v' } },
      { name: 'x', labels: { ['l'.repeat(64)]: 'v' } },
    ],
    [
      { name: 'd', labels: { l: 'v'.repeat(255) } },
      { name: 'x', labels: { l: 'v'.repeat(256) } },
    ],
    [
      { name: 'e', permissions: [`${'a'.repeat(123)}.view`] },
      { name: 'x', permissions: [`${'a'.repeat(124)}.view`] },
    ],
    [
      { name: 'f', permissions: numbered(200, (n) => `a${n}.view`) },
      { name: 'x', permissions: numbered(201, (n) => `a${n}.view`) },
    ],
  ];
  for (const [most, more] of longest) {
    await refuses('invalid', admin.create(more));
    expect((await admin.create(most)).key).toMatchObject(most);
  }
});

test('the names of users and roles are as long as the rules say, and one letter more is refused', async () => {
  const { admin } = await newService();
  await admin.users.create({ name: 'u'.repeat(128) });
  await refuses('invalid', admin.users.create({ name: 'u'.repeat(129) }));
  const permissions = ['a.view'];
  await admin.roles.create({ name: 'r'.repeat(63), permissions });
  await refuses('invalid', admin.roles.create({ name: 'r'.repeat(64), permissions }));
});

test('a new key speaks the newest version of the API, in whatever order they are set', async () => {
  const { admin } = await newService({ apiVersions: ['2026-11-01', '2027-01-31', '2026-12-01'] });
  expect((await admin.create({ name: 'k' })).key.apiVersion).toBe('2027-01-31');
});

test('the answer to a change has the last use, also one that waits to be written', async () => {
  const { admin, clock } = await newService();
  const { key, secret } = await admin.create({ name: 'k' });
  await admin.verify(secret);
  const { lastUsedAt } = await admin.edit(key.id, { name: 'renamed' });
  expect(lastUsedAt).toBe(new Date(clock.now).toISOString());
});

test('an edit is refused what a new key is refused', async () => {
  const { admin } = await newService();
  const { key } = await admin.create({ name: 'k' });
  for (const changes of [
    { name: '' },
    { name: key.id },
    { permissions: ['*'] },
    { permissions: ['dashboards.*'] },
    { roles: ['nobody'] },
    { labels: { '': 'x' } },
    { rateLimit: { requests: 0, perSeconds: 1 } },
    { rateLimit: { requests: 1, perSeconds: 86_401 } },
    { expiresAt: 'tomorrow' },
  ]) {
    await refuses('invalid', admin.edit(key.id, changes));
    await refuses('invalid', admin.create({ name: 'new', ...changes }));
  }
  expect(await admin.get(key.id)).toEqual(key);
});

test('who asks for a key of a user who is not there, or is disabled, is told so and what to type', async () => {
  const { admin } = await newService();
  await admin.users.disable('bob');
  await expect(admin.create({ name: 'k', owner: 'bob' })).rejects.toMatchObject({
    ...{ code: 'conflict', message: "the user 'bob' is disabled", hint: 'keys user enable bob' },
  });
  await expect(admin.create({ name: 'k', owner: 'eve' })).rejects.toMatchObject({
    ...{ code: 'invalid', message: "there is no user 'eve'", hint: 'keys user create eve' },
  });
});

test('the expiry that a key has may be sent back with an edit, also when it has passed', async () => {
  const { admin, clock } = await newService();
  const expiresAt = new Date(clock.now + 1_000).toISOString();
  const { key } = await admin.create({ name: 'k', expiresAt });
  await refuses('invalid', admin.create({ name: 'l', expiresAt: new Date(clock.now).toISOString() }));
  clock.now += 1_000;
  const edited = await admin.edit(key.id, { name: 'renamed', expiresAt });
  expect(edited).toMatchObject({ name: 'renamed', expiresAt, status: 'expired' });
  expect(await admin.edit(key.id, { expiresAt })).toEqual(edited);
});

test('a description may have lines and tabs; what a terminal would act on is refused there and in labels', async () => {
  const { admin } = await newService();
  const description = 'nightly\tbuild\r\nof the shop';
  const { key } = await admin.create({ name: 'lines', description: ` ${description}\n` });
  expect(key.description).toBe(description);
  for (const bad of ['a\u001b[2Jb', 'a\u202eb', 'a\0b', 'a\u0085b']) {
    await refuses('invalid', admin.create({ name: 'bad', description: bad }));
    await refuses('invalid', admin.edit(key.id, { description: bad }));
    await refuses('invalid', admin.create({ name: 'bad', labels: { team: bad } }));
    await refuses('invalid', admin.edit(key.id, { labels: { team: bad } }));
  }
  await refuses('invalid', admin.create({ name: 'bad', labels: { team: 'x'.repeat(256) } }));
  expect((await admin.get(key.id)).version).toBe(key.version);
});

test('a configured role brings its permissions to the rules for View keys', async () => {
  const { admin } = await newService({ roles: { reader: ['a.view', 'b.list'], deployer: ['a.deploy'] } });
  const { key } = await admin.create({ name: 'ok', type: 'view', roles: ['reader', 'reader'] });
  expect(key.roles).toEqual(['reader']);
  await refuses('invalid', admin.create({ name: 'no', type: 'view', roles: ['deployer'] }));
  await admin.create({ name: 'yes', roles: ['deployer'] });
});

test('a View key can be edited when its role does more than look by now, and gets no other such role', async () => {
  const { admin } = await newService();
  for (const name of ['grown', 'other']) await admin.roles.create({ name, permissions: ['a.view'] });
  const { key } = await admin.create({ name: 'k', type: 'view', roles: ['grown'] });
  for (const name of ['grown', 'other']) await admin.roles.edit(name, { permissions: ['a.view', 'a.edit'] });
  const expiresAt = '2099-01-01T00:00:00.000Z';
  expect(await admin.edit(key.id, { expiresAt })).toMatchObject({ expiresAt, roles: ['grown'] });
  await refuses('invalid', admin.edit(key.id, { roles: ['grown', 'other'] }));
  await refuses('invalid', admin.edit(key.id, { permissions: ['a.edit'] }));
});

test.each(['deployer', 'constructor'])(
  'the role %s gives nothing once it is configured no more',
  async (role) => {
    const { admin, databasePath, service } = await newService({ roles: { [role]: ['deployments.view'] } });
    await admin.namespaces.create({ name: 'team' });
    await admin.users.join('carol', { namespace: 'team', role });
    const keys = [
      { roles: [role] },
      { roles: [role], type: 'view' },
      { owner: 'carol' },
      { owner: 'carol', type: 'view' },
    ];
    const secrets: Secret[] = [];
    for (const [n, key] of keys.entries()) {
      const made = await admin.create({ name: `k${n}`, namespace: 'team', ...(key as Partial<NewKey>) });
      secrets.push(made.secret);
      expect((await admin.verify(made.secret)).acts?.permissions).toEqual(['deployments.view']);
    }
    await service.close();
    const later = createService({ store: await openSqlite(databasePath), now: Date.now });
    onTestFinished(() => later.close());
    for (const secret of secrets) {
      expect(await later.as(null).verify(secret)).toMatchObject({ valid: true, acts: { permissions: [] } });
    }
  },
);

test('settings that make no sense are invalid', () => {
  const nonsense: Partial<Settings>[] = [
    { quota: -1 },
    { quota: 1.5 },
    { apiVersions: [] },
    { apiVersions: ['2026-13-01'] },
    { secretPrefix: 'x' },
    { roles: { owner: [] } },
    { roles: { 'Big Boss': [] } },
    { roles: { boss: ['everything'] } },
  ];
  for (const settings of nonsense) {
    expect(() => completeSettings(settings), JSON.stringify(settings)).toThrow();
  }
});

test('a use is noted again 45 seconds after the last one, without a new version', async () => {
  const { admin, clock } = await newService();
  const { key, secret } = await admin.create({ name: 'used' });
  const lastUsedAt = async () => (await admin.get(key.id)).lastUsedAt;
  await admin.verify(secret);
  const first = await lastUsedAt();
  expect(first).toBe(new Date(clock.now).toISOString());
  clock.now += 44_999;
  await admin.verify(secret);
  expect(await lastUsedAt()).toBe(first);
  clock.now += 1;
  await admin.verify(secret);
  expect(await lastUsedAt()).toBe(new Date(clock.now).toISOString());
  expect((await admin.get(key.id)).version).toBe(key.version);
});

test('a use that cannot be written fails no verify, and is written the next time', async () => {
  const store = await openSqlite(newDatabasePath());
  let isFull = true;
  const touchKeys: typeof store.touchKeys = async (uses) => {
    if (isFull) throw new Error('disk full');
    return store.touchKeys(uses);
  };
  const service = createService({ store: { ...store, touchKeys }, now: Date.now });
  const admin = service.as(machineAdmin);
  const { key, secret } = await admin.create({ name: 'used' });
  const kept = async () => (await store.findKey(key.id))?.row.lastUsedAt;
  // Who asks for unused keys has what was used written first.
  const query = { unusedSince: new Date(Date.now() + 60_000).toISOString() };
  expect((await admin.verify(secret)).valid).toBe(true);
  await admin.list(query);
  expect(await kept()).toBeNull();
  isFull = false;
  await admin.list(query);
  expect(await kept()).toEqual(expect.any(Number));
  await service.close();
});

test('the uses of many keys are told at once, and each is kept with its own time', async () => {
  const path = newDatabasePath();
  const clock = { now: Date.now() };
  const service = createService({ store: await openSqlite(path), now: () => clock.now });
  const admin = service.as(machineAdmin);
  const issued = await Promise.all(
    Array.from({ length: 321 }, (_, n) => admin.create({ name: `used-${n}` })),
  );
  const times = new Map<string, string>();
  for (const { key, secret } of issued) {
    clock.now += 7;
    await admin.verify(secret);
    times.set(key.id, new Date(clock.now).toISOString());
  }
  const told = await allTimes(admin);
  await service.close();
  const again = createService({ store: await openSqlite(path), now: () => clock.now });
  expect([told, await allTimes(again.as(machineAdmin))]).toEqual([times, times]);
  await again.close();
});

async function allTimes(service: KeyService): Promise<Map<string, string | null>> {
  const { keys } = await service.list({ pageSize: 1_000 });
  return new Map(keys.map(({ id, lastUsedAt }) => [id, lastUsedAt]));
}

test.each(['removed', 'replaced'])(
  'a database that was %s in use takes no change that would be lost, until it is back',
  async (how) => {
    const path = newDatabasePath();
    const service = createService({ store: await openSqlite(path), now: Date.now });
    const admin = service.as(machineAdmin);
    await admin.create({ name: 'before' });
    renameSync(path, `${path}.away`);
    if (how === 'replaced') copyFileSync(`${path}.away`, path);
    const lost = { code: 'unavailable', message: expect.stringContaining('removed or replaced') };
    await expect(admin.create({ name: 'lost' })).rejects.toMatchObject(lost);
    await expect(service.check()).rejects.toMatchObject(lost);
    renameSync(`${path}.away`, path);
    await admin.create({ name: 'after' });
    await service.close();
    const again = createService({ store: await openSqlite(path), now: Date.now });
    const { keys } = await again.as(machineAdmin).list({});
    expect(keys.map(({ name }) => name).sort()).toEqual(['after', 'before']);
    await again.close();
  },
);

test('a change decided on a row that changed meanwhile is decided again', async () => {
  const store = await openSqlite(newDatabasePath());
  const service = createService({ store, now: Date.now });
  const admin = service.as(machineAdmin);
  const { key } = await admin.create({ name: 'raced' });
  const names = Array.from({ length: 20 }, (_, i) => `raced-${i}`);
  await Promise.all([
    ...names.map((name) => admin.edit(key.id, { name })),
    ...names.map((name) => admin.edit(key.id, { labels: { name } })),
  ]);
  expect((await admin.get(key.id)).version).toBe('41');
  const changes = await Promise.allSettled(
    names.map((name) => admin.edit(key.id, { name: `${name}-b` }, '41')),
  );
  expect(changes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  await service.close();
});

test('every change has its audit row, none of them a secret, and a refused change has none', async () => {
  const { admin, service, databasePath } = await newService();
  const { key, secret } = await admin.create({ name: 'audited', roles: ['viewer'], labels: { a: 'b' } });
  const owner = service.as(await service.authenticate(await ownerSecret()), {
    address: '10.0.0.9',
    requestId: 'req-1',
  });
  await owner.edit(key.id, { name: 'renamed' });
  await refuses('changed', owner.edit(key.id, { name: 'x' }, '1'));
  await admin.disable(key.id);
  await admin.disable(key.id);
  await admin.enable(key.id);
  const renewed = await admin.regenerate(key.id);
  await admin.revoke(key.id);
  const db = new DatabaseSync(databasePath, { readOnly: true });
  const rows = db.prepare('SELECT * FROM audit_log WHERE target = ? ORDER BY seq').all(key.id);
  db.close();
  const actions = ['create', 'edit', 'disable', 'enable', 'regenerate', 'revoke'];
  expect(rows.map(({ action }) => action)).toEqual(actions);
  expect(rows[1]).toMatchObject({ actor: 'root', agent: 'the-owner', outcome: 'done', request_id: 'req-1' });
  for (const each of [secret, renewed.secret]) expect(JSON.stringify(rows)).not.toContain(each.reveal());

  async function ownerSecret(): Promise<Secret> {
    return (await admin.create({ name: 'the-owner', roles: ['owner'] })).secret;
  }
});

test('no secret is in the database file', async () => {
  const { admin, databasePath } = await newService();
  const { secret } = await admin.create({ name: 'canary' });
  const random = secret.reveal().slice(5, 35);
  for (const path of [databasePath, `${databasePath}-wal`]) {
    expect(readFileSync(path).includes(random)).toBe(false);
  }
});
