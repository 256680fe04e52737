import { expect, test } from 'vitest';
import type { Profile } from '../../../src/config.ts';
import type { DriverParts } from '../../../src/drivers/index.ts';
import { keysDriver } from '../../../src/drivers/keys.ts';
import type { Key, KeyService } from '../../../src/keys.ts';
import { Secret } from '../../../src/secret.ts';
import { mintingOf } from '../../contracts/minting.ts';
import { failureOf, httpTo } from '../../fakes/http.ts';
import { json, lost, problem, type Reply, type ScriptedService, scriptedService } from '../../fakes/wire.ts';

const key: Key = {
  id: 'k1',
  name: 'ci',
  description: null,
  namespace: 'default',
  owner: 'alice',
  type: 'manage',
  roles: ['editor', 'viewer'],
  permissions: [],
  apiVersion: null,
  status: 'active',
  prefix: 'ks_abcd',
  lastFour: 'x1Y2',
  createdAt: '2026-11-01T00:00:00.000Z',
  createdBy: 'root',
  expiresAt: null,
  lastUsedAt: null,
  rotatedAt: null,
  labels: {},
  rateLimit: null,
  recoverable: false,
  version: 'v1',
};

const idempotencyKey = 'k'.repeat(32);
const issued = json(201, { key, secret: 'abc' });

async function serviceThat(
  script: Reply[] | Reply,
  profile: Partial<Profile> = {},
  parts?: DriverParts,
): Promise<{ wire: ScriptedService; service: KeyService }> {
  const wire = await scriptedService(script);
  const full: Profile = {
    name: 'p',
    driver: 'keys',
    url: wire.url,
    namespace: null,
    store: 'none',
    origin: 'environment',
    ...profile,
  };
  return { wire, service: keysDriver(httpTo(wire.url), full, parts) };
}

const asked = ({ asked }: ScriptedService) => asked.map(({ method, url }) => `${method} ${url}`);

// What is asked.

test('every method is the request that docs/api.md names', async () => {
  const one = json(200, key);
  const { wire, service } = await serviceThat([
    issued,
    one,
    one,
    one,
    one,
    json(200, { key, secret: 'abc' }),
    json(200, { ...key, status: 'revoked' }),
    json(200, { valid: true, reason: null, key }),
    json(200, { id: 'k0', name: 'root', owner: null, namespace: null, roles: ['owner'] }),
    json(200, { keys: [key], nextCursor: 'next' }),
  ]);
  await service.create({ name: 'ci', roles: ['editor'] });
  await service.get('k1');
  await service.edit('k1', { description: null, labels: { a: 'b' } }, 'v1');
  await service.disable('k1');
  await service.enable('k1', 'v2');
  await service.regenerate('k1', { graceMs: 60_000 }, 'v3');
  await service.revoke('k1', 'v4');
  await service.verify(new Secret('abc'));
  await service.whoami();
  expect(await service.list({})).toEqual({ keys: [key], nextCursor: 'next' });
  expect(
    wire.asked.map(({ method, url, headers, body }) => [method, url, headers['if-match'], body]),
  ).toEqual([
    ['POST', '/v1/keys', undefined, '{"name":"ci","roles":["editor"]}'],
    ['GET', '/v1/keys/k1', undefined, ''],
    ['PATCH', '/v1/keys/k1', '"v1"', '{"description":null,"labels":{"a":"b"}}'],
    ['POST', '/v1/keys/k1/disable', undefined, ''],
    ['POST', '/v1/keys/k1/enable', '"v2"', ''],
    ['POST', '/v1/keys/k1/regenerate', '"v3"', '{"graceMs":60000}'],
    ['POST', '/v1/keys/k1/revoke', '"v4"', ''],
    ['POST', '/v1/verify', undefined, '{"secret":"abc"}'],
    ['GET', '/v1/whoami', undefined, ''],
    ['GET', '/v1/keys?limit=500', undefined, ''],
  ]);
});

