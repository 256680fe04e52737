import { expect, test } from 'vitest';
import { cloudCasa } from '../../../src/drivers/cloudcasa.ts';
import {
  cloudCasaCapabilities,
  cloudCasaCapabilitiesWith,
} from '../../../src/drivers/cloudcasa-capabilities.ts';
import type { KeyService } from '../../../src/keys.ts';
import { keyServiceContract, refuses } from '../../contracts/key-service.ts';
import { type CloudCasaFake, cloudCasaFake } from '../../fakes/cloudcasa.ts';
import {
  altered,
  errorWithoutMessage,
  lostAnswer,
  lostRequest,
  to,
  tooManyRequests,
} from '../../fakes/mishaps.ts';
import { forTest, type OpenOptions, openDriver } from '../../fakes/open-driver.ts';

const mintRoute = to('POST', /apikeys$/);
const listRoute = to('GET', /apikeys$/);

function open(fake: CloudCasaFake, options: OpenOptions = {}): KeyService {
  return openDriver(cloudCasa, fake, { credential: fake.adminSecret, base: '/api/v1', ...options });
}

async function opened(options: OpenOptions = {}): Promise<{ fake: CloudCasaFake; service: KeyService }> {
  const fake = await forTest(cloudCasaFake());
  return { fake, service: open(fake, options) };
}

keyServiceContract(
  'cloudcasa',
  async () => {
    const { fake, service } = await opened();
    fake.maxKeys = 100;
    return service;
  },
  {
    capabilities: cloudCasaCapabilities,
    skips: {
      'the name of a live key is taken': 'nothing published says that names are unique',
      'an edit refuses a name that is taken': 'nothing published says that names are unique',
      'create refuses a description of 1,001 characters': 'no limit is published',
      'create refuses a permission without an action': 'the form of a permission is not published',
      'create refuses 33 labels': 'no limit is published for tags',
      'create refuses a label named __proto__': 'no rule is published for the names of tags',
    },
  },
);

test('role names are looked up to ids, and shown as names', async () => {
  const { fake, service } = await opened();
  const { key } = await service.create({
    name: 'backup',
    roles: ['Backup Admin', 'cluster viewer'],
    permissions: ['kubeclusters.get'],
  });
  expect(fake.requests.at(-1)?.body).toEqual({
    name: 'backup',
    acls: [
      {
        resource: 'allresources',
        permissions: ['kubeclusters.get'],
        roles: [fake.roleId('Backup Admin'), fake.roleId('Cluster Viewer')],
      },
    ],
  });
  expect(key).toMatchObject({ roles: ['Backup Admin', 'Cluster Viewer'], permissions: ['kubeclusters.get'] });
  expect((await service.list({})).keys[0]?.roles).toEqual(['Backup Admin', 'Cluster Viewer']);
});

test('a name has 128 characters, however many units a character takes', async () => {
  const { fake, service } = await opened();
  const name = '🔑'.repeat(128);
  expect((await service.create({ name })).key.name).toBe(name);
  await refuses('invalid', service.create({ name: `${name}x` }));
  expect(fake.mintsReceived).toBe(1);
});

test('a rule of which a part is null is shown, and not edited away', async () => {
  const { fake, service } = await opened();
  const id = fake.roleId('Backup Admin');
  const everywhere = { resource: 'allresources', resourceIds: null, permissions: null, roles: [id] };
  const some = { resource: 'kubeclusters', resourceIds: ['c1'], permissions: ['x.get'], roles: null };
  const { _id } = fake.seed({ acls: [everywhere, some] });
  expect(await service.get(_id)).toMatchObject({ roles: ['Backup Admin'], permissions: ['x.get'] });
  await refuses('unsupported', service.edit(_id, { roles: ['Cluster Viewer'] }));
});

test.each([[{ allresources: ['Backup Admin'] }], [[{ resource: 'allresources', roles: 'Backup Admin' }]]])(
  'access rules that cannot be read, such as %j, are shown as unknown, and not edited away',
  async (acls) => {
    const { fake, service } = await opened();
    const { _id } = fake.seed({ name: 'odd', acls });
    const renamed = await service.edit(_id, { name: 'renamed' });
    for (const key of [await service.get(_id), renamed])
      expect(key).toMatchObject({ name: 'renamed', roles: [], permissions: [], extra: { acls: null } });
    for (const changes of [{ roles: ['Cluster Viewer'] }, { permissions: ['x.get'] }])
      await refuses('bad_response', service.edit(_id, changes), /access rules of renamed .* cannot be read/);
    expect(fake.keys.get(_id)?.acls).toEqual(acls);
  },
);

