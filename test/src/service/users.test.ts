/** Users, memberships, roles and sessions over HTTP, each outcome named by its status. */
import { DatabaseSync } from 'node:sqlite';
import { expect, onTestFinished, test } from 'vitest';
import { Secret } from '../../../src/secret.ts';
import { migrations } from '../../../src/service/migrations/index.ts';
import { createService } from '../../../src/service/service.ts';
import { openSqlite } from '../../../src/service/sqlite.ts';
import { sqliteDialect } from '../../../src/service/sqlite-dialect.ts';
import { createThrottle } from '../../../src/service/throttle.ts';
import type { User } from '../../../src/users.ts';
import { refuses } from '../../contracts/refuses.ts';
import { newDatabasePath } from '../../fakes/database.ts';
import { type HttpService, newHttpService } from '../../fakes/http-service.ts';
import { machineAdmin } from '../../fakes/key-service.ts';

interface Tokens {
  accessToken: string;
  refreshToken: string;
  expiresAt: string;
}

const password = 'correct horse battery';

async function login({ ask }: HttpService, user: string): Promise<Tokens> {
  const answer = await ask('POST /v1/sessions', { body: { user, password }, secret: null });
  expect(answer.status).toBe(201);
  return answer.body as Tokens;
}

/** `erin` owns the namespace `team`; `root` is an admin with a password; `frank` may do nothing. */
async function newTeam(): Promise<HttpService> {
  const service = await newHttpService();
  const { admin } = service;
  await admin.namespaces.create({ name: 'team' });
  const given = { password: new Secret(password) };
  await admin.users.create({ name: 'erin', ...given, memberships: [{ namespace: 'team', role: 'owner' }] });
  await admin.users.create({ name: 'frank', ...given });
  await admin.users.create({ name: 'boss', role: 'admin', ...given });
  return service;
}

test('POST /v1/sessions: 201 for the right password, the same 401 for a wrong one, no user and a disabled one', async () => {
  const team = await newTeam();
  const { accessToken } = await login(team, 'erin');
  expect(await team.ask('GET /v1/whoami', { secret: accessToken })).toMatchObject({
    status: 200,
    body: { id: null, name: 'erin', owner: 'erin', namespace: 'team', roles: ['owner'] },
  });
  await team.admin.users.disable('frank');
  const said = [];
  for (const body of [
    { user: 'erin', password: 'wrong' },
    { user: 'nobody', password },
    { user: 'frank', password },
    { user: 'alice', password },
  ]) {
    const answer = await team.ask('POST /v1/sessions', { body, secret: null });
    expect(answer.status).toBe(401);
    said.push({ ...(answer.body as object), requestId: null });
  }
  expect(new Set(said.map((each) => JSON.stringify(each))).size).toBe(1);
});

test('POST /v1/sessions: 429 after five wrong passwords from one address, also for the right one, until time has passed', async () => {
  const team = await newTeam();
  const attempt = (given: string) =>
    team.ask('POST /v1/sessions', { body: { user: 'erin', password: given }, secret: null });
  for (let i = 0; i < 5; i++) expect((await attempt('wrong')).status).toBe(401);
  const refused = await attempt(password);
  expect(refused.status).toBe(429);
  expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
  team.clock.now += 2_000;
  expect((await attempt(password)).status).toBe(201);
});

test('POST /v1/sessions: 400 for a name longer than any user has, which is not remembered', async () => {
  const { ask } = await newHttpService();
  const statusOf = async (user: string) =>
    (await ask('POST /v1/sessions', { body: { user, password }, secret: null })).status;
  expect(await statusOf('😀'.repeat(128))).toBe(401);
  for (let n = 0; n < 10; n++) expect(await statusOf('x'.repeat(257))).toBe(400);
});