test('a filter is sent whole', async () => {
  const { wire, service } = await serviceThat([json(200, { keys: [], nextCursor: null })]);
  await service.list({
    namespace: null,
    statuses: ['active', 'expired'],
    owner: 'al&ice',
    role: 'editor',
    type: 'view',
    labels: { team: 'a=b', env: 'prod' },
    nameGlob: 'ci-*',
    expiresBefore: '2027-01-01T00:00:00Z',
    unusedSince: '2026-01-01T00:00:00Z',
    noExpiry: true,
    cursor: 'c/1',
    pageSize: 7,
  });
  const { searchParams } = new URL(wire.asked[0]?.url ?? '', wire.url);
  expect([...searchParams]).toEqual([
    ['namespace', '*'],
    ['status', 'active'],
    ['status', 'expired'],
    ['owner', 'al&ice'],
    ['role', 'editor'],
    ['type', 'view'],
    ['label', 'team=a=b'],
    ['label', 'env=prod'],
    ['name', 'ci-*'],
    ['expiresBefore', '2027-01-01T00:00:00Z'],
    ['unusedSince', '2026-01-01T00:00:00Z'],
    ['noExpiry', 'true'],
    ['limit', '7'],
    ['cursor', 'c/1'],
  ]);
});

test("the profile's namespace is the one to list and create in, unless another is named", async () => {
  const page = json(200, { keys: [], nextCursor: null });
  const { wire, service } = await serviceThat([page, page, page, json(201, { key, secret: 'abc' })], {
    namespace: 'team',
  });
  await service.list({});
  await service.list({ namespace: 'other' });
  await service.list({ namespace: null });
  await service.create({ name: 'ci' });
  const sent = wire.asked.map(({ url }) => new URL(url, wire.url).searchParams.get('namespace'));
  expect(sent.slice(0, 3)).toEqual(['team', 'other', '*']);
  expect(JSON.parse(wire.asked[3]?.body ?? '')).toEqual({ name: 'ci', namespace: 'team' });
});

// What is answered.

test('fields that are not known here are left out', async () => {
  const { service } = await serviceThat([json(200, { ...key, colour: 'red' })]);
  expect(await service.get('k1')).toEqual(key);
});

test('what an older service does not say of a key is unknown', async () => {
  const { rateLimit: _limit, recoverable: _recoverable, ...older } = key;
  const { service } = await serviceThat([json(200, older)]);
  expect(await service.get('k1')).toEqual({ ...older, rateLimit: null, recoverable: null });
});

test('a page of keys of several MiB is read', async () => {
  const keys = Array.from({ length: 500 }, (_, n) => ({
    ...key,
    id: `k${n}`,
    description: 'é'.repeat(5_000),
  }));
  const { service } = await serviceThat([json(200, { keys, nextCursor: null })]);
  expect((await service.list({})).keys).toHaveLength(500);
});

test.each<[string, unknown]>([
  ['null', null],
  ['a list', [key]],
  ['no id', { ...key, id: undefined }],
  ['a number for a name', { ...key, name: 7 }],
  ['roles that are no list', { ...key, roles: 'editor' }],
  ['a label that is no text', { ...key, labels: { a: 1 } }],
  ['a status nobody knows', { ...key, status: 'asleep' }],
])('%s instead of a key is bad_response (exit 12)', async (_name, body) => {
  const { service } = await serviceThat([json(200, body), json(200, { keys: [body], nextCursor: null })]);
  expect((await failureOf(service.get('k1'))).exitCode).toBe(12);
  expect((await failureOf(service.list({}))).exitCode).toBe(12);
});

test('__proto__ in a key changes nothing', async () => {
  const text = JSON.stringify(key).replace(
    '"labels":{}',
    '"labels":{"__proto__":"x","a":"b"},"__proto__":{"name":"evil"}',
  );
  const { service } = await serviceThat([json(200, JSON.parse(text))]);
  const found = await service.get('k1');
  expect(found.name).toBe('ci');
  expect(Object.getPrototypeOf(found.labels)).toBe(Object.prototype);
});

