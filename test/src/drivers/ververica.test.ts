import { expect, test } from 'vitest';
import { ververica } from '../../../src/drivers/ververica.ts';
import { ververicaCapabilities } from '../../../src/drivers/ververica-capabilities.ts';
import type { KeyService } from '../../../src/keys.ts';
import { keyServiceContract, refuses } from '../../contracts/key-service.ts';
import { altered, lostAnswer, lostRequest, to, tooManyRequests } from '../../fakes/mishaps.ts';
import { forTest, type OpenOptions, openDriver } from '../../fakes/open-driver.ts';
import { type VervericaFake, ververicaFake } from '../../fakes/ververica.ts';

const newKey = { name: 'ci-deploy', roles: ['editor'] };
const mintRoute = to('POST', /apitokens$/);

function open(fake: VervericaFake, options: OpenOptions = {}): KeyService {
  const { profile, ...rest } = options;
  return openDriver(ververica, fake, {
    credential: fake.ownerSecret,
    profile: { namespace: 'default', ...profile },
    ...rest,
  });
}

async function opened(options: OpenOptions = {}): Promise<{ fake: VervericaFake; service: KeyService }> {
  const fake = await forTest(ververicaFake(['default', 'team-a', 'team-b']));
  return { fake, service: open(fake, options) };
}

keyServiceContract('ververica', async () => (await opened()).service, {
  capabilities: ververicaCapabilities(),
  template: { roles: ['viewer'] },
  skips: {
    'the name of a revoked key is free again': 'a token has no id but its name; tested below',
    'keys of another namespace are apart':
      'the service lists one namespace at a time; its namespaces are tested below',
  },
});

test('a name is qualified on the wire and short for the user', async () => {
  const { fake, service } = await opened();
  const { key, secret } = await service.create(newKey);
  expect(key).toMatchObject({
    id: 'namespaces/default/apitokens/ci-deploy',
    name: 'ci-deploy',
    namespace: 'default',
    roles: ['editor'],
    status: 'active',
    createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
  });
  expect(secret.reveal()).toMatch(/^[0-9a-f-]{36}$/);
  expect(fake.requests.at(-1)?.body).toEqual({
    name: 'namespaces/default/apitokens/ci-deploy',
    role: 'editor',
  });
});

test('keys of another namespace are apart, and their ids say which', async () => {
  const { service } = await opened();
  await service.create({ ...newKey, namespace: 'team-a' });
  const { key } = await service.create({ ...newKey, namespace: 'team-b' });
  expect((await service.list({ namespace: 'team-a' })).keys.map(({ id }) => id)).toEqual([
    'namespaces/team-a/apitokens/ci-deploy',
  ]);
  expect((await service.list({})).keys).toEqual([]);
  await service.revoke(key.id);
  expect((await service.list({ namespace: 'team-b' })).keys).toEqual([]);
  expect((await service.list({ namespace: 'team-a' })).keys).toHaveLength(1);
});

test('the name of a deleted token is free again', async () => {
  const { fake, service } = await opened();
  const { key } = await service.create(newKey);
  await service.revoke(key.id);
  await refuses('not_found', service.get(key.id));
  await service.create(newKey);
  expect(fake.tokens.size).toBe(1);
});

test('every namespace at once is unsupported (exit 6), and no namespace at all is invalid', async () => {
  const { fake, service } = await opened();
  await refuses('unsupported', service.list({ namespace: null }));
  await refuses('invalid', open(fake, { profile: { namespace: null } }).list({}));
  for (const namespace of ['../etc', '..', 'a/b', 'a?b', ''])
    await refuses('invalid', service.list({ namespace }));
  expect(fake.requests).toEqual([]);
});

test.each(['Ci-Deploy', '-ci', 'ci-', 'a'.repeat(64), 'ci_deploy', 'ci/deploy', '../../admin', 'ü', ''])(
  'the name %j is refused before any request, with the rule in the hint',
  async (name) => {
    const { fake, service } = await opened();
    await expect(service.create({ ...newKey, name })).rejects.toMatchObject({
      code: 'invalid',
      hint: expect.stringContaining("a-z, 0-9 and '-'"),
    });
    expect(fake.requests).toEqual([]);
  },
);

test('the hint of a refused name offers one that fits', async () => {
  const { service } = await opened();
  await expect(service.create({ ...newKey, name: 'CI Deploy!' })).rejects.toMatchObject({
    hint: expect.stringMatching(/for example ci-deploy$/),
  });
});