test('POST /v1/sessions by a key: 201, acts as the key does and ends with it', async () => {
  const team = await newTeam();
  const key = await team.mint({ name: 'reader', namespace: 'team', owner: 'erin', roles: ['viewer'] });
  const { body, status } = await team.ask('POST /v1/sessions', { secret: key.secret });
  expect(status).toBe(201);
  const { accessToken, refreshToken } = body as Tokens;
  expect((await team.ask('GET /v1/keys?namespace=team', { secret: accessToken })).status).toBe(200);
  const wanted = { name: 'x', namespace: 'team', roles: ['viewer'] };
  expect((await team.ask('POST /v1/keys', { body: wanted, secret: accessToken })).status).toBe(403);
  await team.admin.revoke(key.id);
  expect((await team.ask('GET /v1/whoami', { secret: accessToken })).status).toBe(401);
  const again = await team.ask('POST /v1/sessions/refresh', { body: { refreshToken }, secret: null });
  expect(again.status).toBe(401);
});

test('a session that a key opened ends with the secret that opened it, not with the next one', async () => {
  const team = await newTeam();
  const { key, secret } = await team.admin.create({ name: 'leaked', owner: 'erin', roles: ['viewer'] });
  const open = async (by: Secret) =>
    (await team.ask('POST /v1/sessions', { secret: by.reveal() })).body as Tokens;
  const isGood = async ({ accessToken }: Tokens) =>
    (await team.ask('GET /v1/whoami', { secret: accessToken })).status === 200;
  const renewed = async ({ refreshToken }: Tokens) =>
    (await team.ask('POST /v1/sessions/refresh', { secret: null, body: { refreshToken } })).status;
  const stolen = await open(secret);
  expect(await isGood(stolen)).toBe(true);
  const second = await team.admin.regenerate(key.id);
  expect(await isGood(stolen)).toBe(false);
  expect(await renewed(stolen)).toBe(401);
  const inGrace = await open(second.secret);
  const third = await team.admin.regenerate(key.id, { graceMs: 60_000 });
  const later = await open(third.secret);
  expect([await isGood(inGrace), await isGood(later)]).toEqual([true, true]);
  team.clock.now += 60_000;
  expect([await isGood(inGrace), await isGood(later)]).toEqual([false, true]);
  const idempotencyKey = 'a'.repeat(40);
  const fourth = await team.admin.regenerate(key.id, { overlap: true, idempotencyKey });
  const both = [later, await open(third.secret), await open(fourth.secret)];
  expect(await Promise.all(both.map(isGood))).toEqual([true, true, true]);
  await team.admin.minting.settle(idempotencyKey, { keep: 'new' });
  expect(await Promise.all(both.map(isGood))).toEqual([false, false, true]);
  expect(await Promise.all(both.map(renewed))).toEqual([401, 401, 200]);
});

test('a login is refused when the password is changed, or the user disabled, while it is checked', async () => {
  const store = await openSqlite(newDatabasePath());
  const admin = createService({ store, now: Date.now }).as(machineAdmin);
  await admin.users.create({ name: 'erin', password: new Secret(password) });
  const changes = [
    () => admin.users.edit('erin', { password: new Secret('something new') }),
    () => admin.users.disable('erin'),
  ];
  for (const change of changes) {
    const slow = {
      ...store,
      async findUser(name: string) {
        const row = await store.findUser(name);
        await change();
        return row;
      },
    };
    const { sessions } = createService({ store: slow, now: Date.now });
    const given = new Secret(changes.indexOf(change) === 0 ? password : 'something new');
    await refuses('unauthenticated', sessions.open('erin', given, { address: null, requestId: null }));
  }
  await store.close();
});

test('a user who was changed while a change was decided is not changed by it', async () => {
  const store = await openSqlite(newDatabasePath());
  const admin = createService({ store, now: Date.now }).as(machineAdmin);
  await admin.users.create({ name: 'erin' });
  const slow = {
    ...store,
    async findUser(name: string) {
      const row = await store.findUser(name);
      if (row?.version === 1) await admin.users.disable(name);
      return row;
    },
  };
  const { users } = createService({ store: slow, now: Date.now }).as(machineAdmin);
  await refuses('changed', users.edit('erin', { role: 'admin' }, '1'));
  expect(await users.get('erin')).toMatchObject({ role: 'member', status: 'disabled' });
  await store.close();
});