test('an unknown role is invalid, with the roles there are, and nothing is minted', async () => {
  const { fake, service } = await opened();
  await expect(service.create({ name: 'x', roles: ['emperor'] })).rejects.toMatchObject({
    code: 'invalid',
    hint: 'its roles: Backup Admin, Cluster Viewer, Restore Operator',
  });
  expect(fake.mintsReceived).toBe(0);
});

test('a list is shown with the ids of roles where the roles cannot be read', async () => {
  const { fake, service } = await opened();
  const id = fake.roleId('Backup Admin');
  fake.seed({ acls: [{ resource: 'allresources', roles: [id] }] });
  fake.befall({ on: to('GET', /roles$/), ...errorWithoutMessage(403) });
  expect((await service.list({})).keys[0]?.roles).toEqual([id]);
});

test('the snippet is the last four, the address the owner, and org_role and the rules are extras', async () => {
  const { fake, service } = await opened();
  fake.seed({
    name: 'seen',
    snippet: 'wxY9z',
    org_role: 'ADMIN',
    tags: { team: 'core', size: 3 },
    description: '',
  });
  expect((await service.list({})).keys).toMatchObject([
    {
      name: 'seen',
      description: null,
      lastFour: 'xY9z',
      owner: 'admin@example.com',
      status: 'active',
      createdAt: '2026-01-01T00:01:00.000Z',
      labels: { team: 'core', size: '3' },
      extra: { orgRole: 'ADMIN', acls: [] },
    },
  ]);
});

test('settings of the profile choose the resource of the rules and the organisation role', async () => {
  const { fake, service } = await opened({
    profile: { settings: { aclResource: 'kubeclusters', orgRole: 'ADMIN' } },
  });
  await service.create({ name: 'x', roles: ['Backup Admin'] });
  expect(fake.requests.at(-1)?.body).toMatchObject({
    org_role: 'ADMIN',
    acls: [{ resource: 'kubeclusters' }],
  });
});

test.each(['apikey', 'api_key', 'key', 'token', 'secret'])('a secret under %s is found', async (field) => {
  const { fake, service } = await opened();
  fake.secretField = field;
  expect((await service.create({ name: 'x' })).secret.reveal()).toMatch(/^cc_/);
});

test('a secret elsewhere is found under the field that the profile names, else exit 12 names the key', async () => {
  const { fake, service } = await opened();
  fake.secretField = 'plaintext';
  const missed = await service.create({ name: 'lost' }).catch((error: unknown) => error);
  const id = [...fake.keys.keys()][0];
  expect(missed).toMatchObject({ exitCode: 12, hint: expect.stringContaining(`keys revoke ${id}`) });
  expect(missed).toMatchObject({ message: expect.stringContaining('secretField'), mintedId: id });
  const named = open(fake, { profile: { settings: { secretField: 'plaintext' } } });
  expect((await named.create({ name: 'found' })).secret.reveal()).toMatch(/^cc_/);
});

test('of several fields that look like the secret, the one that ends in the snippet is it', async () => {
  const { fake, service } = await opened();
  fake.secretField = 'token';
  fake.befall({ on: mintRoute, ...altered((body) => ({ ...body, key: 'a public part' })) });
  expect((await service.create({ name: 'x' })).secret.reveal()).toMatch(/^cc_/);
});

test('several fields that may be the secret, and no snippet to tell, are exit 12 and not guessed at', async () => {
  const { fake, service } = await opened();
  fake.befall({ on: mintRoute, ...altered((body) => ({ ...body, token: 'an id', snippet: null })) });
  await expect(service.create({ name: 'x' })).rejects.toMatchObject({
    exitCode: 12,
    message: expect.stringContaining('secretField'),
    mintedId: expect.any(String),
  });
  const named = open(fake, { profile: { settings: { secretField: 'apikey' } } });
  fake.befall({ on: mintRoute, ...altered((body) => ({ ...body, token: 'an id', snippet: null })) });
  expect((await named.create({ name: 'y' })).secret.reveal()).toMatch(/^cc_/);
});

test('a field that holds the snippet only is not taken for the secret', async () => {
  const { fake, service } = await opened();
  fake.secretField = 'token';
  fake.befall({ on: mintRoute, ...altered((body) => ({ ...body, key: body.snippet })) });
  expect((await service.create({ name: 'x' })).secret.reveal()).toMatch(/^cc_/);
});

