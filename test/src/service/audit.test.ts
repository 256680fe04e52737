import { DatabaseSync, type SQLInputValue } from 'node:sqlite';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type Audit, type AuditEntry, type AuditQuery, allEntries } from '../../../src/audit.ts';
import { chainStart, checkChain } from '../../../src/audit-chain.ts';
import { Secret } from '../../../src/secret.ts';
import { createService } from '../../../src/service/service.ts';
import { openSqlite } from '../../../src/service/sqlite.ts';
import type { AuditRow } from '../../../src/service/store.ts';
import { newIdempotencyKey } from '../../contracts/minting.ts';
import { refuses } from '../../contracts/refuses.ts';
import { newDatabasePath } from '../../fakes/database.ts';
import { newHttpService } from '../../fakes/http-service.ts';
import { machineAdmin, newService } from '../../fakes/key-service.ts';

async function entries(audit: Audit, query: AuditQuery = {}): Promise<AuditEntry[]> {
  const all: AuditEntry[] = [];
  for await (const page of allEntries(audit, query)) all.push(...page);
  return all;
}

async function check(audit: Audit) {
  const rows = (after = 0) => allEntries(audit, { order: 'oldest', after });
  return checkChain(rows(), { head: () => audit.head(), after: rows, checkpoints: [] });
}

function auditOf({ audit }: { audit?: Audit }): Audit {
  if (!audit) throw new Error('no audit log');
  return audit;
}

/** What a log says in short. */
function told(rows: readonly AuditEntry[]): string[] {
  return rows.map(({ actor, agent, action, outcome }) => `${actor}/${agent} ${action} ${outcome}`);
}

test('KubeVision: each request with a key is recorded under the name of its owner, with the name of the key as agent', async () => {
  const { ask, mint, admin } = await newHttpService();
  const { id, secret } = await mint({ name: 'ci', owner: 'carol', namespace: 'team', roles: ['owner'] });
  const other = await mint({ name: 'app', owner: 'dave', namespace: 'team' });
  const headers = { 'x-request-id': 'req-7' };
  await ask('GET /v1/keys', { secret });
  await ask(`POST /v1/keys/${other.id}/disable`, { secret, headers });
  await ask(`POST /v1/keys/${other.id}/disable`, { secret });
  await ask('POST /v1/keys', { secret, body: { name: 'new', namespace: 'elsewhere' } });
  await ask('POST /v1/keys', { secret, body: { name: 'app', roles: ['viewer'] } });
  await ask('POST /v1/verify', { secret: null, body: { secret } });
  const rows = await entries(auditOf(admin), { actor: 'carol', order: 'oldest' });
  // A change is in the log when it is answered, all else within a second.
  expect(told(rows)).toEqual([
    'carol/ci disable done',
    'carol/ci list done',
    'carol/ci disable done',
    'carol/ci create refused',
    'carol/ci create failed',
    'carol/ci verify done',
  ]);
  expect(rows[0]).toMatchObject({ target: other.id, requestId: 'req-7', address: '127.0.0.1' });
  expect(rows.at(-1)).toMatchObject({ target: id, details: {} });
});

test('refused requests are recorded, and neither a secret nor an address that may be one is', async () => {
  const { ask, admin, mint } = await newHttpService();
  const { secret } = await mint({ name: 'viewer', owner: 'carol', roles: ['viewer'] });
  const typed = 'keys_0123456789abcdefghijklmnopqrstuvwxyz';
  expect((await ask('GET /v1/keys', { secret: null })).status).toBe(401);
  expect((await ask(`GET /v1/keys/${typed}`, { secret: typed })).status).toBe(401);
  expect((await ask('GET /v1/audit', { secret })).status).toBe(403);
  expect((await ask('GET /v1/audit?after=7', { secret })).status).toBe(403);
  expect((await ask('GET /v1/audit/head', { secret })).status).toBe(403);
  expect((await ask('POST /v1/verify', { secret: null, body: { secret: typed } })).status).toBe(200);
  const rows = await entries(auditOf(admin), { outcome: 'refused', order: 'oldest' });
  expect(told(rows)).toEqual([
    'null/null list refused',
    'null/null show refused',
    'carol/viewer audit refused',
    'carol/viewer audit refused',
    'carol/viewer audit_head refused',
    'null/null verify refused',
  ]);
  expect(rows.map(({ details }) => details)).toEqual([
    { status: 401 },
    { status: 401 },
    { status: 403 },
    { status: 403 },
    { status: 403 },
    { reason: 'unknown' },
  ]);
  expect(JSON.stringify(await entries(auditOf(admin)))).not.toContain(typed);
});

