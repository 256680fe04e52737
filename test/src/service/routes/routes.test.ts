/** Every route and its outcomes, each named by its status. */
import { expect, test } from 'vitest';
import type { Key } from '../../../../src/keys.ts';
import {
  type Answer,
  type AskOptions,
  type HttpService,
  newHttpService,
} from '../../../fakes/http-service.ts';

function expectProblem(answer: Answer, status: number, code: string): void {
  expect(answer.body).toEqual({
    type: 'about:blank',
    title: expect.any(String),
    status,
    detail: expect.any(String),
    code,
    hint: answer.body && (answer.body as { hint: unknown }).hint,
    requestId: answer.headers['x-request-id'],
  });
  expect(answer.status).toBe(status);
  expect(answer.headers['content-type']).toBe('application/problem+json; charset=utf-8');
}

const keyRoutes: { route: string; body?: object; who: 'owner' | 'viewer' }[] = [
  { route: 'GET /v1/keys/:id', who: 'viewer' },
  { route: 'PATCH /v1/keys/:id', body: { description: 'edited' }, who: 'owner' },
  { route: 'POST /v1/keys/:id/disable', who: 'owner' },
  { route: 'POST /v1/keys/:id/enable', who: 'owner' },
  { route: 'POST /v1/keys/:id/regenerate', body: { graceMs: 5 }, who: 'owner' },
  { route: 'POST /v1/keys/:id/revoke', who: 'owner' },
];

function askFor({ ask }: HttpService, route: string, id: string, options: AskOptions): Promise<Answer> {
  return ask(route.replace(':id', id), options);
}

for (const { route, body, who } of keyRoutes) {
  const change = route !== 'GET /v1/keys/:id';

  test(`${route}: 200 with the key and its ETag`, async () => {
    const service = await newHttpService();
    const { id } = await service.mint();
    const answer = await askFor(service, route, id, { body });
    expect(answer.status).toBe(200);
    const said = answer.body as Key & { key?: Key; secret?: string };
    const key = said.key ?? said;
    expect(key).toEqual(await service.admin.get(id));
    expect(answer.headers.etag).toBe(`"${key.version}"`);
    expect(typeof said.secret).toBe(route.endsWith('regenerate') ? 'string' : 'undefined');
  });

  test(`${route}: 401 without a credential and with one that is not good`, async () => {
    const service = await newHttpService();
    const { id } = await service.mint();
    for (const secret of [null, 'keys_nonsense']) {
      const answer = await askFor(service, route, id, { body, secret });
      expectProblem(answer, 401, 'unauthenticated');
      expect(answer.headers['www-authenticate']).toContain('Bearer');
    }
  });

  if (who === 'owner') {
    test(`${route}: 403 for a viewer`, async () => {
      const service = await newHttpService();
      const { id } = await service.mint();
      const { secret } = await service.mint({ roles: ['viewer'] });
      expectProblem(await askFor(service, route, id, { body, secret }), 403, 'forbidden');
    });
  }

  test(`${route}: 404 for a key that is not there, or not to be seen`, async () => {
    const service = await newHttpService();
    const { id } = await service.mint();
    const { secret } = await service.mint({ roles: ['owner'], namespace: 'other' });
    expectProblem(await askFor(service, route, 'key_nope', { body }), 404, 'not_found');
    expectProblem(await askFor(service, route, '..%2F..%2Fetc', { body }), 404, 'not_found');
    expectProblem(await askFor(service, route, id, { body, secret }), 404, 'not_found');
  });

  if (change) {
    test(`${route}: 400 for a field it does not know`, async () => {
      const service = await newHttpService();
      const { id } = await service.mint();
      const answer = await askFor(service, route, id, { body: { ...body, bogus: 1 } });
      expectProblem(answer, 400, 'invalid');
      expect(answer.body).toMatchObject({ detail: 'body has no field bogus' });
    });

    test(`${route}: 412 when the key has another version, and nothing has changed`, async () => {
      const service = await newHttpService();
      const { id } = await service.mint();
      const before = await service.admin.get(id);
      for (const tag of ['"7"', '1', 'W/"1"', '""', '"1", "2"', 'x']) {
        const answer = await askFor(service, route, id, { body, headers: { 'if-match': tag } });
        expectProblem(answer, 412, 'changed');
      }
      expect(await service.admin.get(id)).toEqual(before);
      for (const tag of ['"1"', '*']) {
        const { id: other } = await service.mint();
        const answer = await askFor(service, route, other, { body, headers: { 'if-match': tag } });
        expect(answer.status).toBe(200);
      }
    });
  }

  if (change && !route.endsWith('revoke')) {
    test(`${route}: 409 for a revoked key`, async () => {
      const service = await newHttpService();
      const { id } = await service.mint();
      await service.admin.revoke(id);
      expectProblem(await askFor(service, route, id, { body }), 409, 'conflict');
    });
  }
}