test('an organisation role that CloudCasa does not have is refused before any request', () => {
  expect(() => cloudCasaCapabilitiesWith({ settings: { orgRole: 'boss' } })).toThrowError(
    expect.objectContaining({ code: 'invalid', message: expect.stringContaining('USER or ADMIN') }),
  );
});

test('an answer to a create that holds only what the service added is enough', async () => {
  const { fake, service } = await opened();
  fake.befall({
    on: mintRoute,
    ...altered(({ _id, _etag, _created, _status, apikey }) => ({ _id, _etag, _created, _status, apikey })),
  });
  const { key } = await service.create({ name: 'sparse', description: 'd' });
  expect(key).toMatchObject({ name: 'sparse', description: 'd', version: expect.any(String) });
});

test('odd fields beside a minted secret, or roles that cannot be read, do not lose it', async () => {
  const { fake, service } = await opened();
  const acls = [{ resource: 'allresources', roles: ['r1'] }];
  fake.befall({ on: mintRoute, ...altered((body) => ({ ...body, name: 5, snippet: [], tags: 'x', acls })) });
  fake.befall({ on: to('GET', /roles$/), times: 9, ...errorWithoutMessage(500) });
  const { key, secret } = await service.create({ name: 'kept' });
  expect(secret.reveal()).toMatch(/^cc_/);
  expect(key).toMatchObject({ name: 'kept', roles: ['r1'], lastFour: null });
});

test('the etag of the key travels unquoted with an edit and a revoke', async () => {
  const { fake, service } = await opened();
  const { _id, _etag } = fake.seed();
  const edited = await service.edit(_id, { description: 'new' }, _etag);
  expect(fake.requests.at(-1)?.headers['if-match']).toBe(_etag);
  await service.revoke(_id, edited.version);
  expect(fake.requests.at(-1)?.headers['if-match']).toBe(edited.version);
});

test('an edit sends only what changes, and a description that goes is empty, not null', async () => {
  const { fake, service } = await opened();
  const { _id } = fake.seed({ description: 'old', tags: { a: '1' } });
  await service.edit(_id, { name: 'seeded', description: null, labels: { a: '1' } });
  expect(fake.requests.at(-1)).toMatchObject({ method: 'PATCH', body: { description: '' } });
});

test('an edit of roles keeps the permissions, and one of permissions the roles', async () => {
  const { fake, service } = await opened();
  const { key } = await service.create({ name: 'a', roles: ['Backup Admin'], permissions: ['x.get'] });
  await service.edit(key.id, { roles: ['Cluster Viewer'] });
  await service.edit(key.id, { permissions: ['y.get'] });
  expect(fake.keys.get(key.id)?.acls).toEqual([
    { resource: 'allresources', permissions: ['y.get'], roles: [fake.roleId('Cluster Viewer')] },
  ]);
});

test('an edit that is answered with nonsense is looked at: it was done, or it is bad_response (exit 12)', async () => {
  const { fake, service } = await opened();
  const { _id } = fake.seed();
  fake.befall({ on: to('PATCH', /./), ...altered(() => ({})) });
  expect((await service.edit(_id, { description: 'new' })).description).toBe('new');
  fake.befall({ on: to('PATCH', /./), instead: { status: 200, body: {} } });
  await refuses('bad_response', service.edit(_id, { description: 'newer' }), /has not changed/);
});

test('an edit that raced one of another field is sent again with the new etag', async () => {
  const { fake, service } = await opened();
  const { _id } = fake.seed();
  const { keys } = await service.list({});
  fake.befall({ on: to('PATCH', /./), before: () => fake.touch(_id) });
  const edited = await service.edit(_id, { description: 'mine' }, keys[0]?.version);
  expect(edited.description).toBe('mine');
  expect(fake.requests.filter(({ method }) => method === 'PATCH')).toHaveLength(2);
});

test('an edit that loses the race twice is changed (exit 5)', async () => {
  const { fake, service } = await opened();
  const { _id } = fake.seed();
  fake.befall({ on: to('PATCH', /./), times: 2, before: () => fake.touch(_id) });
  await expect(service.edit(_id, { description: 'mine' })).rejects.toMatchObject({
    code: 'changed',
    exitCode: 5,
  });
  expect(fake.requests.filter(({ method }) => method === 'PATCH')).toHaveLength(2);
});

test('an edit of what somebody else has edited meanwhile is changed, and changes nothing', async () => {
  const { fake, service } = await opened();
  const { _id } = fake.seed({ description: 'old' });
  const { keys } = await service.list({});
  await open(fake).edit(_id, { description: 'theirs' });
  await refuses('changed', service.edit(_id, { name: 'mine', description: 'mine' }, keys[0]?.version));
  expect(fake.keys.get(_id)).toMatchObject({ name: keys[0]?.name, description: 'theirs' });
});

