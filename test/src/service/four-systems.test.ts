/** The behaviour of four systems, cell by cell, on our own service: a test for each cell, named after it. */
import { hash, randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, expect, test, vi } from 'vitest';
import { Secret } from '../../../src/secret.ts';
import { parseMasterKeys } from '../../../src/service/master-keys.ts';
import { refuses } from '../../contracts/refuses.ts';
import { type HttpService, newHttpService } from '../../fakes/http-service.ts';
import { newService } from '../../fakes/key-service.ts';
import { listeningService } from '../../fakes/server.ts';
import { newHome } from '../../run.ts';

const password = 'correct horse battery';

async function login({ ask }: HttpService, user: string): Promise<string> {
  const { body } = await ask('POST /v1/sessions', { secret: null, body: { user, password } });
  return (body as { accessToken: string }).accessToken;
}

for (const system of ['CloudCasa', 'KubeVision', 'Ververica']) {
  test(`${system}: the secret is shown once, by nothing but the creation`, async () => {
    const { ask, admin } = await newHttpService();
    const { body } = await ask('POST /v1/keys', { body: { name: 'a', roles: ['viewer'] } });
    const { key, secret } = body as { key: { id: string }; secret: string };
    expect((await admin.verify(new Secret(secret))).valid).toBe(true);
    const later = [
      await ask(`GET /v1/keys/${key.id}`),
      await ask('GET /v1/keys?namespace=*'),
      await ask(`PATCH /v1/keys/${key.id}`, { body: { description: 'b' } }),
      await ask(`POST /v1/keys/${key.id}/disable`),
      await ask(`POST /v1/keys/${key.id}/enable`),
      await ask('GET /v1/audit'),
    ];
    for (const answer of later) {
      expect(answer.status).toBe(200);
      expect(answer.text).not.toContain(secret);
    }
    expect((await ask(`GET /v1/keys/${key.id}/secret`)).status).toBe(501);
  });
}

for (const system of ['Cluvio', 'CloudCasa', 'KubeVision', 'Ververica']) {
  test(`${system}: a key is revoked at once`, async () => {
    const { ask, admin, mint } = await newHttpService();
    const { id, secret } = await mint();
    expect((await ask('GET /v1/whoami', { secret })).status).toBe(200);
    expect((await ask(`POST /v1/keys/${id}/revoke`)).body).toMatchObject({ status: 'revoked' });
    expect((await ask('GET /v1/whoami', { secret })).status).toBe(401);
    expect((await admin.verify(new Secret(secret))).valid).toBe(false);
  });
}

for (const [system, scheme] of Object.entries({
  ...{ Cluvio: 'Bearer', CloudCasa: 'Bearer', KubeVision: 'ApiKey', Ververica: 'Bearer' },
})) {
  test(`${system}: the secret is sent as Authorization: ${scheme}`, async () => {
    const { ask, mint } = await newHttpService();
    const { id, secret } = await mint();
    const headers = { authorization: `${scheme} ${secret}` };
    expect(await ask('GET /v1/whoami', { secret: null, headers })).toMatchObject({
      status: 200,
      body: { id },
    });
  });
}