test.each<[string, unknown]>([
  ['none', undefined],
  ['null', null],
  ['an empty one', ''],
  ['a number', 12],
  ['one with an escape sequence', 'abc\u001b[2J'],
  ['one of two lines', 'abc\ndef'],
])('a created key with %s for a secret is bad_response and names the key', async (_name, secret) => {
  const { service } = await serviceThat([json(201, { key, secret })]);
  const error = await failureOf(service.create({ name: 'ci' }));
  expect(error).toMatchObject({
    code: 'bad_response',
    exitCode: 12,
    mintedId: 'k1',
    hint: expect.stringContaining('keys revoke k1'),
  });
});

test('a created key without a secret is named without what a terminal would act on', async () => {
  const { service } = await serviceThat([json(201, { key: { ...key, id: 'k\u001b[2J1' } })]);
  const { message, hint } = await failureOf(service.create({ name: 'ci' }));
  expect(message + hint).not.toContain('\u001b');
});

test('a secret is never lost because of an odd field beside it', async () => {
  const odd = { id: 'k1', name: 'ci', type: 'new-type', roles: null, labels: 3, status: 'asleep' };
  const { service } = await serviceThat([json(201, { key: odd, secret: 'abc' })]);
  const { key: found, secret } = await service.create({ name: 'ci' });
  expect(secret.reveal()).toBe('abc');
  expect(found).toMatchObject({ id: 'k1', name: 'ci', type: null, roles: [], labels: {}, status: null });
});

test('an answer to create that is no JSON says that a key may be there', async () => {
  const page: Reply = (response) =>
    void response.writeHead(200, { 'content-type': 'text/html' }).end('<html>');
  const { service } = await serviceThat([page]);
  const error = await failureOf(service.create({ name: 'ci' }));
  expect(error).toMatchObject({ code: 'bad_response', hint: expect.stringContaining('keys list') });
});

// What is repeated, and what a lost answer leaves.

test.each([
  ['create', (service: KeyService) => service.create({ name: 'ci' })],
  ['regenerate', (service: KeyService) => service.regenerate('k1')],
])('%s is sent once: after a lost answer its outcome is unknown', async (_verb, run) => {
  const { service } = await serviceThat([lost]);
  expect((await failureOf(run(service))).code).toBe('outcome_unknown');
});

const mints: [string, (service: KeyService) => Promise<unknown>][] = [
  ['create', (service) => service.create({ name: 'ci' }, { idempotencyKey })],
  ['regenerate', (service) => service.regenerate('k1', { overlap: true, idempotencyKey }, 'v1')],
];

test.each(mints)('%s under an idempotency key is sent again, the same bytes', async (_verb, run) => {
  const { wire, service } = await serviceThat([lost, problem(503, 'unavailable'), issued]);
  await run(service);
  const sent = wire.asked.map(({ url, headers, body }) => [
    url,
    headers['idempotency-key'],
    headers['if-match'],
    body,
  ]);
  expect(sent).toEqual(Array(3).fill(sent[0]));
  expect(sent[0]?.[1]).toBe(idempotencyKey);
});

test.each(mints)('%s whose answers are all lost has an unknown outcome', async (_verb, run) => {
  const { service } = await serviceThat((response, asked) => lost(response, asked));
  expect((await failureOf(run(service))).code).toBe('outcome_unknown');
});

test.each([
  [401, 'unauthenticated'],
  [404, 'not_found'],
  [409, 'conflict'],
  [412, 'changed'],
])(
  'a mint that is refused with %s has an unknown outcome after a lost answer, and none before',
  async (status, code) => {
    const refusal = problem(status, code);
    for (const [, run] of mints) {
      expect((await failureOf(run((await serviceThat([refusal])).service))).code).toBe(code);
      const { service } = await serviceThat([lost, refusal]);
      expect((await failureOf(run(service))).code).toBe('outcome_unknown');
    }
  },
);