test('an edit and a revoke whose answers were lost are seen to have been done', async () => {
  const { fake, service } = await opened();
  const { _id, _etag } = fake.seed();
  await service.list({});
  fake.befall({ on: to('PATCH', /./), ...lostAnswer });
  const edited = await service.edit(_id, { description: 'new' }, _etag);
  expect(edited.description).toBe('new');
  fake.befall({ on: to('PATCH', /./), ...lostAnswer });
  const unseen = await open(fake).edit(_id, { description: 'newer' }, edited.version);
  expect(unseen.description).toBe('newer');
  fake.befall({ on: to('DELETE', /./), ...lostAnswer });
  await service.revoke(_id);
  expect(fake.keys.size).toBe(0);
});

test('a deletion that is refused is never taken for done, also where its first request was lost', async () => {
  const { fake, service } = await opened();
  const { _id } = fake.seed();
  fake.befall({ on: to('DELETE', /./), ...lostRequest });
  fake.befall({ on: to('DELETE', /./), ...errorWithoutMessage(403) });
  await refuses('outcome_unknown', service.revoke(_id), /status 403/);
  fake.befall({ on: to('DELETE', /./), before: () => fake.keys.delete(_id) });
  await refuses('not_found', service.revoke(_id));
});

test('a revoke that loses the race once is sent again, twice is changed, and with a version is changed at once', async () => {
  const { fake, service } = await opened();
  const { _id, _etag } = fake.seed();
  const other = fake.seed();
  const touchOther = () => fake.touch(other._id);
  fake.befall({ on: to('DELETE', /./), before: () => fake.touch(_id) });
  await service.revoke(_id);
  fake.befall({ on: to('DELETE', /./), times: 2, before: touchOther });
  await refuses('changed', service.revoke(other._id));
  await refuses('changed', service.revoke(other._id, _etag));
  await refuses('not_found', service.revoke(_id));
});

test('roles that are for some resources only are not edited away', async () => {
  const { fake, service } = await opened();
  const acls = [
    { resource: 'allresources', roles: [fake.roleId('Cluster Viewer')] },
    { resource: 'kubeclusters', resourceIds: ['c1'], roles: [fake.roleId('Backup Admin')] },
  ];
  const { _id } = fake.seed({ acls });
  await refuses('unsupported', service.edit(_id, { roles: ['Cluster Viewer'] }));
  expect(fake.keys.get(_id)?.acls).toEqual(acls);
  await service.edit(_id, { description: 'this is fine' });
});

test('a refused key too many is quota_exceeded, with the service’s words and how many there are', async () => {
  const { fake, service } = await opened();
  for (let i = 0; i < 10; i++) fake.seed();
  for (const status of [400, 403, 409, 422]) {
    fake.quotaReply = {
      status,
      body: { _status: 'ERR', _error: { code: status, message: 'limit reached' } },
    };
    await expect(service.create({ name: 'x' })).rejects.toMatchObject({
      code: 'quota_exceeded',
      exitCode: 5,
      message: 'limit reached',
      hint: expect.stringContaining('10 API keys exist; an organisation may have 10'),
    });
  }
});

test('another refusal keeps its meaning and still tells how many keys there are', async () => {
  const { fake, service } = await opened();
  fake.seed();
  fake.befall({ on: mintRoute, ...errorWithoutMessage(403) });
  await expect(service.create({ name: 'x' })).rejects.toMatchObject({
    code: 'forbidden',
    hint: expect.stringContaining('1 API key exists'),
  });
  fake.befall({ on: mintRoute, ...errorWithoutMessage(403) });
  fake.befall({ on: listRoute, ...errorWithoutMessage(404) });
  await refuses('forbidden', service.create({ name: 'x' }), /status 403/);
});

test('a plan that has to be paid for (402) is quota_exceeded (exit 5), with how many there are', async () => {
  const { fake, service } = await opened();
  fake.befall({ on: mintRoute, ...errorWithoutMessage(402) });
  await expect(service.create({ name: 'x' })).rejects.toMatchObject({
    code: 'quota_exceeded',
    exitCode: 5,
    hint: expect.stringContaining('0 API keys exist'),
  });
});

test('a list of several pages is read to its end, newest first', async () => {
  const { fake, service } = await opened();
  const ids = Array.from({ length: 60 }, () => fake.seed()._id);
  const { keys, nextCursor } = await service.list({});
  expect(nextCursor).toBeNull();
  expect(keys.map(({ id }) => id)).toEqual(ids.toReversed());
  const pages = fake.requests.map(({ query }) => [query.get('page'), query.get('sort')]);
  expect(pages).toEqual(['1', '2', '3'].map((page) => [page, '-_created']));
});