describe('Cluvio', () => {
  test('Cluvio: a key has a name, a type and an API version that are fixed, and permissions', async () => {
    const { admin } = await newService();
    const given = { name: 'bi', type: 'view', apiVersion: '2026-11-01', permissions: ['a.view'] } as const;
    const { key } = await admin.create({ ...given, permissions: [...given.permissions] });
    expect(key).toMatchObject(given);
    const changes = { type: 'manage', apiVersion: '2027-01-01' };
    const { ask } = await newHttpService();
    expect((await ask(`PATCH /v1/keys/${key.id}`, { body: changes })).status).toBe(400);
  });

  test('Cluvio: a View key holds view permissions only, and its owner being an admin gives it no more', async () => {
    const { admin, as } = await newService();
    await refuses('invalid', admin.create({ name: 'x', type: 'view', permissions: ['a.edit'] }));
    await admin.users.edit('carol', { role: 'admin' });
    const view = await as({ type: 'view' });
    expect((await view.list({ namespace: null })).keys.length).toBeGreaterThan(0);
    await refuses('forbidden', view.create({ name: 'y' }));
    const { acts } = await admin.verify(view.secret);
    expect(acts).toEqual({ namespace: null, roles: [], permissions: ['*.view', '*.read', '*.list'] });
  });

  test('Cluvio: a key acts with its own permissions', async () => {
    const { admin, as } = await newService();
    await admin.users.edit('carol', { role: 'admin' });
    const { secret } = await as({ permissions: ['dashboards.view'] });
    expect((await admin.verify(secret)).acts).toEqual({
      ...{ namespace: 'default', roles: [], permissions: ['dashboards.view'] },
    });
  });

  test('Cluvio: name and permissions are edited at once', async () => {
    const { admin } = await newService();
    const { key, secret } = await admin.create({ name: 'a', permissions: ['a.view'] });
    await admin.edit(key.id, { name: 'b', permissions: ['b.view'] });
    expect(await admin.verify(secret)).toMatchObject({
      key: { name: 'b' },
      acts: { permissions: ['b.view'] },
    });
  });

  test('Cluvio: a key is deactivated and activated at once', async () => {
    const { admin } = await newService();
    const { key, secret } = await admin.create({ name: 'a' });
    await admin.disable(key.id);
    expect(await admin.verify(secret)).toMatchObject({ valid: false, reason: 'disabled' });
    await admin.enable(key.id);
    expect((await admin.verify(secret)).valid).toBe(true);
  });

  test('Cluvio: keys are not on the Free plan, and that has words of its own', async () => {
    const { admin } = await newService();
    await admin.namespaces.create({ name: 'free', quota: 0 });
    const attempt = admin.create({ name: 'a', namespace: 'free' });
    await expect(attempt).rejects.toThrow("API keys are not on the plan of the namespace 'free'");
    await refuses('quota_exceeded', attempt);
  });

  test('Cluvio: the secret, stored recoverable, is shown again after the password is typed again', async () => {
    const masterKeys = parseMasterKeys(randomBytes(32).toString('base64'), 'the test');
    const service = await newHttpService({ settings: { masterKeys } });
    const { admin, ask } = service;
    await admin.namespaces.create({ name: 'bi', recoverable: true });
    await admin.users.edit('ann', { password: new Secret(password) });
    const { key, secret } = await admin.create({
      name: 'a',
      namespace: 'bi',
      owner: 'ann',
      recoverable: true,
    });
    const session = await login(service, 'ann');
    expect((await ask(`GET /v1/keys/${key.id}/secret`, { secret: session })).status).toBe(403);
    const again = await ask('POST /v1/sessions/step-up', { secret: session, body: { password } });
    const { accessToken } = again.body as { accessToken: string };
    expect(await ask(`GET /v1/keys/${key.id}/secret`, { secret: accessToken })).toMatchObject({
      ...{ status: 200, body: { secret: secret.reveal() } },
    });
  });

  test('Cluvio: the list shows name, type and permissions', async () => {
    const { admin } = await newService();
    const given = { name: 'bi', type: 'view' as const, permissions: ['a.view'] };
    await admin.create(given);
    expect((await admin.list({})).keys).toEqual([expect.objectContaining(given)]);
  });
});

describe('CloudCasa', () => {
  test('CloudCasa: a key has a name, a description and one or more roles, and acts with them', async () => {
    const { admin } = await newService();
    await admin.roles.create({ name: 'backup-admin', permissions: ['backups.*'] });
    const given = { name: 'a', description: 'nightly', roles: ['viewer', 'backup-admin'] };
    const { key, secret } = await admin.create(given);
    expect(key).toMatchObject(given);
    expect((await admin.verify(secret)).acts).toEqual({
      namespace: 'default',
      roles: ['viewer', 'backup-admin'],
      permissions: ['*.view', '*.read', '*.list', 'backups.*'],
    });
    await admin.roles.edit('backup-admin', { permissions: ['backups.run'] });
    expect((await admin.verify(secret)).acts?.permissions).toContain('backups.run');
  });

  test('CloudCasa: the list shows name, description and the last four characters', async () => {
    const { admin } = await newService();
    const { secret } = await admin.create({ name: 'a', description: 'nightly' });
    const [key] = (await admin.list({})).keys;
    expect(key).toMatchObject({ name: 'a', description: 'nightly', lastFour: secret.reveal().slice(-4) });
  });

  test('CloudCasa: name, description and roles are edited', async () => {
    const { admin } = await newService();
    const { key } = await admin.create({ name: 'a', roles: ['viewer'] });
    const changes = { name: 'b', description: 'weekly', roles: ['editor'] };
    expect(await admin.edit(key.id, changes)).toMatchObject(changes);
  });

  test('CloudCasa: an admin administers, by default nobody else', async () => {
    const { admin, as } = await newService();
    const { key } = await admin.create({ name: 'a', roles: ['viewer'] });
    await refuses('not_found', (await as({})).revoke(key.id));
    await (await as({ roles: ['admin'] })).revoke(key.id);
  });

  test('CloudCasa: ten active keys in an organisation, over all of its namespaces', async () => {
    const { admin } = await newService({ totalQuota: 10 });
    for (let i = 0; i < 10; i++) await admin.create({ name: `k${i}`, namespace: i % 2 ? 'a' : 'b' });
    await refuses('quota_exceeded', admin.create({ name: 'k10', namespace: 'c' }));
    const all = await Promise.allSettled([1, 2].map((i) => admin.create({ name: `x${i}`, namespace: 'a' })));
    expect(all.every(({ status }) => status === 'rejected')).toBe(true);
  });

  test('CloudCasa: a service of the Free plan gives no keys at all, in words of its own', async () => {
    const { admin } = await newService({ totalQuota: 0 });
    await expect(admin.create({ name: 'a' })).rejects.toThrow('API keys are not on the plan of this service');
  });
});

