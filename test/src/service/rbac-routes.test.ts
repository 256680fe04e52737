/** Every route by every kind of caller, by session and by key, but for the keys of others: those are in `rbac.test.ts`. */
import { expect, test } from 'vitest';
import { Secret } from '../../../src/secret.ts';
import { type HttpService, newHttpService } from '../../fakes/http-service.ts';

const password = 'correct horse battery';
const idempotencyKey = 'k'.repeat(43);

/** `erin` owns the namespace `team`, `frank` is in none, `boss` is an admin, and `dave` is somebody else in the team. */
async function newWorld(): Promise<HttpService & { theirs: string }> {
  const service = await newHttpService();
  const { admin } = service;
  await admin.namespaces.create({ name: 'team' });
  await admin.roles.create({ name: 'made', permissions: ['a.view'] });
  const given = { password: new Secret(password) };
  await admin.users.create({ name: 'erin', ...given, memberships: [{ namespace: 'team', role: 'owner' }] });
  await admin.users.join('dave', { namespace: 'team', role: 'viewer' });
  await admin.users.create({ name: 'frank', ...given });
  await admin.users.create({ name: 'boss', role: 'admin', ...given });
  const { id } = await service.mint({ owner: 'dave', namespace: 'team' });
  return { ...service, theirs: id };
}

type Enter = (world: HttpService) => Promise<string | null>;

const session =
  (user: string): Enter =>
  async ({ ask }) =>
    (
      (await ask('POST /v1/sessions', { body: { user, password }, secret: null })).body as {
        accessToken: string;
      }
    ).accessToken;

const key =
  (given: object): Enter =>
  async ({ mint }) =>
    (await mint({ namespace: 'team', ...given })).secret;

/** In the order of the table. */
const callers: readonly [name: string, user: string, enter: Enter][] = [
  ['an admin, by session', 'boss', session('boss')],
  ['a key with the role admin', 'carol', key({ owner: 'carol', roles: ['admin'] })],
  ['an owner of the team, by session', 'erin', session('erin')],
  ['a key without roles of an owner of the team', 'erin', key({ owner: 'erin' })],
  ['a View key without roles of an owner of the team', 'erin', key({ owner: 'erin', type: 'view' })],
  ['a key with the role owner', 'erin', key({ owner: 'erin', roles: ['owner'] })],
  ['a key with the role viewer', 'erin', key({ owner: 'erin', roles: ['viewer'] })],
  ['a user of no namespace, by session', 'frank', session('frank')],
  ['nobody', 'dave', async () => null],
];

type Statuses = readonly number[];

const each = (admin: number, others: number): Statuses => [admin, admin, ...Array(6).fill(others), 401];
const all = each(200, 200);
const admins = each(200, 403);
const unseen = each(200, 404);
const anybody: Statuses = Array(9).fill(200);

/** Whoever acts as an admin or as an owner of the team, and not by a View key; then others, then who belongs to no team. */
const owners = (may: number, view: number, roleOwner: number, viewer: number, nothing: number): Statuses => [
  ...[may, may, may, may, view, roleOwner, viewer, nothing, 401],
];
const minters = (may: number) => owners(may, 403, may, 403, 403);

