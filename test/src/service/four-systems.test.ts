/** The behaviour of four systems, cell by cell, on our own service: a test for each cell, named after it. */
import { describe, expect, test } from 'vitest';
import { Secret } from '../../../src/secret.ts';
import { refuses } from '../../contracts/refuses.ts';
import { newHttpService } from '../../fakes/http-service.ts';
import { newService } from '../../fakes/key-service.ts';

const password = 'correct horse battery';

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

  // Shown again after the password: see the tests of reveal.
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

  test('KubeVision: revoked at once, and a user who is disabled stops with all keys', async () => {
    const { admin } = await newService();
    const first = await admin.create({ name: 'a', owner: 'bob' });
    const second = await admin.create({ name: 'b', owner: 'bob', roles: ['viewer'] });
    await admin.revoke(first.key.id);
    expect((await admin.verify(first.secret)).valid).toBe(false);
    await admin.users.disable('bob');
    expect(await admin.verify(second.secret)).toMatchObject({ valid: false, reason: 'disabled' });
  });

  // The user's rate limit, shared with their sessions: see the tests of the limits.
  // Each request under the owner's name, with the key's name as agent: see the tests of the audit log.
});

describe('Ververica Platform', () => {
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

test('both headers of the four systems are taken: Authorization Bearer and ApiKey', async () => {
  const { ask, mint } = await newHttpService();
  const { secret } = await mint();
  for (const scheme of ['Bearer', 'ApiKey']) {
    const headers = { authorization: `${scheme} ${secret}` };
    expect((await ask('GET /v1/whoami', { secret: null, headers })).status).toBe(200);
  }
});
