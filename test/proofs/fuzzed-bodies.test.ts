/** Whatever is sent to whatever changes something: nobody may do more afterwards, and the service does not fail. */
import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { KeysError } from '../../src/errors.ts';
import { allKeys, type Key } from '../../src/keys.ts';
import { Secret } from '../../src/secret.ts';
import { parseMasterKeys } from '../../src/service/master-keys.ts';
import type { User } from '../../src/users.ts';
import { goodBody, hostileBody, type Schema, type Values } from '../fakes/bodies.ts';
import { type HttpService, newHttpService } from '../fakes/http-service.ts';
import { runs } from './scale.ts';

const password = 'correct horse battery';

interface Route {
  readonly method: string;
  readonly path: string;
  readonly body: Schema;
}

/** Every route that may change something, as the service describes itself: a new one is among them without being asked. */
async function changingRoutes({ ask }: HttpService): Promise<Route[]> {
  const { body } = await ask('GET /openapi.json', { secret: null });
  const { paths } = body as { paths: Record<string, Record<string, Operation>> };
  return Object.entries(paths).flatMap(([path, operations]) =>
    Object.entries(operations)
      .filter(([method]) => !['get', 'head', 'options'].includes(method))
      .map(([method, { requestBody }]) => ({
        ...{ method: method.toUpperCase(), path },
        body: requestBody?.content['application/json'].schema ?? {},
      })),
  );
}

interface Operation {
  readonly requestBody?: { readonly content: { readonly 'application/json': { readonly schema: Schema } } };
}

/** `vic` views the namespace `team`, `erin` owns it, `frank` is nothing, `boss` is an admin. */
async function newWorld(): Promise<HttpService> {
  const masterKeys = parseMasterKeys(randomBytes(32).toString('base64'), 'the test');
  const service = await newHttpService({ settings: { masterKeys } });
  const { admin, mint } = service;
  for (const name of ['team', 'other'])
    await admin.namespaces.create({ name, quota: 150, recoverable: true });
  await admin.roles.create({ name: 'minter', permissions: ['keys.view', 'keys.create'] });
  const as = (role: string) => ({
    password: new Secret(password),
    memberships: [{ namespace: 'team', role }],
  });
  await admin.users.create({ name: 'vic', ...as('viewer') });
  await admin.users.create({ name: 'erin', ...as('owner') });
  await admin.users.create({ name: 'frank', ...as('viewer'), memberships: [] });
  await admin.users.create({ name: 'boss', ...as('owner'), role: 'admin' });
  for (const namespace of ['team', 'other', 'default']) {
    await mint({ namespace, owner: 'boss', roles: ['admin'] });
    await mint({ namespace, owner: 'boss' });
    await mint({ namespace, owner: 'alice', roles: ['viewer'] });
    await mint({ namespace, owner: 'vic', roles: ['viewer'] });
  }
  return service;
}

type Open = (service: HttpService) => Promise<string>;

const key =
  (given: object): Open =>
  async ({ mint }) =>
    (await mint({ namespace: 'team', ...given })).secret;

const session =
  (user: string): Open =>
  async ({ admin, service, clock }) => {
    // Somebody may have changed their own password, and guesses make everybody wait.
    await admin.users.edit(user, { password: new Secret(password) });
    const context = { address: null, requestId: null };
    const login = () => service.sessions.open(user, new Secret(password), context);
    const { accessToken } = await login().catch((error: KeysError) => {
      clock.now += error.retryAfterMs ?? 0;
      return login();
    });
    return accessToken.reveal();
  };

const powerless: Readonly<Record<string, Open>> = {
  nobody: async () => '',
  'a member by session': session('vic'),
  'a member without a namespace, by session': session('frank'),
  'a viewer key': key({ owner: 'vic', roles: ['viewer'] }),
  'an editor key': key({ owner: 'vic', roles: ['editor'] }),
  'a key that acts as its owner': key({ owner: 'vic' }),
  'a View key of an admin': key({ owner: 'boss', type: 'view' }),
};

const owners: Readonly<Record<string, Open>> = {
  'an owner by session': session('erin'),
  'an owner key': key({ owner: 'erin', roles: ['owner'] }),
  'a key that may mint': key({ owner: 'erin', roles: ['minter'] }),
};

/** All that decides who may do what. */
async function powers({ admin }: HttpService) {
  const keys = new Map<string, Key>();
  const statuses = ['active', 'disabled', 'expired', 'revoked'] as const;
  for await (const page of allKeys(admin, { namespace: null, statuses: [...statuses] })) {
    for (const each of page) keys.set(each.id, each);
  }
  const namespaces = await admin.namespaces.list();
  const users = await admin.users.list();
  return {
    keys,
    others: {
      users: users.map(({ version, ...user }): Omit<User, 'version'> => user),
      namespaces: namespaces.map(({ activeKeys, ...namespace }) => namespace),
      roles: await admin.roles.list(),
    },
  };
}

/** Whether a key may be so after a request with this secret. */
type Allowed = (before: Key | undefined, after: Key, secret: string | null) => boolean;

/** Everybody may end what is theirs, and every key itself; nothing else of a key may be otherwise. */
function onlyRevoked(before: Key | undefined, after: Key, secret: string | null): boolean {
  const same = ({ lastUsedAt, version, ...rest }: Key, status: Key['status']) =>
    JSON.stringify({ ...rest, status });
  if (before === undefined || same(before, after.status) !== same(after, after.status)) return false;
  if (before.status === after.status) return true;
  const own = before.owner === 'vic' || before.lastFour === secret?.slice(-4);
  return after.status === 'revoked' && before.name.startsWith('minted-') && own;
}

