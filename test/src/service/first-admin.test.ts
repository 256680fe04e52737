import { describe, expect, test } from 'vitest';
import { Secret } from '../../../src/secret.ts';
import { mintSecret } from '../../../src/service/secret-format.ts';
import { refuses } from '../../contracts/refuses.ts';
import { newService } from '../../fakes/key-service.ts';

const password = new Secret('correct horse battery');

describe('somebody can administer a service', () => {
  test('with the key of the first start, until it is disabled or revoked or its owner is disabled', async () => {
    const { admin, service } = await newService();
    expect(await service.hasAdmin()).toBe(false);
    const { id } = await service.createAdmin(mintSecret('keys_'));
    expect(await service.hasAdmin()).toBe(true);
    await admin.users.disable('ann');
    expect(await service.hasAdmin()).toBe(true);
    await admin.users.enable('ann');
    await admin.disable(id);
    expect(await service.hasAdmin()).toBe(false);
    await admin.enable(id);
    await admin.users.edit('ann', { role: 'admin' });
    await admin.users.disable('admin');
    expect(await service.hasAdmin()).toBe(false);
    await admin.users.enable('admin');
    await admin.revoke(id);
    expect(await service.hasAdmin()).toBe(false);
  });

  test('with the password of a user who is an admin', async () => {
    const { admin, service } = await newService();
    await admin.users.edit('ann', { password });
    expect(await service.hasAdmin()).toBe(false);
    await admin.users.edit('ann', { role: 'admin' });
    expect(await service.hasAdmin()).toBe(true);
    await admin.users.edit('bob', { role: 'admin' });
    await admin.users.disable('ann');
    expect(await service.hasAdmin()).toBe(false);
  });

  test('with a key that acts as such a user, and not with one that has roles of its own or only looks', async () => {
    const { admin, service } = await newService();
    await admin.revoke((await service.createAdmin(mintSecret('keys_'))).id);
    await admin.users.edit('ann', { role: 'admin' });
    await admin.create({ name: 'a', owner: 'ann', roles: ['viewer'] });
    await admin.create({ name: 'b', owner: 'ann', type: 'view' });
    await admin.create({ name: 'c', owner: 'bob' });
    expect(await service.hasAdmin()).toBe(false);
    const { key } = await admin.create({ name: 'd', owner: 'ann' });
    expect(await service.hasAdmin()).toBe(true);
    await admin.revoke(key.id);
    expect(await service.hasAdmin()).toBe(false);
  });
});

describe('the first administrator', () => {
  test('is made at the first start on a database that the embedded service has filled with keys', async () => {
    const { admin, service } = await newService();
    await admin.create({ name: 'for-a-program' });
    expect(await service.hasAdmin()).toBe(false);
    await service.createAdmin(mintSecret('keys_'));
    expect(await service.hasAdmin()).toBe(true);
  });

  test('is made whatever the quotas are: of the service, of all namespaces and of its own', async () => {
    const { admin, service } = await newService({ quota: 0, totalQuota: 0 });
    await admin.namespaces.create({ name: 'default', quota: 0 });
    await service.createAdmin(mintSecret('keys_'));
    expect(await service.hasAdmin()).toBe(true);
  });

  test('gets another name where a key or a disabled user has theirs', async () => {
    const { admin, service } = await newService();
    await admin.create({ name: 'admin', roles: ['viewer'] });
    await admin.users.create({ name: 'admin-2' });
    await admin.users.disable('admin-2');
    const secret = mintSecret('keys_');
    expect(await service.createAdmin(secret)).toMatchObject({ name: 'admin-3', roles: ['admin'] });
    expect(await service.authenticate(secret)).toMatchObject({ owner: 'admin-3' });
  });

  test('never gets a secret that was ended once', async () => {
    const { admin, service } = await newService();
    const secret = mintSecret('keys_');
    await admin.revoke((await service.createAdmin(secret)).id);
    await refuses('conflict', service.createAdmin(secret));
    expect(await service.authenticate(secret)).toBeNull();
    expect(await service.hasAdmin()).toBe(false);
  });

  test('is made once, when two instances start together', async () => {
    const { admin, service } = await newService();
    const made = await Promise.allSettled([
      service.createAdmin(mintSecret('keys_')),
      service.createAdmin(mintSecret('keys_')),
    ]);
    expect(made.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect((await admin.list({ namespace: null, role: 'admin' })).keys).toHaveLength(1);
  });
});