test('two equal changes in one moment are both recorded, also the one that found it done', async () => {
  const { ask, admin, mint } = await newHttpService();
  const { id } = await mint();
  await admin.users.create({ name: 'erin' });
  for (const path of [`keys/${id}/disable`, `keys/${id}/revoke`, 'users/erin/disable']) {
    const answers = await Promise.all([1, 2].map(() => ask(`POST /v1/${path}`)));
    expect(answers.map(({ status }) => status < 300)).toEqual([true, true]);
  }
  for (const action of ['acknowledge', 'cancel']) {
    const headers = { 'idempotency-key': newIdempotencyKey() };
    if (action === 'acknowledge') await ask('POST /v1/keys', { headers, body: { name: 'minted' } });
    const answers = await Promise.all([1, 2].map(() => ask(`POST /v1/mint/${action}`, { headers })));
    expect(answers.map(({ status }) => status)).toEqual([204, 204]);
  }
  const opened = (await ask('POST /v1/sessions')).body as { accessToken: string };
  const logout = () => ask('DELETE /v1/sessions/current', { secret: opened.accessToken });
  expect((await Promise.all([logout(), logout()])).map(({ status }) => status)).toEqual([204, 204]);
  const rows = await entries(auditOf(admin));
  const times = (action: string) => rows.filter((row) => row.action === action).length;
  const actions = ['disable', 'revoke', 'user.disable', 'acknowledge', 'cancel', 'logout'];
  expect(actions.map(times)).toEqual(actions.map(() => 2));
});

test('times in the details of a row are told as everywhere else', async () => {
  const { ask, admin } = await newHttpService();
  const [first, second] = ['2030-01-01T00:00:00.000Z', '2031-01-01T00:00:00.000Z'];
  const { body } = await ask('POST /v1/keys', { body: { name: 'a', expiresAt: first } });
  const { id } = (body as { key: { id: string } }).key;
  await ask(`PATCH /v1/keys/${id}`, { body: { expiresAt: second } });
  await ask(`POST /v1/keys/${id}/regenerate`, { body: { graceMs: 60_000 } });
  const rows = await entries(auditOf(admin), { key: id, order: 'oldest' });
  expect(rows.map(({ details }) => details.expiresAt ?? details.oldEndsAt)).toEqual([
    first,
    second,
    expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
  ]);
});

test('logins are recorded, good and bad ones, in the name of a user that there is, and never a password', async () => {
  const { ask, admin } = await newHttpService();
  const password = 'correct horse battery staple';
  expect((await ask('POST /v1/users', { body: { name: 'erin', password } })).status).toBe(201);
  const login = async (user: string, given: string) =>
    (await ask('POST /v1/sessions', { secret: null, body: { user, password: given } })).status;
  expect(await login('erin', password)).toBe(201);
  expect(await login('erin', 'wrong-password-typed')).toBe(401);
  expect(await login('my-password-in-the-wrong-field', 'x')).toBe(401);
  const rows = await entries(auditOf(admin), { action: 'login', order: 'oldest' });
  expect(told(rows)).toEqual(['erin/null login done', 'erin/null login refused', 'null/null login refused']);
  expect(rows.map(({ address }) => address)).toEqual(Array(3).fill('127.0.0.1'));
  const everything = JSON.stringify(await entries(auditOf(admin)));
  for (const typed of [password, 'wrong-password', 'my-password']) expect(everything).not.toContain(typed);
});

test('what becomes of a session is recorded: login, step-up, renewal, the use of a copy, logout', async () => {
  const { ask, admin } = await newHttpService();
  const password = 'correct horse battery staple';
  await admin.users.create({ name: 'erin', password: new Secret(password) });
  const login = async () => {
    const { body } = await ask('POST /v1/sessions', { secret: null, body: { user: 'erin', password } });
    return body as { accessToken: string; refreshToken: string };
  };
  const { accessToken: secret, refreshToken } = await login();
  expect((await ask('POST /v1/sessions/step-up', { secret, body: { password } })).status).toBe(200);
  const renew = () => ask('POST /v1/sessions/refresh', { secret: null, body: { refreshToken } });
  expect([(await renew()).status, (await renew()).status]).toEqual([200, 401]);
  const second = await login();
  expect((await ask('DELETE /v1/sessions/current', { secret: second.accessToken })).status).toBe(204);
  const rows = await entries(auditOf(admin), { actor: 'erin', order: 'oldest' });
  expect(told(rows)).toEqual([
    'erin/null login done',
    'erin/null step_up done',
    'erin/null session.renew done',
    'erin/null session.reuse done',
    'erin/null login done',
    'erin/null logout done',
  ]);
  expect(new Set(rows.slice(0, 4).map(({ target }) => target)).size).toBe(1);
});

