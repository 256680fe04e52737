import { expect, test } from 'vitest';
import type { KeyService } from '../../../src/keys.ts';
import { Secret } from '../../../src/secret.ts';
import { refuses } from '../../contracts/key-service.ts';
import { newService } from '../../fakes/key-service.ts';

const actions: Record<string, (service: KeyService, id: string) => Promise<unknown>> = {
  list: (service) => service.list({ namespace: 'team' }),
  show: (service, id) => service.get(id),
  create: (service) => service.create({ name: `new-${Math.random()}`, namespace: 'team', roles: ['viewer'] }),
  edit: (service, id) => service.edit(id, { description: 'edited' }),
  disable: (service, id) => service.disable(id),
  enable: (service, id) => service.enable(id),
  regenerate: (service, id) => service.regenerate(id),
  revoke: (service, id) => service.revoke(id),
};
const looking = ['list', 'show'];
const all = Object.keys(actions);

/** What a caller may do to a key in the namespace `team`; `not_found` where it may not even see it. */
const table: { caller: string; key: object; may: string[]; otherwise: 'forbidden' | 'not_found' }[] = [
  { caller: 'a viewer there', key: { roles: ['viewer'] }, may: looking, otherwise: 'forbidden' },
  {
    caller: 'a View key with the role viewer there',
    key: { type: 'view', roles: ['viewer'] },
    may: looking,
    otherwise: 'forbidden',
  },
  { caller: 'an editor there', key: { roles: ['editor'] }, may: looking, otherwise: 'forbidden' },
  { caller: 'an owner there', key: { roles: ['owner'] }, may: all, otherwise: 'forbidden' },
  {
    caller: 'a key with permissions only there',
    key: { permissions: ['keys.administer'] },
    may: [],
    otherwise: 'not_found',
  },
  {
    caller: 'an owner of another namespace',
    key: { roles: ['owner'], namespace: 'other' },
    may: [],
    otherwise: 'not_found',
  },
  {
    caller: 'an admin from another namespace',
    key: { roles: ['admin'], namespace: 'other' },
    may: all,
    otherwise: 'forbidden',
  },
];

for (const { caller, key, may, otherwise } of table) {
  for (const [action, attempt] of Object.entries(actions)) {
    const allowed = may.includes(action);
    test(`${caller} ${allowed ? 'may' : 'may not'} ${action}`, async () => {
      const { admin, as } = await newService();
      const target = await admin.create({ name: 'target', namespace: 'team', roles: ['viewer'] });
      const service = await as({ namespace: 'team', ...key });
      if (allowed) await attempt(service, target.key.id);
      else {
        const code = action === 'list' || action === 'create' ? 'forbidden' : otherwise;
        await refuses(code, attempt(service, target.key.id));
        expect(await admin.get(target.key.id)).toEqual(target.key);
      }
    });
  }
}

test('any key may say who it is, see itself and revoke itself, and is dead from then on', async () => {
  const { as, service } = await newService();
  const key = await as({ type: 'view' });
  expect(await key.whoami()).toMatchObject({ id: key.id, owner: 'carol', namespace: 'default', roles: [] });
  expect((await key.get(key.id)).id).toBe(key.id);
  await refuses('forbidden', key.edit(key.id, { name: 'other' }));
  await refuses('forbidden', key.regenerate(key.id));
  await key.revoke(key.id);
  expect(await service.authenticate(key.secret)).toBeNull();
});

test("an owner cannot take over, stop or end an admin's key in its namespace", async () => {
  const { admin, as } = await newService();
  const { key } = await admin.create({ name: 'boss', namespace: 'team', roles: ['admin'] });
  const owner = await as({ namespace: 'team', roles: ['owner'] });
  for (const action of ['edit', 'disable', 'enable', 'regenerate', 'revoke']) {
    await refuses('forbidden', actions[action]!(owner, key.id));
  }
  expect(await admin.get(key.id)).toEqual(key);
});

test("an owner gets hold of no other user's key without roles, which may do what that user may, everywhere and later", async () => {
  const { admin, as } = await newService();
  const dave = await admin.create({ name: 'daves', namespace: 'team', owner: 'dave' });
  const owner = await as({ namespace: 'team', roles: ['owner'] });
  await refuses('forbidden', owner.regenerate(dave.key.id), /may do more than it/);
  await owner.edit(dave.key.id, { description: 'found in a log' });
  await owner.disable(dave.key.id);
  await owner.enable(dave.key.id);
  expect((await admin.verify(dave.secret)).valid).toBe(true);
  await admin.users.join('carol', { namespace: 'team', role: 'owner' });
  const carol = await as({ namespace: 'team' });
  await refuses('forbidden', carol.regenerate(dave.key.id));
  await carol.regenerate((await as({ namespace: 'team' })).id);
  await owner.revoke(dave.key.id);
});