/** Of who asks, or whose key it is (`SELF`), of somebody else (`dave`, `THEIRS`), and what is not there (`missing`). */
const table: readonly [request: string, expected: Statuses, body?: object][] = [
  ['GET /healthz', anybody],
  ['GET /readyz', anybody],
  ['POST /v1/verify', anybody, { secret: 'x' }],
  ['GET /v1/whoami', all],
  ['GET /metrics', admins],
  ['GET /v1/audit', admins],
  ['GET /v1/audit/head', admins],
  ['GET /v1/keys', owners(200, 200, 200, 200, 200)],
  ['GET /v1/keys?namespace=team', owners(200, 200, 200, 200, 200)],
  ['GET /v1/keys?namespace=other', [200, 200, 200, 200, 200, 403, 403, 200, 401]],
  ['POST /v1/keys', minters(201), { name: 'x', namespace: 'team', roles: ['viewer'] }],
  ['POST /v1/keys', each(201, 403), { name: 'y', namespace: 'other', roles: ['viewer'] }],
  ['POST /v1/keys', each(201, 403), { name: 'z', namespace: 'team', roles: ['admin'] }],
  ['POST /v1/keys', each(201, 403), { name: 'a', namespace: 'team', roles: ['viewer'], owner: 'dave' }],
  ['POST /v1/keys', [201, 201, 201, 201, 403, 403, 403, 403, 401], { name: 'b', namespace: 'team' }],
  ['GET /v1/keys/THEIRS/secret', [501, 501, 403, 403, 403, 403, 403, 404, 401]],
  ['GET /v1/keys/missing/secret', each(404, 404)],
  ['GET /v1/mint', each(404, 404)],
  ['POST /v1/mint/acknowledge', each(204, 204)],
  ['POST /v1/mint/settle', each(404, 404), { keep: 'new' }],
  ['POST /v1/mint/cancel', minters(204)],
  ['GET /v1/users', owners(200, 200, 403, 403, 200)],
  ['GET /v1/users/SELF', owners(200, 200, 404, 404, 200)],
  ['GET /v1/users/dave', unseen],
  ['GET /v1/users/missing', each(404, 404)],
  ['POST /v1/users', each(201, 403), { name: 'new' }],
  ['PATCH /v1/users/SELF', [200, 200, 403, 403, 403, 404, 404, 403, 401], { role: 'admin' }],
  ['PATCH /v1/users/dave', unseen, { role: 'admin' }],
  ['PATCH /v1/users/missing', each(404, 404), { role: 'admin' }],
  ['POST /v1/users/dave/disable', unseen],
  ['POST /v1/users/dave/enable', unseen],
  ['PUT /v1/users/SELF/memberships/team', [200, 200, 403, 403, 403, 404, 404, 403, 401], { role: 'editor' }],
  ['PUT /v1/users/dave/memberships/team', unseen, { role: 'owner' }],
  ['DELETE /v1/users/dave/memberships/team', unseen],
  ['GET /v1/namespaces', all],
  ['POST /v1/namespaces', each(201, 403), { name: 'new' }],
  ['PATCH /v1/namespaces/team', [200, 200, 403, 403, 403, 403, 403, 404, 401], { quota: 99 }],
  ['PATCH /v1/namespaces/missing', each(404, 404), { quota: 99 }],
  ['GET /v1/roles', owners(200, 200, 200, 200, 403)],
  ['POST /v1/roles', each(201, 403), { name: 'new', permissions: ['*'] }],
  ['PATCH /v1/roles/made', admins, { permissions: ['*'] }],
  ['PATCH /v1/roles/owner', each(409, 403), { permissions: ['*'] }],
  ['PATCH /v1/roles/missing', each(404, 403), { permissions: ['*'] }],
  ['POST /v1/sessions', [403, 201, 403, 201, 201, 201, 201, 403, 401]],
  ['POST /v1/sessions/refresh', Array(9).fill(401), { refreshToken: 'x' }],
  ['POST /v1/sessions/step-up', [401, 403, 401, 403, 403, 403, 403, 401, 401], { password: 'wrong' }],
  ['DELETE /v1/sessions/current', [204, 409, 204, 409, 409, 409, 409, 204, 401]],
];

for (const [column, [name, user, enter]] of callers.entries()) {
  test(`every route by ${name}: own, another's and missing`, async () => {
    const world = await newWorld();
    const secret = await enter(world);
    const said: string[] = [];
    for (const [request, , body] of table) {
      const asked = request.replace('SELF', user).replace('THEIRS', world.theirs);
      const headers: Record<string, string> = asked.includes('/mint')
        ? { 'idempotency-key': idempotencyKey }
        : {};
      const { status } = await world.ask(asked, { secret, headers, body });
      said.push(`${request} ${JSON.stringify(body ?? null)}: ${status}`);
    }
    expect(said).toEqual(
      table.map(
        ([request, expected, body]) => `${request} ${JSON.stringify(body ?? null)}: ${expected[column]}`,
      ),
    );
  });
}

/** Those about one key are in `rbac.test.ts`. */
const onOneKey = /^\w+ \/v1\/keys\/:\w+(?:\/(?:disable|enable|regenerate|revoke))?$/;

test('no route is left out of the tables', async () => {
  const { ask } = await newHttpService();
  const { paths } = (await ask('GET /openapi.json')).body as { paths: Record<string, object> };
  const routes = Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path.replace(/\{(\w+)\}/g, ':$1')}`),
  );
  const patterns = routes.map((route) => ({ route, is: new RegExp(`^${route.replace(/:\w+/g, '[^/]+')}$`) }));
  const asked = table.map(([request]) => request.replace(/\?.*/, ''));
  const untested = patterns.filter(
    ({ route, is }) => !onOneKey.test(route) && !asked.some((each) => is.test(each)),
  );
  expect(untested.map(({ route }) => route)).toEqual([]);
});

test('a forged field is 400 on every route that takes a body, also from an admin, and changes nothing', async () => {
  const world = await newWorld();
  const { ask, admin } = world;
  const state = async () => [
    await admin.users.list(),
    await admin.namespaces.list(),
    await admin.roles.list(),
    await admin.list({ namespace: null }),
  ];
  await ask('GET /v1/whoami');
  const before = await state();
  for (const [request, , body] of table) {
    if (request.startsWith('GET ')) continue;
    for (const forged of [
      { isAdmin: true },
      { grants: [{ namespace: null }] },
      { version: '1' },
      { constructor: 'x' },
    ]) {
      const asked = request.replace('SELF', 'erin').replace('THEIRS', world.theirs);
      const headers = { 'idempotency-key': idempotencyKey };
      const { status } = await ask(asked, { headers, body: { ...body, ...forged } });
      expect(`${request} ${JSON.stringify(forged)} ${status}`).toBe(
        `${request} ${JSON.stringify(forged)} 400`,
      );
    }
  }
  expect(await state()).toEqual(before);
});