test('guesses are slowed down wherever the password is asked for, and all of an IPv6 network together', async () => {
  const team = await newTeam();
  const { accessToken } = await login(team, 'erin');
  const guess = (currentPassword: string) =>
    team.ask('PATCH /v1/users/erin', {
      secret: accessToken,
      body: { password: 'something new', currentPassword },
    });
  for (let i = 0; i < 5; i++) expect((await guess('wrong')).status).toBe(403);
  expect((await guess(password)).status).toBe(429);
  team.clock.now += 2_000;
  expect((await guess(password)).status).toBe(200);
  const throttle = createThrottle(() => 0);
  for (let i = 0; i < 50; i++) throttle.failed(`user-${i}`, `2001:db8::${i.toString(16)}`);
  expect(() => throttle.require('another', '2001:db8::ffff')).toThrow('too many wrong passwords');
  expect(() => throttle.require('another', '2001:db8:0:1::1')).not.toThrow();
});

test('POST /v1/sessions/refresh: 200 once; a second time ends the whole family', async () => {
  const team = await newTeam();
  const first = await login(team, 'erin');
  const refresh = ({ refreshToken }: Tokens) =>
    team.ask('POST /v1/sessions/refresh', { body: { refreshToken }, secret: null });
  const second = (await refresh(first)).body as Tokens;
  expect((await team.ask('GET /v1/whoami', { secret: second.accessToken })).status).toBe(200);
  expect((await refresh(first)).status).toBe(401);
  for (const { accessToken } of [first, second]) {
    expect((await team.ask('GET /v1/whoami', { secret: accessToken })).status).toBe(401);
  }
  expect((await refresh(second)).status).toBe(401);
  const other = await login(team, 'erin');
  expect((await team.ask('GET /v1/whoami', { secret: other.accessToken })).status).toBe(200);
});

test('a refresh token that was exchanged ends the session when it is used again, also after its own 30 days and a sweep', async () => {
  const team = await newTeam();
  const refresh = async ({ refreshToken }: Tokens) =>
    team.ask('POST /v1/sessions/refresh', { body: { refreshToken }, secret: null });
  const first = await login(team, 'erin');
  let tokens = first;
  for (const _renewal of [1, 2]) {
    team.clock.now += 20 * 86_400_000;
    tokens = (await refresh(tokens)).body as Tokens;
  }
  const store = await openSqlite(team.databasePath);
  await store.sweepSessions(team.clock.now);
  await store.close();
  expect((await refresh(first)).status).toBe(401);
  expect((await team.ask('GET /v1/whoami', { secret: tokens.accessToken })).status).toBe(401);
  expect((await refresh(tokens)).status).toBe(401);
});

test('what is over of a session is destroyed: tokens at their end, the session after its last one', async () => {
  const team = await newTeam();
  const store = await openSqlite(team.databasePath);
  const file = new DatabaseSync(team.databasePath);
  onTestFinished(async () => {
    file.close();
    await store.close();
  });
  const left = async (afterMs: number) => {
    await store.sweepSessions(begun + afterMs);
    const rows = (table: string) => file.prepare(`SELECT 1 FROM ${table}`).all().length;
    return [rows('session_tokens'), rows('sessions')];
  };
  const day = 86_400_000;
  const begun = team.clock.now;
  const renewed = async (refreshToken: string) =>
    (await team.ask('POST /v1/sessions/refresh', { body: { refreshToken }, secret: null })).body as Tokens;
  const first = await login(team, 'erin');
  expect(await left(15 * 60_000 - 1)).toEqual([2, 1]);
  expect(await left(15 * 60_000)).toEqual([1, 1]);
  team.clock.now = begun + 20 * day;
  const second = await renewed(first.refreshToken);
  // The one that was exchanged is remembered for as long as the session may go on.
  expect(await left(40 * day)).toEqual([2, 1]);
  team.clock.now = begun + 40 * day;
  const { accessToken: secret } = await renewed(second.refreshToken);
  expect((await team.ask('DELETE /v1/sessions/current', { secret })).status).toBe(204);
  expect(await left(45 * day)).toEqual([2, 1]);
  expect(await left(50 * day)).toEqual([1, 1]);
  expect(await left(70 * day)).toEqual([0, 1]);
  team.clock.now = begun + 89 * day;
  const last = await login(team, 'erin');
  expect(await left(90 * day)).toEqual([1, 1]);
  await renewed(last.refreshToken);
  expect(await left(178 * day)).toEqual([2, 1]);
  expect(await left(179 * day)).toEqual([0, 0]);
});