test('a token has exactly one of the three roles', async () => {
  const { fake, service } = await opened();
  const wrong: [string[] | undefined, RegExp][] = [
    [undefined, /none is given/],
    [[], /none is given/],
    [['admin'], /'admin' is none/],
    [['viewer', 'editor'], /2 are given/],
  ];
  for (const [roles, why] of wrong) await refuses('invalid', service.create({ name: 'x', roles }), why);
  expect(fake.requests).toEqual([]);
});

test('creating without the role owner is forbidden (exit 4), and the hint says which role it takes', async () => {
  const { fake } = await opened();
  const service = open(fake, { credential: fake.viewerSecret });
  await expect(service.create(newKey)).rejects.toMatchObject({
    exitCode: 4,
    hint: expect.stringContaining('owner'),
  });
});

test('a get answered 403 is not found when the list does not have the token, and the token when it does', async () => {
  const { fake, service } = await opened();
  const forbidden = { instead: { status: 403, body: { message: 'permission denied' } } };
  const { key } = await service.create(newKey);
  fake.befall({ on: to('GET', /apitokens\/[^/]+$/), times: 2, ...forbidden });
  await refuses('not_found', service.get('namespaces/default/apitokens/absent'));
  expect(await service.get(key.id)).toEqual(key);
  fake.befall({ on: to('GET', /./), times: 2, ...forbidden });
  await refuses('forbidden', service.get(key.id));
});

test('a get that fails for another reason is that failure, whatever the list has', async () => {
  const { fake, service } = await opened();
  const { key } = await service.create(newKey);
  fake.befall({ on: to('GET', /apitokens\/[^/]+$/), instead: { status: 401, body: {} } });
  await refuses('unauthenticated', service.get(key.id));
});

test.each([
  'ci',
  'namespaces/default/apitokens/CI',
  'namespaces/../apitokens/ci',
  'namespaces/default/apitokens/..',
])('nothing is asked about %s, which is the id of no token (exit 3)', async (id) => {
  const { fake, service } = await opened();
  await refuses('not_found', service.get(id), new RegExp(`has the id '${RegExp.escape(id)}'`));
  await refuses('not_found', service.revoke(id));
  expect(fake.requests).toEqual([]);
});

test('201 for a new token and 204 for a deleted one, which the documentation has besides, are success', async () => {
  const { fake, service } = await opened();
  fake.befall({ on: mintRoute, alter: (reply) => ({ ...reply, status: 201 }) });
  fake.befall({ on: to('DELETE', /./), alter: () => ({ status: 204 }) });
  const { key } = await service.create(newKey);
  await service.revoke(key.id);
  expect(fake.tokens.size).toBe(0);
});

test('a token whose deletion was answered by nobody is gone: revoke succeeds', async () => {
  const { fake, service } = await opened();
  const { key } = await service.create(newKey);
  fake.befall({ on: to('DELETE', /./), ...lostAnswer });
  await service.revoke(key.id);
  expect(fake.tokens.size).toBe(0);
});

test.each([
  ['2026-01-02T03:04:05Z', '2026-01-02T03:04:05.000Z'],
  ['2026-01-02T03:04:12.667Z', '2026-01-02T03:04:12.667Z'],
  ['2026-01-02T03:04:21.875745Z', '2026-01-02T03:04:21.875Z'],
  ['2026-01-02T03:04:21.875745123456Z', '2026-01-02T03:04:21.875Z'],
  ['yesterday', null],
])('a createTime of %s is %s', async (createTime, createdAt) => {
  const { fake, service } = await opened();
  fake.seed('default', 'timed', { createTime });
  expect((await service.list({})).keys).toMatchObject([{ name: 'timed', createdAt }]);
});

test('a role nobody has heard of is shown as it is', async () => {
  const { fake, service } = await opened();
  fake.seed('default', 'odd', { role: 'emperor' });
  expect((await service.list({})).keys).toMatchObject([{ roles: ['emperor'] }]);
});

test('a created token without its secret is bad_response (exit 12) that names the token', async () => {
  const { fake, service } = await opened();
  fake.befall({
    on: mintRoute,
    ...altered(({ apiToken }) => ({ apiToken: { ...(apiToken as object), secret: undefined } })),
  });
  await expect(service.create(newKey)).rejects.toMatchObject({
    exitCode: 12,
    hint: expect.stringContaining('keys revoke namespaces/default/apitokens/ci-deploy'),
  });
  expect(fake.mintsReceived).toBe(1);
});

test('odd fields beside a minted secret do not lose it', async () => {
  const { fake, service } = await opened();
  const odd = { name: 5, role: {}, createTime: [] };
  fake.befall({
    on: mintRoute,
    ...altered(({ apiToken }) => ({ apiToken: { ...(apiToken as object), ...odd } })),
  });
  expect((await service.create(newKey)).key).toMatchObject({ name: 'ci-deploy', roles: [], createdAt: null });
});

