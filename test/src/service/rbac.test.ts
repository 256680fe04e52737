/** Every route about one key, every kind of caller, and a key of their own, somebody else's, one that holds more, one elsewhere, none. */
import { expect, test } from 'vitest';
import type { Key, NewKey } from '../../../src/keys.ts';
import { type HttpService, newHttpService } from '../../fakes/http-service.ts';

const targets = ['own', 'theirs', 'stronger', 'elsewhere', 'missing'] as const;
type TargetName = (typeof targets)[number];

/** What is answered for each of the targets, in order. */
const outcomes = {
  all: [200, 200, 200, 200, 404],
  looks: [200, 200, 200, 404, 404],
  administers: [200, 200, 403, 404, 404],
  refused: [403, 403, 403, 404, 404],
  own: [200, 404, 404, 404, 404],
  'own, refused': [403, 404, 404, 404, 404],
  nothing: [404, 404, 404, 404, 404],
} as const;
type Outcome = keyof typeof outcomes;

/** All of `carol`, in the namespace `team`. */
const callers = {
  admin: { roles: ['admin'] },
  owner: { roles: ['owner'] },
  editor: { roles: ['editor'] },
  viewer: { roles: ['viewer'] },
  'View key with the role viewer': { type: 'view', roles: ['viewer'] },
  'key with a role of the team': { roles: ['minter'] },
  'key with permissions': { permissions: ['keys.view', 'keys.disable'] },
  'key with permissions elsewhere than here': { permissions: ['dashboards.view', 'dashboards.edit'] },
  'key without roles': {},
  'View key without roles': { type: 'view' },
} as const satisfies Record<string, Partial<NewKey>>;
type CallerName = keyof typeof callers;

const roles = { minter: ['keys.view', 'keys.create', 'keys.regenerate'] };

const refusedToMost = {
  editor: 'refused',
  viewer: 'refused',
  'View key with the role viewer': 'refused',
  'key with a role of the team': 'refused',
  'key with permissions': 'refused',
  'key with permissions elsewhere than here': 'nothing',
  'key without roles': 'own, refused',
  'View key without roles': 'own, refused',
} as const;

/** On a key. */
const onKeys: Record<string, { body?: object; expected: Record<CallerName, Outcome> }> = {
  'GET /v1/keys/:id': {
    expected: {
      ...{ admin: 'all', owner: 'looks', editor: 'looks', viewer: 'looks' },
      'View key with the role viewer': 'looks',
      'key with a role of the team': 'looks',
      'key with permissions': 'looks',
      'key with permissions elsewhere than here': 'nothing',
      'key without roles': 'own',
      'View key without roles': 'own',
    },
  },
  'PATCH /v1/keys/:id': {
    body: { description: 'edited' },
    expected: { ...refusedToMost, admin: 'all', owner: 'administers' },
  },
  'POST /v1/keys/:id/disable': { expected: { ...refusedToMost, admin: 'all', owner: 'administers' } },
  'POST /v1/keys/:id/enable': { expected: { ...refusedToMost, admin: 'all', owner: 'administers' } },
  'POST /v1/keys/:id/regenerate': { expected: { ...refusedToMost, admin: 'all', owner: 'administers' } },
  'POST /v1/keys/:id/revoke': {
    expected: { ...refusedToMost, admin: 'all', owner: 'administers', 'key without roles': 'own' },
  },
};

interface World extends HttpService {
  readonly secret: string;
  readonly ids: Record<TargetName, string>;
}

async function newWorld(caller: CallerName): Promise<World> {
  const service = await newHttpService({ settings: { roles } });
  const { mint } = service;
  const { secret } = await mint({ owner: 'carol', namespace: 'team', ...callers[caller] });
  const made = async (key: Partial<NewKey>) => (await mint({ namespace: 'team', ...key })).id;
  const ids = {
    own: await made({ owner: 'carol', roles: ['viewer'] }),
    theirs: await made({ owner: 'dave', roles: ['viewer'] }),
    stronger: await made({ owner: 'dave', roles: ['admin'] }),
    elsewhere: await made({ owner: 'dave', namespace: 'other', roles: ['viewer'] }),
    missing: 'key_0000000000000000',
  };
  return { ...service, secret, ids };
}

for (const [route, { body, expected }] of Object.entries(onKeys)) {
  for (const caller of Object.keys(callers) as CallerName[]) {
    test(`${route} by a ${caller}: ${expected[caller]}`, async () => {
      const { ask, secret, ids, admin } = await newWorld(caller);
      const statuses = [];
      for (const target of targets) {
        const id = ids[target];
        const before = target === 'missing' ? null : await admin.get(id);
        const { status, body: said } = await ask(route.replace(':id', id), { body, secret });
        statuses.push(status);
        if (before && status !== 200) expect(await admin.get(id)).toEqual(before);
        if (status !== 200) expect(said).not.toHaveProperty('secret');
      }
      expect(statuses).toEqual(outcomes[expected[caller]]);
    });
  }
}