test('what becomes of a session that a key opened is recorded with the name of the key', async () => {
  const { ask, mint, admin } = await newHttpService();
  const key = await mint({ name: 'robot', owner: 'ann', roles: ['viewer'] });
  const opened = await ask('POST /v1/sessions', { secret: key.secret });
  const { refreshToken } = opened.body as { refreshToken: string };
  const renewed = await ask('POST /v1/sessions/refresh', { body: { refreshToken }, secret: null });
  const { accessToken } = renewed.body as { accessToken: string };
  await ask('DELETE /v1/sessions/current', { secret: accessToken });
  const { entries } = await admin.audit.list({ actor: 'ann', order: 'oldest' });
  expect(entries.map(({ action, agent }) => [action, agent])).toEqual([
    ['login', 'robot'],
    ['session.renew', 'robot'],
    ['logout', 'robot'],
  ]);
});

test('every change of users, namespaces and roles has its row, none of them a password, and a refused change has none', async () => {
  const { admin } = await newService();
  const { users, namespaces, roles } = admin;
  const { seq: after } = await admin.audit.head();
  const passwords = ['correct horse battery', 'something new'];
  const [first, second] = passwords.map((each) => new Secret(each));
  await users.create({ name: 'erin', password: first });
  await refuses('conflict', users.create({ name: 'erin' }));
  await namespaces.create({ name: 'team', quota: 3 });
  await refuses('conflict', namespaces.create({ name: 'team' }));
  await namespaces.edit('team', { quota: 5, recoverable: true });
  await namespaces.edit('team', {});
  await roles.create({ name: 'deployer', permissions: ['builds.view'] });
  await refuses('conflict', roles.create({ name: 'deployer', permissions: [] }));
  await roles.edit('deployer', { permissions: ['builds.run'] });
  await refuses('not_found', roles.edit('nobody', { permissions: [] }));
  await users.join('erin', { namespace: 'team', role: 'viewer' });
  await refuses('not_found', users.join('erin', { namespace: 'nowhere', role: 'viewer' }));
  await users.leave('erin', 'team');
  await users.leave('erin', 'team');
  await users.edit('erin', { password: second });
  await refuses('changed', users.edit('erin', { role: 'admin' }, '1'));
  for (const _time of ['once', 'again']) await users.disable('erin');
  for (const _time of ['once', 'again']) await users.enable('erin');
  const rows = await entries(admin.audit, { after, order: 'oldest' });
  expect(rows.map(({ action, target, details }) => [action, target, details])).toEqual([
    ['user.create', 'erin', { role: 'member', memberships: [] }],
    ['namespace.create', 'team', { quota: 3, recoverable: false }],
    ['namespace.edit', 'team', { quota: 5, recoverable: true }],
    ['role.create', 'deployer', { permissions: ['builds.view'] }],
    ['role.edit', 'deployer', { permissions: ['builds.run'] }],
    ['user.join', 'erin', { namespace: 'team', role: 'viewer' }],
    ['user.leave', 'erin', { namespace: 'team' }],
    ['user.edit', 'erin', { password: 'changed' }],
    ['user.disable', 'erin', { disabledAt: expect.stringMatching(/Z$/) }],
    ['user.enable', 'erin', { disabledAt: null }],
  ]);
  for (const each of [...passwords, 'scrypt']) expect(JSON.stringify(rows)).not.toContain(each);
});