test('an owner stops a key that may do more elsewhere, and neither edits it nor brings it back', async () => {
  const { admin, as } = await newService();
  await admin.namespaces.create({ name: 'other' });
  await admin.users.join('dave', { namespace: 'other', role: 'viewer' });
  const { key } = await admin.create({ name: 'daves', namespace: 'team', owner: 'dave' });
  const owner = await as({ namespace: 'team', roles: ['owner'] });
  await refuses('forbidden', owner.edit(key.id, { description: 'mine' }), /may do more than it/);
  await owner.disable(key.id);
  await refuses('forbidden', owner.enable(key.id), /may do more than it/);
  await owner.revoke(key.id);
});

test('a caller gives no more than it has: no admin role, no other user, no other namespace', async () => {
  const { admin, as } = await newService();
  const owner = await as({ namespace: 'team', roles: ['owner'] });
  await refuses('forbidden', owner.create({ name: 'a', roles: ['admin'] }));
  await refuses('forbidden', owner.create({ name: 'a', owner: 'root' }));
  await refuses('forbidden', owner.create({ name: 'a', namespace: 'default' }));
  const { key } = await owner.create({ name: 'a', roles: ['owner'] });
  expect(key).toMatchObject({ owner: 'carol', createdBy: 'carol', namespace: 'team' });
  await refuses('forbidden', owner.edit(key.id, { roles: ['admin'] }));
  expect((await admin.edit(key.id, { roles: ['admin'] })).roles).toEqual(['admin']);
});

test('who may not is told which roles may: of what belongs to no namespace only an admin', async () => {
  const { as } = await newService();
  const viewer = await as({ namespace: 'team', roles: ['viewer'] });
  await refuses('forbidden', viewer.create({ name: 'a', roles: ['viewer'] }), /have it: owner, admin$/);
  await refuses('forbidden', Promise.resolve(viewer.users?.create({ name: 'bob' })), /have it: admin$/);
});

test('all namespaces are for an admin all, for others their own', async () => {
  const { admin, as } = await newService();
  await admin.create({ name: 'elsewhere' });
  const viewer = await as({ namespace: 'team', roles: ['viewer'] });
  const names = async (service: KeyService) =>
    (await service.list({ namespace: null })).keys.map((key) => key.namespace).sort();
  expect(await names(viewer)).toEqual(['team']);
  expect(await names(admin)).toEqual(['default', 'team']);
});

test('anybody may verify, and nothing else', async () => {
  const { admin, service } = await newService();
  const { key, secret } = await admin.create({ name: 'checked' });
  const anybody = service.as(null);
  expect(await anybody.verify(secret)).toMatchObject({ valid: true, key: { id: key.id } });
  for (const attempt of Object.values(actions)) await refuses('unauthenticated', attempt(anybody, key.id));
  await refuses('unauthenticated', anybody.whoami());
});

test('unknown, malformed, revoked and regenerated secrets get the same answer, except from administrators', async () => {
  const { admin, as, service } = await newService();
  const revoked = await admin.create({ name: 'revoked', namespace: 'team', roles: ['viewer'] });
  const renewed = await admin.create({ name: 'renewed', namespace: 'team', roles: ['viewer'] });
  await admin.revoke(revoked.key.id);
  await admin.regenerate(renewed.key.id);
  const secrets = [
    revoked.secret,
    renewed.secret,
    new Secret('x'),
    new Secret(''),
    new Secret('y'.repeat(9_999)),
  ];
  const viewer = await as({ namespace: 'team', roles: ['viewer'] });
  const stranger = await as({ namespace: 'other', roles: ['owner'] });
  for (const caller of [service.as(null), viewer, stranger]) {
    const answers = await Promise.all(secrets.map((secret) => caller.verify(secret)));
    expect(new Set(answers.map((answer) => JSON.stringify(answer)))).toEqual(
      new Set(['{"valid":false,"reason":"unknown","key":null}']),
    );
  }
  const owner = await as({ namespace: 'team', roles: ['owner'] });
  for (const { key, secret } of [revoked, renewed]) {
    expect(await owner.verify(secret)).toMatchObject({
      valid: false,
      reason: 'revoked',
      key: { id: key.id },
    });
  }
});