test('an access token ends after 15 minutes and brings no other, a refresh token is no credential', async () => {
  const team = await newTeam();
  const { accessToken, refreshToken, expiresAt } = await login(team, 'erin');
  expect(Date.parse(expiresAt) - team.clock.now).toBe(15 * 60_000);
  expect((await team.ask('GET /v1/whoami', { secret: refreshToken })).status).toBe(401);
  const body = { refreshToken: accessToken };
  expect((await team.ask('POST /v1/sessions/refresh', { body, secret: null })).status).toBe(401);
  // Else whoever has stolen one had sessions for ever.
  expect((await team.ask('POST /v1/sessions', { secret: accessToken })).status).toBe(403);
  expect((await team.ask('GET /v1/whoami', { secret: accessToken })).status).toBe(200);
  team.clock.now += 15 * 60_000;
  expect((await team.ask('GET /v1/whoami', { secret: accessToken })).status).toBe(401);
});

test('DELETE /v1/sessions/current: 204 and the session is over; 409 for a key', async () => {
  const team = await newTeam();
  const { accessToken } = await login(team, 'erin');
  expect((await team.ask('DELETE /v1/sessions/current', { secret: accessToken })).status).toBe(204);
  expect((await team.ask('GET /v1/whoami', { secret: accessToken })).status).toBe(401);
  expect((await team.ask('DELETE /v1/sessions/current')).status).toBe(409);
});

test('POST /v1/sessions/step-up: 200 with a token for five minutes, 401 for a wrong password, 403 for a key', async () => {
  const team = await newTeam();
  const { accessToken } = await login(team, 'erin');
  const ask = (given: string, secret: string) =>
    team.ask('POST /v1/sessions/step-up', { body: { password: given }, secret });
  expect((await ask('wrong', accessToken)).status).toBe(401);
  const { body, status } = await ask(password, accessToken);
  expect(status).toBe(200);
  const stepped = new Secret((body as Tokens).accessToken);
  expect(await team.service.authenticate(stepped)).toMatchObject({ steppedUp: true, owner: 'erin' });
  team.clock.now += 5 * 60_000;
  expect(await team.service.authenticate(stepped)).toBeNull();
  const key = await team.mint({ owner: 'erin' });
  expect((await ask(password, key.secret)).status).toBe(403);
});

test('no token outlives its session, which ends after 90 days however often it is renewed', async () => {
  const team = await newTeam();
  const begun = team.clock.now;
  let tokens = await login(team, 'erin');
  const minute = 60_000;
  const end = begun + 90 * 1_440 * minute;
  for (const at of [
    begun + 29 * 1_440 * minute,
    begun + 58 * 1_440 * minute,
    end - 29 * 1_440 * minute,
    end - 5 * minute,
  ]) {
    team.clock.now = at;
    const { body } = await team.ask('POST /v1/sessions/refresh', {
      body: { refreshToken: tokens.refreshToken },
      secret: null,
    });
    tokens = body as Tokens;
  }
  expect(Date.parse(tokens.expiresAt)).toBe(end);
  team.clock.now = end - 2 * minute;
  const { body } = await team.ask('POST /v1/sessions/step-up', {
    body: { password },
    secret: tokens.accessToken,
  });
  const stepped = new Secret((body as Tokens).accessToken);
  expect(await team.service.authenticate(stepped)).toMatchObject({ steppedUp: true });
  team.clock.now = end;
  expect(await team.service.authenticate(stepped)).toBeNull();
});