test('every request has a name of its own in the log', async () => {
  const { ask, admin, server } = await newHttpService();
  const { body } = await ask('GET /openapi.json', { secret: null });
  const { paths } = body as { paths: Record<string, Record<string, { security?: unknown[] }>> };
  for (const [path, methods] of Object.entries(paths)) {
    for (const [method, { security }] of Object.entries(methods)) {
      if (security?.length === 0) continue;
      await ask(`${method.toUpperCase()} ${path.replaceAll(/\{\w+\}/g, 'x')}`, { secret: 'wrong' });
    }
  }
  await server.inject({ method: 'HEAD', url: '/v1/keys' });
  const refused = await entries(auditOf(admin), { outcome: 'refused' });
  expect(refused.length).toBeGreaterThan(10);
  expect(refused.filter(({ action }) => /[/ ]/.test(action))).toEqual([]);
});

test('a verify is recorded as what the key did, also when the answer tells nothing about the key', async () => {
  const { admin, service } = await newService();
  const { key, secret } = await admin.create({ name: 'app', owner: 'dave' });
  const anybody = service.as(null);
  await anybody.verify(secret);
  await admin.disable(key.id);
  await anybody.verify(secret);
  await admin.revoke(key.id);
  expect((await anybody.verify(secret)).key).toBeNull();
  await anybody.verify(new Secret('nonsense'));
  const rows = await entries(auditOf(admin), { action: 'verify', order: 'oldest' });
  expect(
    rows.map(({ actor, agent, target, outcome, details }) => [actor, agent, target, outcome, details]),
  ).toEqual([
    ['dave', 'app', key.id, 'done', {}],
    ['dave', 'app', key.id, 'refused', { reason: 'disabled' }],
    ['dave', 'app', key.id, 'refused', { reason: 'revoked' }],
    [null, null, null, 'refused', { reason: 'unknown' }],
  ]);
});

test('what changes a mint is recorded once: cancel, first use, acknowledge, settle, replay', async () => {
  const { admin, service } = await newService();
  const { minting } = admin;
  if (!minting) throw new Error('no minting');
  const ids = Array.from({ length: 3 }, (_, n) => `idempotency-key-number-${n}`);
  const [first = '', second = '', third = ''] = ids;
  await minting.cancel(first);
  await minting.cancel(first);
  const made = await admin.create({ name: 'app' }, { idempotencyKey: second });
  await admin.create({ name: 'app' }, { idempotencyKey: second });
  await service.as(null).verify(made.secret);
  await service.as(null).verify(made.secret);
  await admin.regenerate(made.key.id, { overlap: true, idempotencyKey: third });
  await minting.acknowledge(third);
  await minting.acknowledge(third);
  await minting.settle(third, { keep: 'new' });
  await minting.settle(third, { keep: 'new' });
  const all = await entries(auditOf(admin), { order: 'oldest' });
  const rows = all.filter(({ action }) => action !== 'user.create');
  const counts = Object.entries(Object.groupBy(rows, ({ action }) => action));
  expect(Object.fromEntries(counts.map(([action, of]) => [action, of?.length]))).toEqual({
    ...{ cancel: 1, create: 1, replay: 1, first_use: 1, verify: 2, regenerate: 1, acknowledge: 1, settle: 1 },
  });
  expect(JSON.stringify(rows)).not.toContain(made.secret.reveal());
});

test('a verify is answered while the database takes no audit rows, and its row is there afterwards', async () => {
  const store = await openSqlite(newDatabasePath());
  const gate = Promise.withResolvers<void>();
  const held = {
    ...store,
    appendAudit: (rows: readonly AuditRow[]) => gate.promise.then(() => store.appendAudit(rows)),
  };
  const service = createService({ store: held, now: Date.now });
  const admin = service.as(machineAdmin);
  const { secret } = await admin.create({ name: 'app' });
  const { seq } = await store.auditHead();
  // More than a batch, so that one is on its way.
  for (let n = 0; n < 1_200; n++) expect((await service.as(null).verify(secret)).valid).toBe(true);
  expect((await store.auditHead()).seq).toBe(seq);
  gate.resolve();
  expect(await entries(admin.audit, { action: 'verify' })).toHaveLength(1_200);
  await service.close();
});

test('nothing is lost on a clean stop', async () => {
  const path = newDatabasePath();
  const service = createService({ store: await openSqlite(path), now: Date.now });
  const { secret } = await service.as(machineAdmin).create({ name: 'app' });
  for (let n = 0; n < 777; n++) await service.as(null).verify(secret);
  await service.close();
  const db = new DatabaseSync(path, { readOnly: true });
  expect(db.prepare("SELECT count(*) AS n FROM audit_log WHERE action = 'verify'").get()?.n).toBe(777);
  db.close();
});