test('a key that moves to the next page while the total stays is shown once, and none is missed', async () => {
  const { fake, service } = await opened();
  const [oldest = '', ...others] = Array.from({ length: 30 }, () => fake.seed()._id);
  const exchange = () => {
    fake.keys.delete(oldest);
    others.push(fake.seed()._id);
  };
  fake.befall({ on: listRoute, after: 1, before: exchange });
  expect((await service.list({})).keys.map(({ id }) => id)).toEqual(others.toReversed());
});

test('a list that changes while it is paged shows every key that was there all along once', async () => {
  const { fake, service } = await opened();
  const ids = Array.from({ length: 60 }, () => fake.seed()._id);
  const newest = ids.at(-1) ?? '';
  fake.befall({ on: listRoute, after: 1, before: () => fake.keys.delete(newest) });
  fake.befall({ on: listRoute, after: 3, before: () => fake.seed() });
  const seen = (await service.list({})).keys.map(({ id }) => id);
  expect(new Set(seen).size).toBe(seen.length);
  expect(ids.slice(0, -1).filter((id) => !seen.includes(id))).toEqual([]);
});

test('a page that repeats for ever is bad_response (exit 12)', async () => {
  const { fake, service } = await opened();
  for (let i = 0; i < 30; i++) fake.seed();
  let first: unknown;
  const repeat = altered((body) => {
    first ??= body;
    return first;
  });
  fake.befall({ on: listRoute, times: 100, ...repeat });
  await expect(service.list({})).rejects.toMatchObject({ exitCode: 12 });
});

test('a list that ends before its total is bad_response (exit 12), never cut', async () => {
  const { fake, service } = await opened();
  for (let index = 0; index < 3; index++) fake.seed();
  const withTotal = altered((body) => ({ ...body, _meta: { page: 1, max_results: 25, total: 5 } }));
  fake.befall({ on: listRoute, times: 9, ...withTotal });
  await refuses('bad_response', service.list({}));
});

test.each([undefined, {}, { page: 1, max_results: 25 }, { page: 1, max_results: 25, total: null }])(
  'a list that never says how long it is ends with a page that is not full: _meta %j',
  async (_meta) => {
    const { fake, service } = await opened();
    for (let i = 0; i < 30; i++) fake.seed();
    fake.befall({ on: listRoute, times: 9, ...altered(({ _items }) => ({ _items, _meta })) });
    expect((await service.list({})).keys).toHaveLength(30);
  },
);

test('a mint turned away with 429 is not sent again', async () => {
  const { fake, service } = await opened();
  fake.befall({ on: mintRoute, ...tooManyRequests('0') });
  await refuses('rate_limited', service.create({ name: 'x' }));
  expect(fake.requests).toHaveLength(1);
});

test('a name of 129 characters is refused before any request', async () => {
  const { fake, service } = await opened();
  await refuses('invalid', service.create({ name: 'n'.repeat(129) }));
  await refuses('invalid', service.edit('x', { name: 'n'.repeat(129) }));
  expect(fake.requests).toEqual([]);
});

test('a successor has the access rules and the organisation role of the key whose place it takes', async () => {
  const { fake, service } = await opened();
  const acls = [
    { resource: 'kubeclusters', resourceIds: ['c1'], roles: [fake.roleId('Backup Admin')] },
    { resource: 'allresources', permissions: ['jobs.get'] },
  ];
  const old = fake.seed({ name: 'narrow', org_role: 'ADMIN', acls });
  const { key } = await service.create(
    { name: 'narrow-2', roles: ['Backup Admin'], permissions: ['jobs.get'] },
    { like: old._id },
  );
  expect(fake.requests.filter(mintRoute).at(-1)?.body).toEqual({ name: 'narrow-2', org_role: 'ADMIN', acls });
  expect(key).toMatchObject({ roles: ['Backup Admin'], extra: { orgRole: 'ADMIN' } });
});

test('what fails before a key is asked for leaves no doubt that none was made', async () => {
  const { fake, service } = await opened();
  fake.befall({ on: to('GET', /roles$/), instead: { status: 200, body: [] } });
  const create = service.create({ name: 'x', roles: ['Backup Admin'] });
  await refuses('unavailable', create, /^nothing was created: /);
  expect(fake.requests.filter(mintRoute)).toEqual([]);
});