test('POST /v1/keys/:id/revoke: 200 again for a revoked key, and 200 for a key that revokes itself', async () => {
  const { ask, mint } = await newHttpService();
  const { id, secret } = await mint({ type: 'view' });
  for (const by of [{ secret }, {}]) {
    const answer = await ask(`POST /v1/keys/${id}/revoke`, by);
    expect(answer).toMatchObject({ status: 200, body: { id, status: 'revoked' } });
  }
  expectProblem(await ask('GET /v1/whoami', { secret }), 401, 'unauthenticated');
});

test('POST /v1/keys/:id/enable: 409 when the quota is used up', async () => {
  const { ask, mint, admin } = await newHttpService({ settings: { quota: 1 } });
  const { id } = await mint();
  await admin.disable(id);
  await mint();
  expectProblem(await ask(`POST /v1/keys/${id}/enable`), 409, 'quota_exceeded');
});

test('POST /v1/keys/:id/regenerate: 400 for a grace that is none', async () => {
  const { ask, mint } = await newHttpService();
  const { id } = await mint();
  for (const graceMs of [-1, 1.5, '5', 31 * 86_400_000]) {
    expectProblem(await ask(`POST /v1/keys/${id}/regenerate`, { body: { graceMs } }), 400, 'invalid');
  }
});

test('POST /v1/keys: 201 with the key, its secret, its address and its ETag', async () => {
  const { ask } = await newHttpService();
  const given = {
    name: 'ci',
    namespace: 'team',
    description: 'd',
    type: 'view',
    roles: ['viewer'],
    permissions: ['a.view'],
    apiVersion: '2026-11-01',
    expiresAt: '2099-01-31T12:00:00.000Z',
    owner: 'alice',
    labels: { a: 'b' },
  };
  const answer = await ask('POST /v1/keys', { body: given });
  const { key, secret } = answer.body as { key: Key; secret: string };
  expect(answer.status).toBe(201);
  expect(key).toMatchObject(given);
  expect(answer.headers).toMatchObject({
    location: `/v1/keys/${key.id}`,
    etag: '"1"',
    'cache-control': 'no-store',
  });
  expect(await ask('GET /v1/whoami', { secret })).toMatchObject({ status: 200, body: { id: key.id } });
});

test('POST /v1/keys: 400 for a body that is not a key', async () => {
  const { ask } = await newHttpService();
  const bodies = [
    undefined,
    {},
    [],
    { name: 1 },
    { name: '' },
    { name: 'x', id: 'mine' },
    { name: 'x', labels: { a: 1 } },
  ];
  for (const body of bodies) expectProblem(await ask('POST /v1/keys', { body }), 400, 'invalid');
});

test('POST /v1/keys: 400 for a body that is not JSON, without quoting it', async () => {
  const { ask } = await newHttpService();
  const headers = { 'content-type': 'application/json' };
  for (const body of ['{"name":"hunter2"', 'hunter2', '{"__proto__":{"name":"hunter2"}}', '\0']) {
    const answer = await ask('POST /v1/keys', { body, headers });
    expectProblem(answer, 400, 'invalid');
    expect(JSON.stringify(answer.body)).not.toContain('hunter2');
  }
});

test('POST /v1/keys: 413 for a body beyond 64 KiB, 415 for another type', async () => {
  const { ask } = await newHttpService();
  expectProblem(await ask('POST /v1/keys', { body: { name: 'x'.repeat(65_536) } }), 413, 'too_large');
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  expectProblem(await ask('POST /v1/keys', { body: 'name=x', headers }), 415, 'invalid');
});

test('POST /v1/keys: 401 without a credential, before the body is looked at', async () => {
  const { ask } = await newHttpService();
  expectProblem(await ask('POST /v1/keys', { body: { bogus: 1 }, secret: null }), 401, 'unauthenticated');
});