test('a mint whose secret is gone after a lost answer says so', async () => {
  const { service } = await serviceThat([lost, problem(410, 'secret_gone')]);
  const error = await failureOf(service.create({ name: 'ci' }, { idempotencyKey }));
  expect(error.code).toBe('secret_gone');
});

test('a mint is asked about, cancelled, acknowledged and settled under its idempotency key', async () => {
  const mint = { key, secretState: 'used', inForce: true };
  const nothing: Reply = (response) => void response.writeHead(204).end();
  const { wire, service } = await serviceThat([
    json(200, mint),
    problem(404, 'not_found'),
    lost,
    nothing,
    nothing,
    lost,
    json(200, key),
  ]);
  const minting = mintingOf(service);
  expect(await minting.status(idempotencyKey)).toEqual(mint);
  expect(await minting.status(idempotencyKey)).toBeNull();
  expect(await minting.cancel(idempotencyKey)).toBeNull();
  await minting.acknowledge(idempotencyKey);
  expect(await minting.settle(idempotencyKey, { keep: 'new', graceMs: 5 })).toEqual(key);
  expect(asked(wire)).toEqual([
    'GET /v1/mint',
    'GET /v1/mint',
    'POST /v1/mint/cancel',
    'POST /v1/mint/cancel',
    'POST /v1/mint/acknowledge',
    'POST /v1/mint/settle',
    'POST /v1/mint/settle',
  ]);
  expect(wire.asked.at(-1)?.body).toBe('{"keep":"new","graceMs":5}');
  expect(wire.asked.every(({ headers }) => headers['idempotency-key'] === idempotencyKey)).toBe(true);
});

test('a revoked key that is gone after a lost answer was revoked', async () => {
  const { wire, service } = await serviceThat([lost, problem(404, 'not_found')]);
  await service.revoke('k1');
  expect(wire.asked).toHaveLength(2);
});

test('an answer to a revocation that is a key in force is no revocation (exit 12)', async () => {
  const { service } = await serviceThat([json(200, key)]);
  expect((await failureOf(service.revoke('k1'))).code).toBe('bad_response');
});

test('revoke of a key that is not there is not_found', async () => {
  const { service } = await serviceThat([problem(404, 'not_found')]);
  expect((await failureOf(service.revoke('k1'))).code).toBe('not_found');
});

test('a revoke with a version that meets its own traces succeeds, and one that meets those of others does not', async () => {
  const changed = problem(412, 'changed');
  const own = await serviceThat([lost, changed, json(200, { ...key, status: 'revoked' })]);
  await own.service.revoke('k1', 'v1');
  const others = await serviceThat([lost, changed, json(200, { ...key, version: 'v2' })]);
  expect((await failureOf(others.service.revoke('k1', 'v1'))).code).toBe('changed');
  const plain = await serviceThat([changed]);
  expect((await failureOf(plain.service.revoke('k1', 'v1'))).code).toBe('changed');
});

const verbs: [string, (service: KeyService, version?: string) => Promise<Key>, Partial<Key>, Partial<Key>][] =
  [
    [
      'edit',
      (service, version) =>
        service.edit(
          'k1',
          {
            roles: ['viewer', 'editor'],
            labels: { team: 'core', env: 'prod' },
            expiresAt: '2027-01-01T00:00:00.000Z',
          },
          version,
        ),
      {
        roles: ['editor', 'viewer'],
        labels: { env: 'prod', team: 'core' },
        expiresAt: '2027-01-01T00:00:00Z',
      },
      { roles: ['editor'] },
    ],
    [
      'disable',
      (service, version) => service.disable('k1', version),
      { status: 'disabled' },
      { status: 'active' },
    ],
    [
      'enable',
      (service, version) => service.enable('k1', version),
      { status: 'active' },
      { status: 'disabled' },
    ],
    [
      'enable of a key that has expired',
      (service, version) => service.enable('k1', version),
      { status: 'expired' },
      { status: 'disabled' },
    ],
  ];