test('disabling a user stops keys and sessions at once; enabling brings the keys back and no session', async () => {
  const team = await newTeam();
  const { accessToken } = await login(team, 'erin');
  const key = await team.mint({ owner: 'erin', namespace: 'team', roles: ['viewer'] });
  const whoami = async (secret: string) => (await team.ask('GET /v1/whoami', { secret })).status;
  expect([await whoami(accessToken), await whoami(key.secret)]).toEqual([200, 200]);
  await team.admin.users.disable('erin');
  expect([await whoami(accessToken), await whoami(key.secret)]).toEqual([401, 401]);
  expect(await team.admin.verify(new Secret(key.secret))).toMatchObject({ valid: false, reason: 'disabled' });
  await refuses('conflict', team.admin.create({ name: 'late', owner: 'erin', roles: ['viewer'] }));
  await team.admin.users.enable('erin');
  expect([await whoami(accessToken), await whoami(key.secret)]).toEqual([401, 200]);
});

test('another password ends the sessions; changing the own one takes the current one', async () => {
  const team = await newTeam();
  const { accessToken } = await login(team, 'erin');
  const patch = (name: string, body: object, secret: string) =>
    team.ask(`PATCH /v1/users/${name}`, { body, secret });
  expect((await patch('erin', { password: 'something new' }, accessToken)).status).toBe(403);
  const changed = { password: 'something new', currentPassword: password };
  expect((await patch('erin', { ...changed, role: 'admin' }, accessToken)).status).toBe(403);
  expect((await patch('erin', { ...changed, password: null }, accessToken)).status).toBe(403);
  // Who has one of their keys is not at their keyboard.
  const { secret } = await team.mint({ owner: 'erin' });
  const { body } = await team.ask('POST /v1/sessions', { secret });
  for (const by of [secret, (body as Tokens).accessToken]) {
    expect((await patch('erin', changed, by)).status).toBe(403);
  }
  expect((await patch('erin', changed, accessToken)).status).toBe(200);
  expect((await team.ask('GET /v1/whoami', { secret: accessToken })).status).toBe(401);
});

test('the last active admin can be neither disabled nor demoted: 409', async () => {
  const team = await newTeam();
  expect((await team.ask('POST /v1/users/boss/disable')).status).toBe(200);
  expect((await team.ask('POST /v1/users/root/disable')).status).toBe(409);
  expect((await team.ask('PATCH /v1/users/root', { body: { role: 'member' } })).status).toBe(409);
  expect((await team.admin.users.get('root')).role).toBe('admin');
});

test('users: 201, 400, 404, 409 and 412', async () => {
  const { ask, admin } = await newTeam();
  const made = await ask('POST /v1/users', { body: { name: 'gil' } });
  expect(made).toMatchObject({ status: 201, headers: { location: '/v1/users/gil', etag: '"1"' } });
  expect((await ask('POST /v1/users', { body: { name: 'gil' } })).status).toBe(409);
  for (const body of [
    { name: '../x' },
    { name: '' },
    { name: 'h', password: 'short' },
    { name: 'h', isAdmin: true },
  ]) {
    expect((await ask('POST /v1/users', { body })).status).toBe(400);
  }
  const elsewhere = { name: 'h', memberships: [{ namespace: 'nowhere', role: 'viewer' }] };
  expect((await ask('POST /v1/users', { body: elsewhere })).status).toBe(404);
  expect((await ask('GET /v1/users/nobody')).status).toBe(404);
  const path = '/v1/users/gil/memberships';
  expect((await ask(`PUT ${path}/team`, { body: { role: 'emperor' } })).status).toBe(400);
  expect((await ask(`PUT ${path}/team`, { body: { role: 'admin' } })).status).toBe(400);
  expect((await ask(`PUT ${path}/nowhere`, { body: { role: 'viewer' } })).status).toBe(404);
  expect((await ask(`PUT ${path}/team`, { body: { role: 'viewer' } })).status).toBe(200);
  expect((await ask(`DELETE ${path}/team`)).status).toBe(200);
  const stale = { body: { role: 'admin' }, headers: { 'if-match': '"1"' } };
  expect((await ask('PATCH /v1/users/gil', stale)).status).toBe(412);
  expect((await admin.users.get('gil')).role).toBe('member');
});