test('POST /v1/keys: who may not create keys is not told which roles there are', async () => {
  const { ask, mint } = await newHttpService();
  await ask('POST /v1/roles', { body: { name: 'merger-with-acme', permissions: ['a.view'] } });
  const { secret } = await mint({ permissions: ['dashboards.view'] });
  const answer = await ask('POST /v1/keys', { body: { name: 'x', roles: ['none'] }, secret });
  expectProblem(answer, 403, 'forbidden');
  expect(answer.text).not.toContain('merger');
});

test('POST /v1/keys: 403 for more than the caller has', async () => {
  const { ask, mint } = await newHttpService();
  const { secret } = await mint({ roles: ['owner'], namespace: 'team' });
  for (const more of [{ roles: ['admin'] }, { namespace: 'default' }, { owner: 'somebody' }]) {
    expectProblem(await ask('POST /v1/keys', { body: { name: 'x', ...more }, secret }), 403, 'forbidden');
  }
  // Without roles it would act as its owner.
  expectProblem(await ask('POST /v1/keys', { body: { name: 'x' }, secret }), 403, 'forbidden');
  expect((await ask('POST /v1/keys', { body: { name: 'x', roles: ['owner'] }, secret })).status).toBe(201);
});

test('POST /v1/keys: 409 for a name that is taken and for a quota that is used up', async () => {
  const { ask, mint } = await newHttpService({ settings: { quota: 2 } });
  await mint({ name: 'taken', namespace: 'team' });
  const create = (name: string) => ask('POST /v1/keys', { body: { name, namespace: 'team' } });
  expectProblem(await create('taken'), 409, 'conflict');
  expect((await create('second')).status).toBe(201);
  expectProblem(await create('third'), 409, 'quota_exceeded');
});

test('GET /v1/keys: 200 with a page and the way to the next', async () => {
  const { ask, mint } = await newHttpService();
  const ids: string[] = [];
  for (let i = 0; i < 6; i++) ids.push((await mint()).id);
  const seen: string[] = [];
  let cursor: string | null = '';
  for (let page = 0; cursor !== null; page++) {
    const answer: Answer = await ask(
      `GET /v1/keys?namespace=default&limit=2${cursor && `&cursor=${cursor}`}`,
    );
    expect(answer.status).toBe(200);
    const body = answer.body as { keys: Key[]; nextCursor: string | null };
    seen.push(...body.keys.map(({ id }) => id));
    cursor = body.nextCursor;
    // The last page is full, and says that it is the last.
    expect(page).toBeLessThan(3);
  }
  expect(seen).toEqual(ids.toSorted().reverse());
});

test('GET /v1/keys: 200 with what the filters keep', async () => {
  const { ask, mint, admin } = await newHttpService();
  const { id: revoked } = await mint({ name: 'gone' });
  await admin.revoke(revoked);
  const { id: off } = await mint({ name: 'off', labels: { 'a=b': '' } as never }).catch(() =>
    mint({ name: 'off' }),
  );
  await admin.disable(off);
  await mint({ name: 'on', labels: { team: 'a=b', tier: '1' }, expiresAt: '2099-01-01T00:00:00Z' });
  const names = async (query: string) => {
    const { body } = await ask(`GET /v1/keys?namespace=default&${query}`);
    return (body as { keys: Key[] }).keys.map(({ name }) => name).sort();
  };
  expect(await names('')).toEqual(['off', 'on']);
  expect(await names('status=revoked&status=disabled')).toEqual(['gone', 'off']);
  expect(await names('status=active')).toEqual(['on']);
  expect(await names('label=team=a%3Db&label=tier=1')).toEqual(['on']);
  expect(await names('label=team=a')).toEqual([]);
  expect(await names('name=o*&noExpiry=true')).toEqual(['off']);
  expect(await names('noExpiry=false')).toEqual(['off', 'on']);
  expect(await names('expiresBefore=2099-12-31T00:00:00Z')).toEqual(['on']);
  const all = (await ask('GET /v1/keys?namespace=*')).body as { keys: Key[] };
  expect(new Set(all.keys.map(({ namespace }) => namespace))).toEqual(new Set(['admins', 'default']));
});