test.each(verbs)(
  '%s with a version, met by its own traces after a lost answer, succeeds',
  async (_verb, run, wanted) => {
    const standing = { ...key, ...wanted, version: 'v2' };
    const { wire, service } = await serviceThat([lost, problem(412, 'changed'), json(200, standing)]);
    expect(await run(service, 'v1')).toEqual(standing);
    expect(wire.asked[1]?.headers['if-match']).toBe('"v1"');
  },
);

test.each(verbs)(
  '%s with a version, met by somebody else’s change, is changed',
  async (_verb, run, _wanted, other) => {
    const lostThen = await serviceThat([
      lost,
      problem(412, 'changed'),
      json(200, { ...key, ...other, version: 'v2' }),
    ]);
    expect((await failureOf(run(lostThen.service, 'v1'))).code).toBe('changed');
    const plain = await serviceThat([problem(412, 'changed')]);
    expect((await failureOf(run(plain.service, 'v1'))).code).toBe('changed');
  },
);

test.each(verbs)(
  '%s without a version is repeated after a lost answer only to the key as it then is',
  async (_verb, run, wanted, other) => {
    const done = { ...key, ...wanted, version: 'v2' };
    const stood = await serviceThat([lost, json(200, done)]);
    expect(await run(stood.service)).toEqual(done);
    const again = await serviceThat([lost, json(200, { ...key, ...other, version: 'v7' }), json(200, done)]);
    expect(await run(again.service)).toEqual(done);
    expect(again.wire.asked.map(({ headers }) => headers['if-match'])).toEqual([
      undefined,
      undefined,
      '"v7"',
    ]);
  },
);

test.each(verbs)(
  '%s that was not done when its answer was lost, of a key without a version, is not sent again',
  async (_verb, run, _wanted, other) => {
    const { wire, service } = await serviceThat([lost, json(200, { ...key, ...other, version: null })]);
    expect((await failureOf(run(service))).code).toBe('outcome_unknown');
    expect(wire.asked).toHaveLength(2);
  },
);

test.each(verbs)('%s whose outcome cannot be found out stays unknown', async (_verb, run) => {
  const { service } = await serviceThat([lost, lost, lost, lost, lost]);
  expect((await failureOf(run(service))).code).toBe('outcome_unknown');
});

test('a revoke whose every answer is lost stays unknown', async () => {
  const { service } = await serviceThat([lost, lost, lost, lost]);
  expect((await failureOf(service.revoke('k1'))).code).toBe('outcome_unknown');
});

test('verify is a question: it is asked again, and an unusable secret is an answer', async () => {
  const { wire, service } = await serviceThat([
    lost,
    json(200, { valid: false, reason: 'unknown', key: null }),
  ]);
  expect(await service.verify(new Secret('nope'))).toEqual({ valid: false, reason: 'unknown', key: null });
  expect(asked(wire)).toEqual(['POST /v1/verify', 'POST /v1/verify']);
});

// Reveal, which takes the password again.

const own = json(201, { accessToken: 'own' });
const steppedUp = json(200, { accessToken: 'stepped' });
const forbidden = problem(403, 'forbidden');
const ended: Reply = (response) => void response.writeHead(204).end();
const password = new Secret('pass');

test('with a key, reveal steps up a session of its own, knows its tokens as secrets, and ends it', async () => {
  const known: string[] = [];
  const know = (secret: Secret) => {
    known.push(secret.reveal());
    return secret;
  };
  const parts = {
    credential: new Secret('ks_1'),
    now: Date.now,
    know,
    renewCredential: async () => password,
  };
  const revealed = json(200, { key, secret: 'abc' });
  const { wire, service } = await serviceThat([forbidden, own, steppedUp, revealed, ended], {}, parts);
  const { secret } = (await service.reveal?.('k1', password)) ?? {};
  expect(secret?.reveal()).toBe('abc');
  expect(wire.asked.map(({ method, url, headers }) => [`${method} ${url}`, headers.authorization])).toEqual([
    ['POST /v1/sessions/step-up', 'Bearer s3cr3t'],
    ['POST /v1/sessions', 'Bearer s3cr3t'],
    ['POST /v1/sessions/step-up', 'Bearer own'],
    ['GET /v1/keys/k1/secret', 'Bearer stepped'],
    ['DELETE /v1/sessions/current', 'Bearer own'],
  ]);
  expect(known).toEqual(expect.arrayContaining(['own', 'Bearer own', 'stepped', 'Bearer stepped']));
});