test('a user whom somebody has changed meanwhile is neither disabled nor enabled, and a password of null is none', async () => {
  const { ask } = await newTeam();
  const made = await ask('POST /v1/users', { body: { name: 'gil', password: 'correct horse battery' } });
  const stale = { headers: { 'if-match': '"9"' } };
  const of = ({ headers }: typeof made) => ({ headers: { 'if-match': String(headers.etag) } });
  expect((await ask('POST /v1/users/gil/disable', stale)).status).toBe(412);
  const disabled = await ask('POST /v1/users/gil/disable', of(made));
  expect(disabled.status).toBe(200);
  expect((await ask('POST /v1/users/gil/enable', stale)).status).toBe(412);
  expect((await ask('POST /v1/users/gil/enable', of(disabled))).status).toBe(200);
  expect(made.body).toMatchObject({ hasPassword: true });
  const without = await ask('PATCH /v1/users/gil', { body: { password: null } });
  expect(without).toMatchObject({ status: 200, body: { hasPassword: false } });
});

const administration: [request: string, body: object | undefined][] = [
  ['POST /v1/users', { name: 'new' }],
  ['PATCH /v1/users/alice', { role: 'admin' }],
  ['PATCH /v1/users/SELF', { role: 'admin' }],
  ['POST /v1/users/alice/disable', undefined],
  ['POST /v1/users/alice/enable', undefined],
  ['PUT /v1/users/SELF/memberships/team', { role: 'owner' }],
  ['DELETE /v1/users/alice/memberships/team', undefined],
  ['POST /v1/namespaces', { name: 'new' }],
  ['PATCH /v1/namespaces/team', { quota: 99 }],
  ['POST /v1/roles', { name: 'new', permissions: ['*'] }],
  ['PATCH /v1/roles/viewer', { permissions: ['*'] }],
];

for (const [request, body] of administration) {
  test(`${request}: by nobody but an admin, whether by session or by key`, async () => {
    const team = await newTeam();
    const before = await team.admin.users.list();
    const secrets = {
      erin: [(await login(team, 'erin')).accessToken, (await team.mint({ owner: 'erin' })).secret],
      frank: [(await login(team, 'frank')).accessToken],
      keys: [
        (await team.mint({ owner: 'erin', namespace: 'team', roles: ['owner'] })).secret,
        (await team.mint({ owner: 'boss', type: 'view' })).secret,
      ],
    };
    for (const [who, each] of Object.entries(secrets)) {
      for (const secret of each) {
        const { status } = await team.ask(request.replace('SELF', who), { body, secret });
        expect([403, 404]).toContain(status);
      }
    }
    expect(await team.admin.users.list()).toEqual(before);
    const { accessToken } = await login(team, 'boss');
    const { status } = await team.ask(request.replace('SELF', 'frank'), { body, secret: accessToken });
    expect(status).toBe(
      request.endsWith('/v1/roles/viewer')
        ? 409
        : request.startsWith('POST') && !request.includes('alice')
          ? 201
          : 200,
    );
  });
}

test('a role in one namespace comes and goes without those in others', async () => {
  const { admin } = await newTeam();
  await admin.namespaces.create({ name: 'other' });
  await admin.users.join('erin', { namespace: 'other', role: 'viewer' });
  const { memberships } = await admin.users.join('erin', { namespace: 'other', role: 'editor' });
  expect(memberships).toEqual([
    { namespace: 'other', role: 'editor' },
    { namespace: 'team', role: 'owner' },
  ]);
  await admin.users.leave('erin', 'team');
  expect((await admin.users.get('erin')).memberships).toEqual([{ namespace: 'other', role: 'editor' }]);
});