test('a stop that cannot write what was recorded says so', async () => {
  const store = await openSqlite(newDatabasePath());
  const full = { ...store, appendAudit: () => Promise.reject(new Error('disk full')) };
  const service = createService({ store: full, now: Date.now });
  await service.as(null).verify(new Secret('x'));
  await expect(service.close()).rejects.toThrow('disk full');
});

describe('reading the log', () => {
  async function filled() {
    const world = await newService();
    const { admin, clock } = world;
    const ids: string[] = [];
    const { seq: before } = await auditOf(admin).head();
    for (let n = 0; n < 30; n++) {
      clock.now += 3_600_000;
      ids.push((await admin.create({ name: `key-${n}`, owner: n % 2 ? 'alice' : 'bob' })).key.id);
    }
    return { ...world, audit: auditOf(admin), ids, before };
  }

  test('newest or oldest first, in pages, every row once', async () => {
    const { audit, before } = await filled();
    const newest = await entries(audit, { pageSize: 7 });
    const oldest = await entries(audit, { pageSize: 7, order: 'oldest' });
    expect(newest).toHaveLength(before + 30);
    expect(newest.map(({ seq }) => seq)).toEqual(oldest.map(({ seq }) => seq).reverse());
  });

  test('only what was asked for: since, until, key, action, outcome, after', async () => {
    const { audit, ids, admin, clock, before } = await filled();
    const seqs = async (query: AuditQuery) => (await entries(audit, query)).map(({ seq }) => seq - before);
    const time = (hours: number) => new Date(clock.now - hours * 3_600_000).toISOString();
    expect(await seqs({ since: time(2) })).toEqual([30, 29, 28]);
    expect(await seqs({ until: time(27), action: 'create', order: 'oldest' })).toEqual([1, 2]);
    expect(await seqs({ since: time(5), until: time(3) })).toEqual([26, 25]);
    expect(await seqs({ key: 'key-4' })).toEqual([5]);
    expect(await seqs({ key: ids[4] })).toEqual([5]);
    expect(await seqs({ action: 'edit' })).toEqual([]);
    expect(await seqs({ outcome: 'refused' })).toEqual([]);
    expect(await seqs({ after: before + 28, order: 'oldest' })).toEqual([29, 30]);
    expect(await seqs({ actor: 'root', since: time(1) })).toEqual([30, 29]);
    expect(await seqs({ actor: 'somebody' })).toEqual([]);
    await refuses('invalid', auditOf(admin).list({ since: 'yesterday' }));
    await refuses('invalid', auditOf(admin).list({ cursor: 'x' }));
  });

  test('a page looks through 10,000 rows at most, and the next goes on', async () => {
    const { admin, service } = await newService();
    const { secret } = await admin.create({ name: 'app' });
    for (let n = 0; n < 10_500; n++) {
      await service.as(null).verify(secret);
      if (n % 5_000 === 0) await auditOf(admin).head();
    }
    const page = await auditOf(admin).list({ action: 'create' });
    expect(page).toMatchObject({ entries: [] });
    expect(page.nextCursor).not.toBeNull();
    expect(await entries(auditOf(admin), { action: 'create' })).toHaveLength(1);
    expect(await entries(auditOf(admin), { action: 'create', order: 'oldest' })).toHaveLength(1);
  });

  test('only those read it who may read all namespaces', async () => {
    const { as, service } = await newService();
    for (const key of [{ roles: ['owner'] }, { roles: ['viewer'] }, {}, { permissions: ['audit.view'] }]) {
      const caller = await as(key);
      await refuses('forbidden', auditOf(caller).list({}));
      await refuses('forbidden', auditOf(caller).head());
    }
    await refuses('unauthenticated', auditOf(service.as(null)).list({}));
    expect((await auditOf(await as({ roles: ['admin'] })).head()).seq).toBeGreaterThan(0);
  });
});