describe('KubeVision', () => {
  test("KubeVision: a key acts with exactly the owning user's current role", async () => {
    const { admin, as } = await newService();
    await admin.namespaces.create({ name: 'team' });
    const { secret } = await as({ namespace: 'team' });
    const roles = async () => (await admin.verify(secret)).acts?.roles;
    expect(await roles()).toEqual([]);
    await admin.users.join('carol', { namespace: 'team', role: 'viewer' });
    expect(await roles()).toEqual(['viewer']);
    await admin.users.join('carol', { namespace: 'team', role: 'owner' });
    expect(await roles()).toEqual(['owner']);
    await admin.users.leave('carol', 'team');
    expect(await roles()).toEqual([]);
    await admin.users.edit('carol', { role: 'admin' });
    expect((await admin.verify(secret)).acts).toMatchObject({ namespace: null, roles: ['admin'] });
  });

  test('KubeVision: the user sees and revokes their own keys, an admin those of any user', async () => {
    const { admin, as, service } = await newService();
    const { key } = await admin.create({ name: 'bobs', owner: 'bob', roles: ['viewer'] });
    const carol = await as({});
    await refuses('not_found', carol.get(key.id));
    await refuses('not_found', carol.revoke(key.id));
    const { secret } = await admin.create({ name: 'bobs-too', owner: 'bob' });
    const bob = service.as(await service.authenticate(secret));
    expect((await bob.list({ namespace: null })).keys.map(({ owner }) => owner)).toEqual(['bob', 'bob']);
    await bob.revoke(key.id);
    expect((await admin.get(key.id)).status).toBe('revoked');
  });

  test('KubeVision: a user who is disabled stops with all keys', async () => {
    const { admin } = await newService();
    const { secret } = await admin.create({ name: 'b', owner: 'bob', roles: ['viewer'] });
    await admin.users.disable('bob');
    expect(await admin.verify(secret)).toMatchObject({ valid: false, reason: 'disabled' });
  });

  test('KubeVision: in-flight requests fail from the revoke on, also one whose body is still on its way', async () => {
    const { url, admin, mint } = await listeningService();
    const { id, secret } = await mint({ roles: ['owner'] });
    const { host, hostname, port } = new URL(url);
    const socket = connect(Number(port), hostname);
    const body = JSON.stringify({ name: 'late', roles: ['viewer'] });
    const head = `POST /v1/keys HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\nAuthorization: ApiKey ${secret}\r\n`;
    socket.write(`${head}Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`);
    // It is in flight when its credential has been looked at.
    await vi.waitUntil(async () => (await admin.get(id)).lastUsedAt !== null, 10_000);
    await admin.revoke(id);
    socket.write(body);
    expect(await text(socket)).toMatch(/^HTTP\/1.1 401 /);
    expect((await admin.list({})).keys).toEqual([]);
  });

  test('KubeVision: a key has a name and an optional expiry, and is good exactly until then', async () => {
    const { admin, clock } = await newService();
    expect((await admin.create({ name: 'for-ever' })).key.expiresAt).toBeNull();
    const expiresAt = new Date(clock.now + 60_000).toISOString();
    const { key, secret } = await admin.create({ name: 'for-a-minute', expiresAt });
    expect(key).toMatchObject({ name: 'for-a-minute', expiresAt });
    clock.now += 59_999;
    expect((await admin.verify(secret)).valid).toBe(true);
    clock.now += 1;
    expect(await admin.verify(secret)).toMatchObject({ valid: false, reason: 'expired' });
  });

  test('KubeVision: the list shows name and expiry, amber when it is near', async () => {
    const home = newHome();
    await home.keys('create soon --expires 13d -q');
    await home.keys('create later --expires 15d -q');
    const { stdout } = await home.keys('list', { terminal: true, env: { FORCE_COLOR: '1' } });
    const lineOf = (name: string) => stdout.split('\n').find((line) => line.includes(name));
    const amber = '\u001b[38;5;166m';
    expect(lineOf('soon')).toMatch(/in 1[23]d/);
    expect(lineOf('soon')).toContain(amber);
    expect(lineOf('later')).toMatch(/in 1[45]d/);
    expect(lineOf('later')).not.toContain(amber);
  });

  test("KubeVision: keys share their user's rate limit with each other and with the user's sessions", async () => {
    const service = await newHttpService({ settings: { rateLimit: { requests: 3, perSeconds: 60 } } });
    const { admin, ask, mint } = service;
    await admin.users.edit('ann', { password: new Secret(password) });
    const [one, two, other] = await Promise.all(['ann', 'ann', 'bob'].map((owner) => mint({ owner })));
    const session = await login(service, 'ann');
    const statuses = [];
    for (const secret of [session, one?.secret, two?.secret, session, two?.secret, other?.secret]) {
      statuses.push((await ask('GET /v1/whoami', { secret })).status);
    }
    expect(statuses).toEqual([200, 200, 200, 429, 429, 200]);
  });

  test('KubeVision: what is stored of a secret is its SHA-256 hash, its plain text never', async () => {
    const { admin, databasePath, service } = await newService();
    const { secret } = await admin.create({ name: 'a' });
    await admin.verify(secret);
    await service.close();
    const directory = dirname(databasePath);
    const files = readdirSync(directory).map((name) => readFileSync(join(directory, name)));
    expect(files.some((file) => file.includes(secret.reveal()))).toBe(false);
    expect(files.some((file) => file.includes(hash('sha256', secret.reveal(), 'buffer')))).toBe(true);
  });

  test("KubeVision: each request is recorded under the owner's name, with the key's name as agent", async () => {
    const { ask, mint, admin } = await newHttpService();
    const { secret } = await mint({ name: 'ci', owner: 'carol', roles: ['viewer'] });
    await ask('GET /v1/keys', { secret });
    await ask('POST /v1/keys', { secret, body: { name: 'x' } });
    const { entries } = await admin.audit.list({ actor: 'carol', order: 'oldest' });
    expect(entries.map(({ actor, agent, action }) => `${actor}/${agent} ${action}`)).toEqual([
      ...['carol/ci list', 'carol/ci create'],
    ]);
  });
});