test('a session that names no namespace works in default where its user may, or else in one of theirs', async () => {
  const team = await newTeam();
  await team.admin.users.join('boss', { namespace: 'team', role: 'viewer' });
  const identityOf = async (user: string) => {
    const { accessToken } = await login(team, user);
    return (await team.ask('GET /v1/whoami', { secret: accessToken })).body;
  };
  expect(await identityOf('boss')).toMatchObject({ namespace: 'default', roles: ['admin'] });
  expect(await identityOf('erin')).toMatchObject({ namespace: 'team', roles: ['owner'] });
  for (const namespace of ['default', 'alpha']) {
    await team.admin.namespaces.create({ name: namespace });
    await team.admin.users.join('erin', { namespace, role: 'viewer' });
  }
  expect(await identityOf('erin')).toMatchObject({ namespace: 'default', roles: ['viewer'] });
});

test('a member sees themself and their namespaces and nobody else', async () => {
  const team = await newTeam();
  const names = async (route: string, noun: string, secret: string) => {
    const { body } = await team.ask(`GET ${route}`, { secret });
    return (body as Record<string, { name: string }[]>)[noun]?.map(({ name }) => name);
  };
  const erin = (await login(team, 'erin')).accessToken;
  const frank = (await login(team, 'frank')).accessToken;
  expect(await names('/v1/users', 'users', erin)).toEqual(['erin']);
  expect(await names('/v1/namespaces', 'namespaces', erin)).toEqual(['team']);
  expect(await names('/v1/namespaces', 'namespaces', frank)).toEqual([]);
  expect((await team.ask('GET /v1/users/erin', { secret: erin })).status).toBe(200);
  expect((await team.ask('GET /v1/users/frank', { secret: erin })).status).toBe(404);
});

test('users whose keys were there before are members without a namespace, and their keys do as much as before', async () => {
  const path = newDatabasePath();
  const { mkdirSync } = await import('node:fs');
  const { dirname } = await import('node:path');
  mkdirSync(dirname(path), { recursive: true });
  const before = new DatabaseSync(path);
  const old = migrations.slice(0, 5);
  for (const step of old) before.exec(step(sqliteDialect));
  before.exec(`PRAGMA application_id = ${0x6b657973}; PRAGMA user_version = ${old.length}`);
  before.exec(`INSERT INTO namespaces (name, created_at) VALUES ('default', 1)`);
  const fields = `namespace, type, permissions, api_version, last_four, labels, created_at, created_by, version`;
  const values = `'default', 'manage', '[]', '2026-11-01', 'abcd', '{}', 7, 'root', 1`;
  const insert = `INSERT INTO keys (id, name, owner, roles, ${fields}) VALUES`;
  before.exec(`${insert} ('key_1', 'plain', 'alice', '[]', ${values})`);
  before.exec(`${insert} ('key_2', 'boss', 'alice', '["admin"]', ${values})`);
  before.exec(`${insert} ('key_3', 'nobodys', NULL, '["viewer"]', ${values})`);
  before.close();
  const store = await openSqlite(path);
  const service = createService({ store, now: Date.now });
  const admin = service.as(machineAdmin);
  expect(await admin.users.list()).toEqual([
    expect.objectContaining<Partial<User>>({ name: 'alice', role: 'member', memberships: [] }),
  ]);
  expect((await admin.list({ namespace: null })).keys.map(({ name }) => name)).toEqual([
    'nobodys',
    'boss',
    'plain',
  ]);
  expect(await store.findKey('key_3')).toMatchObject({ owner: null });
  expect((await admin.create({ name: 'new' })).key.owner).toBe('root');
  expect((await admin.users.get('root')).role).toBe('admin');
  await service.close();
});