test.each<[string, string, Reply[]]>([
  ['a wrong password', 'unauthenticated', [problem(401, 'unauthenticated'), ended]],
  ['a refusal of the secret', 'forbidden', [steppedUp, forbidden, ended]],
  ['an empty secret', 'bad_response', [steppedUp, json(200, { key, secret: '' }), ended]],
])('%s ends the session that reveal made as well', async (_what, code, replies) => {
  const { wire, service } = await serviceThat([forbidden, own, ...replies]);
  expect((await failureOf(Promise.resolve(service.reveal?.('k1', password)))).code).toBe(code);
  expect(asked(wire).at(-1)).toBe('DELETE /v1/sessions/current');
});

test('a revealed secret is not lost because its session could not be ended', async () => {
  const { service } = await serviceThat([
    forbidden,
    own,
    steppedUp,
    json(200, { key, secret: 'abc' }),
    forbidden,
  ]);
  expect((await service.reveal?.('k1', password))?.secret.reveal()).toBe('abc');
});

test('401 is unauthenticated and tells how to log in', async () => {
  const { service } = await serviceThat([problem(401, 'unauthenticated')]);
  const error = await failureOf(service.whoami());
  expect(error).toMatchObject({
    code: 'unauthenticated',
    exitCode: 4,
    hint: expect.stringContaining('keys auth login'),
  });
});

test('the audit log may be read on and on: what its pages took is not the time of the command', async () => {
  const page = json(200, { entries: [], nextCursor: 'row_1' });
  const head = json(200, { seq: 1, hash: 'h' });
  const { url } = await scriptedService((response, asked) => {
    setTimeout(() => (asked.url.includes('head') ? head : page)(response, asked), 100);
  });
  const http = httpTo(url, { timeoutMs: 1_000 });
  const { audit } = keysDriver(http, {
    name: 'p',
    driver: 'keys',
    url,
    namespace: null,
    store: 'none',
    origin: 'environment',
  });
  for (let n = 0; n < 11; n++) {
    await audit?.list({});
    await audit?.head();
  }
});

const user = {
  name: 'ann',
  role: 'member',
  status: 'active',
  hasPassword: true,
  memberships: [{ namespace: 'team', role: 'owner' }],
  createdAt: '2026-11-01T00:00:00.000Z',
  version: '1',
} as const;