test('a mint turned away with 429 is not sent again', async () => {
  const { fake, service } = await opened();
  fake.befall({ on: mintRoute, ...tooManyRequests('0') });
  await refuses('rate_limited', service.create(newKey));
  expect(fake.requests).toHaveLength(1);
});

test('expiry and regenerate work where the profile names field and route, as on an installation that has them', async () => {
  const settings = {
    expiryField: 'expireTime',
    regenerate: 'POST /apitokens/v1/namespaces/{namespace}/apitokens/{name}:regenerate',
  };
  expect(ververicaCapabilities({ settings })).toMatchObject({
    verbs: expect.arrayContaining(['regenerate']),
    fields: expect.arrayContaining(['expiresAt']),
  });
  const { fake, service } = await opened({ profile: { settings } });
  const token = { name: 'namespaces/default/apitokens/ci-deploy', role: 'editor', secret: 'new' };
  fake.befall({
    on: mintRoute,
    instead: { status: 201, body: { apiToken: { ...token, expireTime: '2099-01-01T00:00:00Z' } } },
  });
  const { key } = await service.create({ ...newKey, expiresAt: '2099-01-01T00:00:00.000Z' });
  expect(key.expiresAt).toBe('2099-01-01T00:00:00.000Z');
  expect(fake.requests.at(-1)?.body).toMatchObject({ expireTime: '2099-01-01T00:00:00.000Z' });
  fake.befall({
    on: to('POST', /ci-deploy:regenerate$/),
    instead: { status: 200, body: { apiToken: token } },
  });
  expect((await service.regenerate(key.id)).secret.reveal()).toBe('new');
  await refuses('invalid', service.create({ ...newKey, expiresAt: '2020-01-01T00:00:00Z' }));
});

test('where the profile names the field of an expiry, a token that has passed it is expired, and one may have none', async () => {
  const { fake, service } = await opened({ profile: { settings: { expiryField: 'expireTime' } } });
  const token = { name: 'namespaces/default/apitokens/ci', expireTime: '2020-01-01T00:00:00Z' };
  fake.befall({ instead: { status: 200, body: { apiTokens: [token] } } });
  expect((await service.list({})).keys).toMatchObject([{ status: 'expired' }]);
  expect((await service.create(newKey)).key).toMatchObject({ status: 'active', expiresAt: null });
  expect(fake.requests.at(-1)?.body).not.toHaveProperty('expireTime');
});

test('a token of an installation below a path gets its new secret there', async () => {
  const settings = { regenerate: 'PUT /v1/{namespace}/{name}/secret' };
  const { fake } = await opened();
  const service = openDriver(ververica, fake, { base: '/a/vp/', profile: { settings } });
  const token = { name: 'namespaces/default/apitokens/ci', secret: 'new' };
  fake.befall({ on: to('PUT', /./), instead: { status: 200, body: { apiToken: token } } });
  await service.regenerate('namespaces/default/apitokens/ci');
  expect(fake.requests.at(-1)?.path).toBe('/a/vp/v1/default/ci/secret');
});

test('a regenerate whose answer is lost is sent once, and its outcome unknown (exit 10)', async () => {
  const settings = { regenerate: 'POST /apitokens/v1/namespaces/{namespace}/apitokens/{name}:regenerate' };
  const { fake, service } = await opened({ profile: { settings } });
  fake.befall({ times: 9, ...lostRequest });
  await refuses('outcome_unknown', service.regenerate('namespaces/default/apitokens/ci'));
  expect(fake.requests).toHaveLength(1);
});

test('an expiry that cannot be read is no expiry in a list, and bad_response (exit 12) in a list by expiry', async () => {
  const { fake, service } = await opened({ profile: { settings: { expiryField: 'expireTime' } } });
  const token = { name: 'namespaces/default/apitokens/ci', expireTime: 'in March' };
  fake.befall({ times: 2, instead: { status: 200, body: { apiTokens: [token] } } });
  expect((await service.list({})).keys).toMatchObject([{ name: 'ci', expiresAt: null }]);
  await refuses('bad_response', service.list({ noExpiry: true }), /when ci expires/);
});

test.each([
  'regenerate',
  'POST no-slash',
  'GET /a/{b}/{c}',
  'POST /a/{b}',
  'POST /{a}/{b}/{c}',
  'POST /{a}/{b}?x',
])('the setting regenerate refuses %j', (regenerate) => {
  expect(() => ververicaCapabilities({ settings: { regenerate } })).toThrow('method and a path');
});