describe('Ververica', () => {
  test('Ververica: a key has a name, a role, an optional expiry and a namespace; the list shows name and role', async () => {
    const { admin } = await newService();
    for (const role of ['viewer', 'editor', 'owner']) {
      const expiresAt = role === 'owner' ? '2099-01-01T00:00:00.000Z' : null;
      const given = { name: `deploy-${role}`, roles: [role], namespace: 'team' };
      const { key } = await admin.create({ ...given, ...(expiresAt ? { expiresAt } : {}) });
      expect(key).toMatchObject({ ...given, expiresAt });
    }
    const { keys } = await admin.list({ namespace: 'team' });
    expect(keys.map(({ name, roles }) => `${name} ${roles}`).sort()).toEqual([
      ...['deploy-editor editor', 'deploy-owner owner', 'deploy-viewer viewer'],
    ]);
  });

  test('Ververica: a key acts with its role, in its namespace only', async () => {
    const { admin, as } = await newService();
    await admin.users.edit('carol', { role: 'admin' });
    const editor = await as({ namespace: 'team', roles: ['editor'] });
    expect((await admin.verify(editor.secret)).acts).toMatchObject({ namespace: 'team', roles: ['editor'] });
    await refuses('forbidden', editor.list({ namespace: 'default' }));
    expect((await editor.list({ namespace: 'team' })).keys).toHaveLength(1);
  });

  test('Ververica: the role owner in the namespace administers, viewer and editor do not', async () => {
    const { admin, as } = await newService();
    const { key } = await admin.create({ name: 'a', namespace: 'team', roles: ['editor'] });
    for (const role of ['viewer', 'editor']) {
      const caller = await as({ namespace: 'team', roles: [role] });
      await refuses('forbidden', caller.revoke(key.id));
      await refuses('forbidden', caller.create({ name: 'x', namespace: 'team', roles: ['viewer'] }));
    }
    const owner = await as({ namespace: 'team', roles: ['owner'] });
    await owner.create({ name: 'x', namespace: 'team', roles: ['viewer'] });
    await owner.revoke(key.id);
  });

  test('Ververica: a user who owns the namespace administers it by session, with name, role and expiry', async () => {
    const { admin, service } = await newService();
    await admin.namespaces.create({ name: 'team' });
    const memberships = [{ namespace: 'team', role: 'owner' }];
    await admin.users.create({ name: 'erin', password: new Secret(password), memberships });
    const context = { address: null, requestId: null };
    const { accessToken } = await service.sessions.open('erin', new Secret(password), context);
    const erin = service.as(await service.authenticate(accessToken));
    const expiresAt = new Date(Date.now() + 3_600_000).toISOString();
    const { key } = await erin.create({ name: 'deploy', roles: ['editor'], expiresAt });
    expect(key).toMatchObject({ namespace: 'team', owner: 'erin', roles: ['editor'], expiresAt });
    await refuses('forbidden', erin.create({ name: 'x', namespace: 'default', roles: ['viewer'] }));
  });

  test('Ververica: regenerate is the same key with a new secret, and the old one is dead at once', async () => {
    const { admin } = await newService();
    const before = await admin.create({ name: 'a', roles: ['editor'] });
    const after = await admin.regenerate(before.key.id);
    expect(after.key.id).toBe(before.key.id);
    expect((await admin.verify(before.secret)).valid).toBe(false);
    expect((await admin.verify(after.secret)).valid).toBe(true);
  });
});