/** What each caller may give a new key in `team`; everything else is 403. */
const gifts: Record<string, { body: object; by: readonly CallerName[] }> = {
  'the role viewer': {
    body: { roles: ['viewer'] },
    by: ['admin', 'owner'],
  },
  'the role owner': { body: { roles: ['owner'] }, by: ['admin', 'owner'] },
  'the role admin': { body: { roles: ['admin'] }, by: ['admin'] },
  "a role with the caller's own permissions": {
    body: { roles: ['minter'] },
    by: ['admin', 'owner', 'key with a role of the team'],
  },
  'a permission that the caller has': {
    body: { permissions: ['keys.view'] },
    by: ['admin', 'owner', 'key with a role of the team'],
  },
  'a permission of an API': { body: { permissions: ['dashboards.edit'] }, by: ['admin', 'owner'] },
  'neither roles nor permissions': { body: {}, by: ['admin'] },
  'another owner': { body: { roles: ['viewer'], owner: 'dave' }, by: ['admin'] },
  'another namespace': { body: { roles: ['viewer'], namespace: 'other' }, by: ['admin'] },
};

for (const [gift, { body, by }] of Object.entries(gifts)) {
  for (const caller of Object.keys(callers) as CallerName[]) {
    const allowed = by.includes(caller);
    test(`POST /v1/keys with ${gift} by a ${caller}: ${allowed ? 201 : 403}`, async () => {
      const { ask, secret, admin } = await newWorld(caller);
      const before = await admin.list({ namespace: null });
      const wanted = { name: 'given', namespace: 'team', ...body };
      const answer = await ask('POST /v1/keys', { body: wanted, secret });
      expect(answer.status).toBe(allowed ? 201 : 403);
      const after = await admin.list({ namespace: null });
      expect(after.keys.length - before.keys.length).toBe(allowed ? 1 : 0);
    });
  }
}

/** Fields that a caller might add to a body in the hope that somebody believes them. */
const forged = {
  id: 'key_0000000000000000',
  status: 'active',
  createdBy: 'root',
  createdAt: '2020-01-01T00:00:00Z',
  lastUsedAt: '2020-01-01T00:00:00Z',
  version: '1',
  secret: 'x',
  grants: [{ namespace: null, permissions: ['*'] }],
  isAdmin: true,
  caller: { keyId: null, roles: ['admin'] },
  constructor: 'x',
};

test('a forged field is 400 on every route about keys, from an owner, and changes nothing', async () => {
  const { ask, secret, ids, admin } = await newWorld('owner');
  await ask('GET /v1/whoami', { secret });
  const before = await admin.list({ namespace: null });
  const routes = {
    'POST /v1/keys': { name: 'forged', roles: ['viewer'], namespace: 'team' },
    [`PATCH /v1/keys/${ids.own}`]: { description: 'forged' },
    [`POST /v1/keys/${ids.own}/disable`]: {},
    [`POST /v1/keys/${ids.own}/enable`]: {},
    [`POST /v1/keys/${ids.own}/regenerate`]: {},
    [`POST /v1/keys/${ids.own}/revoke`]: {},
    'POST /v1/verify': { secret: 'x' },
  };
  for (const [route, body] of Object.entries(routes)) {
    for (const [field, value] of Object.entries(forged)) {
      if (Object.hasOwn(body, field)) continue;
      const answer = await ask(route, { secret, body: { ...body, [field]: value } });
      expect(`${route} ${field} ${answer.status}`).toBe(`${route} ${field} 400`);
    }
  }
  expect(await admin.list({ namespace: null })).toEqual(before);
});

test('an edit gives no more than its caller has', async () => {
  for (const [body, status] of [
    [{ roles: ['owner'] }, 200],
    [{ roles: ['admin'] }, 403],
    [{ roles: [] }, 403],
    [{ permissions: ['keys.create'], roles: [] }, 200],
  ] as const) {
    const { ask, secret, ids } = await newWorld('owner');
    expect((await ask(`PATCH /v1/keys/${ids.own}`, { body, secret })).status).toBe(status);
  }
});

test('GET /v1/keys shows what the caller may see and nothing else', async () => {
  const expected: Record<CallerName, readonly TargetName[] | 403> = {
    admin: ['own', 'theirs', 'stronger'],
    owner: ['own', 'theirs', 'stronger'],
    editor: ['own', 'theirs', 'stronger'],
    viewer: ['own', 'theirs', 'stronger'],
    'View key with the role viewer': ['own', 'theirs', 'stronger'],
    'key with a role of the team': ['own', 'theirs', 'stronger'],
    'key with permissions': ['own', 'theirs', 'stronger'],
    'key with permissions elsewhere than here': 403,
    'key without roles': ['own'],
    'View key without roles': ['own'],
  };
  for (const caller of Object.keys(callers) as CallerName[]) {
    const { ask, secret, ids } = await newWorld(caller);
    const { status, body } = await ask('GET /v1/keys?namespace=team', { secret });
    const seen = ((body as { keys?: Key[] }).keys ?? []).map(({ id }) => id);
    const wanted = expected[caller];
    expect(status).toBe(wanted === 403 ? 403 : 200);
    if (wanted !== 403) expect(targets.filter((target) => seen.includes(ids[target]))).toEqual(wanted);
  }
});