/** An owner does as they like in their namespace, to what holds no more than they do. */
function withinTeam(before: Key | undefined, after: Key, secret: string | null): boolean {
  if (after.roles.includes('admin') || after.owner === 'boss' || after.namespace !== 'team')
    return onlyRevoked(before, after, secret);
  if (before === undefined) return after.owner === 'erin' && after.createdBy === 'erin';
  const fixed = ({ namespace, owner, type, createdBy, apiVersion }: Key) =>
    [namespace, owner, type, createdBy, apiVersion].join();
  return fixed(before) === fixed(after);
}

const ownNames: Readonly<Record<string, string>> = {
  ...{ 'a member without a namespace, by session': 'frank', 'a View key of an admin': 'boss' },
  ...{ 'an owner by session': 'erin', 'an owner key': 'erin', 'a key that may mint': 'erin' },
};

const pathValues = {
  name: [
    'vic',
    'erin',
    'frank',
    'boss',
    'root',
    'alice',
    'team',
    'other',
    'viewer',
    'minter',
    '..',
    '%00',
    '%FF',
  ],
  namespace: ['team', 'other', 'default', '..', '%00'],
} as const;
const hostileIds = ['key_0000000000000000', '..', "'", '%00', '%FF', '%E2%80%AE', 'x'.repeat(600)];

/** Sends bodies, and asks after each one that was not refused who may do what now. */
async function fuzz(
  callers: Readonly<Record<string, Open>>,
  isAllowed: Allowed,
  numRuns: number,
): Promise<Readonly<Record<string, number>>> {
  const service = await newWorld();
  const { ask, clock } = service;
  const secrets = new Map<string, string>();
  for (const [name, open] of Object.entries(callers)) secrets.set(name, await open(service));
  let before = await powers(service);
  const paths = { ...pathValues, id: [...before.keys.keys(), ...hostileIds] };
  const values: Values = {
    name: Array.from({ length: 500 }, (_, n) => `n${n}`),
    ...{ namespace: ['team', 'other', 'default'], owner: ['vic', 'erin', 'boss', 'root'] },
    ...{ role: ['viewer', 'owner', 'admin'], roles: ['viewer', 'editor', 'owner', 'admin', 'minter'] },
    ...{
      permissions: ['keys.view', 'keys.create', 'users.update', 'a.edit'],
      user: ['vic', 'frank', 'boss'],
    },
    ...{ password: [password], currentPassword: [password], secret: [...secrets.values()] },
    ...{
      expiresAt: [null, '2099-01-01T00:00:00Z'],
      apiVersion: ['2026-11-01'],
      requests: [5],
      perSeconds: [5],
    },
  };
  const request = fc.oneof(
    ...(await changingRoutes(service)).map(({ method, path, body }) => {
      const segments = path.split('/').map((part) => {
        const field = /^\{(\w+)\}$/.exec(part)?.[1] as keyof typeof paths | undefined;
        return field === undefined ? fc.constant(part) : fc.constantFrom(...paths[field]);
      });
      return fc.record({
        request: fc.tuple(...segments).map((parts) => `${method} ${parts.join('/')}`),
        body: hostileBody(goodBody(body, values)),
      });
    }),
  );
  const headers = fc.record({
    'content-type': fc.constant('application/json'),
    'idempotency-key': fc.constantFrom('a'.repeat(40), 'b'.repeat(40), 'short', '__proto__'),
  });
  const answered: Record<string, number> = {};
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...Object.keys(callers)),
      request,
      headers,
      async (caller, sent, given) => {
        clock.now += 10;
        const secret = secrets.get(caller) || null;
        const asked = sent.request.replace('SELF', ownNames[caller] ?? 'vic');
        const { status } = await ask(asked, { body: sent.body, secret, headers: given });
        answered[`${caller} ${status}`] = (answered[`${caller} ${status}`] ?? 0) + 1;
        expect(status).toBeLessThan(500);
        if (status === 401 && secret) {
          secrets.set(caller, await (callers[caller] as Open)(service));
          before = await powers(service);
        }
        if (status >= 300) return;
        const after = await powers(service);
        expect(after.others).toEqual(before.others);
        const wrong = [...after.keys.values()].filter(
          (each) => !isAllowed(before.keys.get(each.id), each, secret),
        );
        expect(wrong).toEqual([]);
        before = after;
      },
    ),
    { numRuns, endOnFailure: true },
  );
  const after = await powers(service);
  expect(after.others).toEqual(before.others);
  expect([...after.keys.values()].map(({ lastUsedAt, ...each }) => each)).toEqual(
    [...before.keys.values()].map(({ lastUsedAt, ...each }) => each),
  );
  return answered;
}

/** How many requests of each caller were answered other than by 400: those came no further than the schemas. */
function reached(answered: Readonly<Record<string, number>>, caller: string): number {
  return Object.entries(answered)
    .filter(([each]) => each.startsWith(`${caller} `) && !each.endsWith(' 400'))
    .reduce((sum, [, count]) => sum + count, 0);
}

test('bodies from members, viewers, editors, a View key and nobody give no privilege and no 5xx', async () => {
  const answered = await fuzz(powerless, onlyRevoked, runs({ usual: 1_000, deep: 8_000 }));
  for (const caller of Object.keys(powerless)) expect(reached(answered, caller)).toBeGreaterThan(5);
}, 900_000);

test('bodies from owners of a namespace give nothing beyond it, no role admin and no 5xx', async () => {
  const answered = await fuzz(owners, withinTeam, runs({ usual: 250, deep: 2_000 }));
  for (const caller of Object.keys(owners)) expect(reached(answered, caller)).toBeGreaterThan(5);
}, 900_000);