describe('the chain in a database', () => {
  async function world() {
    const { admin, databasePath, service } = await newService();
    const { secret } = await admin.create({ name: 'app', labels: { team: 'wéb 😀' } });
    for (let n = 0; n < 200; n++) await service.as(null).verify(secret);
    const audit = auditOf(admin);
    const whole = await check(audit);
    const db = new DatabaseSync(databasePath);
    const sql = (text: string, ...values: SQLInputValue[]) => void db.prepare(text).run(...values);
    return { audit, whole, sql };
  }

  test('is whole as it was written', async () => {
    const { audit, whole } = await world();
    const last = await audit.head();
    expect(whole).toEqual({ rows: last.seq, last, broken: null });
  });

  const changes: Record<string, SQLInputValue> = {
    time: 9_007_199_254_740_993n,
    actor: 'somebody',
    agent: null,
    action: 'create',
    target: 'key_0000000000000000',
    outcome: 'nonsense',
    address: '\u001b[31m',
    request_id: 'r',
    details: 'no JSON',
    hash: null,
  };
  for (const [column, value] of Object.entries(changes)) {
    test(`is found broken where ${column} was changed, whatever to, and can still be read`, async () => {
      const { audit, sql } = await world();
      sql(`UPDATE audit_log SET ${column} = ? WHERE seq = 100`, value);
      expect((await check(audit)).broken?.seq).toBe(100);
    });
  }

  test('is found broken where rows were deleted, swapped or added, or the head was moved', async () => {
    const deleted = await world();
    deleted.sql('DELETE FROM audit_log WHERE seq = 42');
    expect((await check(deleted.audit)).broken?.seq).toBe(42);
    const swapped = await world();
    swapped.sql('UPDATE audit_log SET seq = 100000 WHERE seq = 42');
    swapped.sql('UPDATE audit_log SET seq = 42 WHERE seq = 43');
    swapped.sql('UPDATE audit_log SET seq = 43 WHERE seq = 100000');
    expect((await check(swapped.audit)).broken?.seq).toBe(42);
    const added = await world();
    const { rows } = added.whole;
    added.sql(
      `INSERT INTO audit_log SELECT seq + 1, time, actor, agent, action, target, outcome, address, request_id, details, hash
       FROM audit_log WHERE seq = ?`,
      rows,
    );
    expect((await check(added.audit)).broken?.seq).toBe(rows + 1);
    // However far away: nobody goes through all that is missing before it.
    for (const seq of [20_000n, 8_000_000_000_000_000n, 9_223_372_036_854_775_807n]) {
      const far = await world();
      far.sql('UPDATE audit_log SET seq = ? WHERE seq = 150', seq);
      expect((await check(far.audit)).broken?.seq).toBe(150);
      const beyond = await world();
      const { rows: last } = beyond.whole;
      beyond.sql(
        `INSERT INTO audit_log SELECT ?, time, actor, agent, action, target, outcome, address, request_id, details, hash
         FROM audit_log WHERE seq = ?`,
        ...[seq, last],
      );
      expect((await check(beyond.audit)).broken?.seq).toBe(last + 1);
      const newestFirst = await entries(beyond.audit, {});
      expect(newestFirst).toHaveLength(last + 1);
    }
    // Before the first as well.
    for (const seq of [0n, -1n, -9_223_372_036_854_775_808n]) {
      const before = await world();
      before.sql(
        `INSERT INTO audit_log SELECT ?, time, actor, agent, action, target, outcome, address, request_id, details, hash
         FROM audit_log WHERE seq = 2`,
        seq,
      );
      expect((await check(before.audit)).broken?.seq).toBe(1);
      expect(await entries(before.audit, {})).toHaveLength(before.whole.rows + 1);
    }
    const cut = await world();
    cut.sql('DELETE FROM audit_log WHERE seq > 150');
    expect((await check(cut.audit)).broken?.seq).toBe(151);
    const moved = await world();
    moved.sql('UPDATE audit_head SET seq = 150, hash = (SELECT hash FROM audit_log WHERE seq = 150)');
    expect((await check(moved.audit)).broken?.seq).toBe(moved.whole.rows);
    moved.sql('UPDATE audit_head SET seq = ?', 9_223_372_036_854_775_807n);
    expect((await check(moved.audit)).broken?.seq).toBe(moved.whole.rows + 1);
  });

  test('begins with the rows that were there before it', async () => {
    const { audit, whole, sql } = await world();
    sql('UPDATE audit_log SET hash = NULL');
    sql('UPDATE audit_head SET hash = NULL');
    expect(await check(audit)).toEqual(whole);
  });

  test('of a log without rows has a head, too', async () => {
    const service = createService({ store: await openSqlite(newDatabasePath()), now: Date.now });
    onTestFinished(() => service.close());
    const { audit } = service.as(machineAdmin);
    expect(await audit.head()).toEqual(chainStart);
    expect(await check(audit)).toEqual({ rows: 0, last: chainStart, broken: null });
  });
});