test('every method on users, namespaces and roles is the request that docs/api.md names', async () => {
  const namespace = { name: 'team', quota: 2, activeKeys: 0, recoverable: true, createdAt: user.createdAt };
  const role = { name: 'auditor', permissions: ['audit.view'], builtIn: false };
  const { wire, service } = await serviceThat([
    json(200, { users: [user] }),
    ...Array.from({ length: 9 }, () => json(200, user)),
    json(200, { namespaces: [namespace] }),
    json(201, namespace),
    json(200, namespace),
    json(200, { roles: [role] }),
    json(201, role),
    json(200, role),
  ]);
  const { users, namespaces, roles } = service;
  const password = new Secret('a new password');
  const currentPassword = new Secret('the old one');
  expect(await users?.list()).toEqual([user]);
  expect(await users?.get('ann')).toEqual(user);
  await users?.create({ name: 'ann', role: 'admin', memberships: [...user.memberships], password });
  await users?.edit('ann', { password, currentPassword }, '1');
  await users?.edit('ann', { role: 'admin', password: null });
  await users?.edit('ann', { role: 'member' });
  await users?.disable('ann', '2');
  await users?.enable('ann', '3');
  await users?.join('ann', { namespace: 'team', role: 'viewer' });
  await users?.leave('ann', 'team');
  expect(await namespaces?.list()).toEqual([namespace]);
  await namespaces?.create({ name: 'team', quota: 2 });
  await namespaces?.edit('team', { quota: null });
  expect(await roles?.list()).toEqual([role]);
  expect(await roles?.create({ name: 'auditor', permissions: ['audit.view'] })).toEqual(role);
  await roles?.edit('auditor', { permissions: [] });
  const sent = wire.asked.map(({ method, url, headers, body }) => [
    `${method} ${url}`,
    headers['if-match'],
    body === '' ? null : JSON.parse(body),
  ]);
  const secrets = { password: 'a new password', currentPassword: 'the old one' };
  expect(sent).toEqual([
    ['GET /v1/users', undefined, null],
    ['GET /v1/users/ann', undefined, null],
    [
      'POST /v1/users',
      undefined,
      { name: 'ann', role: 'admin', memberships: user.memberships, password: 'a new password' },
    ],
    ['PATCH /v1/users/ann', '"1"', secrets],
    ['PATCH /v1/users/ann', undefined, { role: 'admin', password: null }],
    ['PATCH /v1/users/ann', undefined, { role: 'member' }],
    ['POST /v1/users/ann/disable', '"2"', null],
    ['POST /v1/users/ann/enable', '"3"', null],
    ['PUT /v1/users/ann/memberships/team', undefined, { role: 'viewer' }],
    ['DELETE /v1/users/ann/memberships/team', undefined, null],
    ['GET /v1/namespaces', undefined, null],
    ['POST /v1/namespaces', undefined, { name: 'team', quota: 2 }],
    ['PATCH /v1/namespaces/team', undefined, { quota: null }],
    ['GET /v1/roles', undefined, null],
    ['POST /v1/roles', undefined, { name: 'auditor', permissions: ['audit.view'] }],
    ['PATCH /v1/roles/auditor', undefined, { permissions: [] }],
  ]);
});

test('a change of an own password is sent once, as the old one is wrong by then; what may be repeated is', async () => {
  const { wire, service } = await serviceThat([lost, lost, json(200, user)]);
  const { users } = service;
  const passwords = { password: new Secret('a new password'), currentPassword: new Secret('the old one') };
  expect((await failureOf(Promise.resolve(users?.edit('ann', passwords)))).code).toBe('outcome_unknown');
  expect(wire.asked).toHaveLength(1);
  expect(await users?.edit('ann', { role: 'admin' })).toEqual(user);
  expect(wire.asked).toHaveLength(3);
});

test.each<[string, (service: KeyService) => Promise<unknown>]>([
  ['a user', async ({ users }) => users?.create({ name: 'ann' })],
  ['a namespace', async ({ namespaces }) => namespaces?.create({ name: 'team' })],
  ['a role', async ({ roles }) => roles?.create({ name: 'auditor', permissions: [] })],
])('%s whose creation is not answered is not made twice', async (_, create) => {
  const { wire, service } = await serviceThat((response, asked) => lost(response, asked));
  expect((await failureOf(create(service))).code).toBe('outcome_unknown');
  expect(wire.asked).toHaveLength(1);
});

test('3,000 users with six memberships each, and 10,000 namespaces, are listed', async () => {
  const users = Array.from({ length: 3_000 }, (_, n) => ({
    name: `user-${n}`,
    role: 'member',
    status: 'active',
    hasPassword: true,
    memberships: Array.from({ length: 6 }, (_, m) => ({ namespace: `department-${n}-${m}`, role: 'owner' })),
    createdAt: '2026-11-01T00:00:00.000Z',
    version: '1',
  }));
  const namespaces = Array.from({ length: 10_000 }, (_, n) => ({
    name: `department-${n}-${'x'.repeat(40)}`,
    quota: null,
    activeKeys: 0,
    recoverable: false,
    createdAt: '2026-11-01T00:00:00.000Z',
  }));
  const { service } = await serviceThat([json(200, { users }), json(200, { namespaces })]);
  expect(await service.users?.list()).toHaveLength(3_000);
  expect(await service.namespaces?.list()).toHaveLength(10_000);
});