describe('advice to users', () => {
  const ageMs = 200 * 86_400_000;

  /** What `keys report` finds on a key that was made long ago. */
  async function reportOn(argv: string) {
    const home = newHome();
    await home.keys(`create a ${argv} -q`, { now: Date.now() - ageMs });
    const findings = await home.json<{ finding: string }[]>('report');
    return { home, found: findings.map(({ finding }) => finding) };
  }

  test('Cluvio: keep keys out of browsers: no page of another origin is answered', async () => {
    const { ask } = await newHttpService();
    const headers = { origin: 'https://example.com', 'access-control-request-method': 'POST' };
    for (const request of [
      'OPTIONS /v1/keys',
      'GET /v1/keys',
      'OPTIONS /v1/verify',
      'GET /v1/openapi.json',
    ]) {
      const answer = await ask(request, { headers });
      expect(Object.keys(answer.headers).filter((name) => name.startsWith('access-control-'))).toEqual([]);
    }
  });

  test('CloudCasa: one key an application: a name is the name of one key', async () => {
    const home = newHome();
    await home.keys('create billing --label app=billing -q');
    expect((await home.keys('create billing -q')).code).toBe(5);
    expect(await home.json('list --label app=billing')).toHaveLength(1);
  });

  test('CloudCasa: least privilege, unused keys and secrets that were never replaced are reported', async () => {
    const { found } = await reportOn('--role owner --expires 1000d');
    expect(found).toEqual(['unused', 'old-secret', 'broad']);
  });

  test('KubeVision: rotate regularly, use expiry: what does not is reported, and rotating ends it', async () => {
    const { home, found } = await reportOn('--role viewer');
    expect(found).toEqual(['no-expiry', 'unused', 'old-secret']);
    await home.keys(['rotate', 'a', '--yes', '--to', `file:${home.path}/secret`]);
    await home.keys('edit a --expires 90d');
    expect(await home.json('report')).toEqual([]);
  });

  test('Ververica: least privilege and expiry are reported, a rotation keeps the key and stores its secret, revoking is at once', async () => {
    const { home, found } = await reportOn('--role owner');
    expect(found).toEqual(expect.arrayContaining(['no-expiry', 'broad']));
    const before = await home.json<{ id: string }>('show a');
    const store = join(home.path, 'secret');
    const { key } = await home.json<{ key: { id: string } }>([
      'rotate',
      'a',
      '--yes',
      '--to',
      `file:${store}`,
    ]);
    expect(key.id).toBe(before.id);
    const stdin = readFileSync(store, 'utf8');
    expect((await home.keys('verify', { stdin })).code).toBe(0);
    await home.keys('revoke a --yes');
    expect((await home.keys('verify', { stdin })).code).toBe(9);
  });
});