test('GET /v1/keys: 400 for a query that makes no sense', async () => {
  const { ask } = await newHttpService();
  const queries = [
    'limit=0',
    'limit=1001',
    'limit=x',
    'cursor=x',
    'status=all',
    'type=x',
    'label=x',
    'bogus=1',
  ];
  for (const query of [
    ...queries,
    'expiresBefore=soon',
    'noExpiry=1',
    'name=a&name=b',
    `name=${'*'.repeat(300)}`,
    Array.from({ length: 33 }, (_, n) => `label=a${n}=b`).join('&'),
  ]) {
    expectProblem(await ask(`GET /v1/keys?${query}`), 400, 'invalid');
  }
});

test('GET /v1/keys: 401 without a credential, 403 without a role that looks or for another namespace', async () => {
  const { ask, mint } = await newHttpService();
  expectProblem(await ask('GET /v1/keys', { secret: null }), 401, 'unauthenticated');
  const none = await mint({ permissions: ['dashboards.view'] });
  expectProblem(await ask('GET /v1/keys', { secret: none.secret }), 403, 'forbidden');
  const viewer = await mint({ roles: ['viewer'] });
  expectProblem(await ask('GET /v1/keys?namespace=admins', { secret: viewer.secret }), 403, 'forbidden');
  expect((await ask('GET /v1/keys?namespace=*', { secret: viewer.secret })).status).toBe(200);
});

test('POST /v1/verify: 200 for everybody, the same bytes for unknown, malformed and revoked secrets', async () => {
  const { mint, admin, server } = await newHttpService();
  const good = await mint();
  const revoked = await mint();
  await admin.revoke(revoked.id);
  const verify = (secret: string) =>
    server.inject({ method: 'POST', url: '/v1/verify', payload: { secret } });
  expect((await verify(good.secret)).json()).toMatchObject({
    valid: true,
    reason: null,
    key: { id: good.id },
  });
  const answers = await Promise.all([revoked.secret, 'keys_x', '', `${good.secret}x`].map(verify));
  for (const { statusCode, body, headers } of answers) {
    expect({ statusCode, body }).toEqual({
      statusCode: 200,
      body: '{"valid":false,"reason":"unknown","key":null}',
    });
    expect(Object.keys(headers)).toEqual(Object.keys(answers[0]!.headers));
  }
});

test('POST /v1/verify: 400 without a secret, 401 with a credential that is not good', async () => {
  const { ask } = await newHttpService();
  expectProblem(await ask('POST /v1/verify', { body: {} }), 400, 'invalid');
  expectProblem(
    await ask('POST /v1/verify', { body: { secret: 'x' }, secret: 'bad' }),
    401,
    'unauthenticated',
  );
});

test('GET /v1/whoami: 200 under both schemes, 401 under none or another', async () => {
  const { ask, mint } = await newHttpService();
  const { id, secret } = await mint({ name: 'me', owner: 'alice', roles: ['editor'] });
  const identity = { id, name: 'me', owner: 'alice', namespace: 'default', roles: ['editor'] };
  for (const scheme of ['Bearer', 'ApiKey', 'bearer', 'APIKEY']) {
    const answer = await ask('GET /v1/whoami', {
      secret: null,
      headers: { authorization: `${scheme} ${secret}` },
    });
    expect(answer).toMatchObject({ status: 200, body: identity });
  }
  for (const authorization of [secret, `Basic ${secret}`, 'Bearer', `Bearer ${secret} x`]) {
    const answer = await ask('GET /v1/whoami', { secret: null, headers: { authorization } });
    expectProblem(answer, 401, 'unauthenticated');
  }
});

test('a disabled, expired or revoked key is 401 at once', async () => {
  const { ask, mint, admin, clock } = await newHttpService();
  const disabled = await mint();
  const expired = await mint({ expiresAt: new Date(clock.now + 1_000).toISOString() });
  const revoked = await mint();
  for (const { secret } of [disabled, expired, revoked]) {
    expect((await ask('GET /v1/whoami', { secret })).status).toBe(200);
  }
  await admin.disable(disabled.id);
  await admin.revoke(revoked.id);
  clock.now += 1_000;
  for (const { secret } of [disabled, expired, revoked]) {
    expectProblem(await ask('GET /v1/whoami', { secret }), 401, 'unauthenticated');
  }
});

test('GET /healthz: 200 for anybody, whatever credential comes along', async () => {
  const { ask } = await newHttpService();
  for (const secret of [null, 'bad']) {
    expect(await ask('GET /healthz', { secret })).toMatchObject({ status: 200, body: { status: 'ok' } });
  }
});
