/** Limits as requests meet them, over HTTP. */
import { expect, test } from 'vitest';
import { newHttpService } from '../../fakes/http-service.ts';

const limit = (requests: number, perSeconds = 60) => ({ requests, perSeconds });

test('a user has one limit for all keys together, and others have theirs', async () => {
  const { ask, mint } = await newHttpService({ settings: { rateLimit: limit(3) } });
  const [one, two, other] = await Promise.all(
    ['ann', 'ann', 'bob'].map((owner) => mint({ owner, roles: ['viewer'] })),
  );
  const statusOf = async (secret = '') => (await ask('GET /v1/whoami', { secret })).status;
  expect([await statusOf(one?.secret), await statusOf(two?.secret)]).toEqual([200, 200]);
  expect([await statusOf(one?.secret), await statusOf(two?.secret)]).toEqual([200, 429]);
  expect(await statusOf(other?.secret)).toBe(200);
});

test('a request with a body counts once, although its credential is looked at twice', async () => {
  const { ask, mint } = await newHttpService({ settings: { rateLimit: limit(2) } });
  const { secret } = await mint({ owner: 'ann', roles: ['owner'] });
  const create = async (name: string) =>
    (await ask('POST /v1/keys', { secret, body: { name, roles: ['viewer'] } })).status;
  expect([await create('one'), await create('two'), await create('three')]).toEqual([201, 201, 429]);
});

test('the limit of a key is of that key alone, with the sessions that it opened', async () => {
  const { ask, mint } = await newHttpService();
  const limited = { owner: 'ann', roles: ['viewer'], rateLimit: limit(3) };
  const [one, other] = [await mint(limited), await mint(limited)];
  const { body } = await ask('POST /v1/sessions', { secret: one.secret });
  const { accessToken } = body as { accessToken: string };
  const status = async (secret: string) => (await ask('GET /v1/whoami', { secret })).status;
  expect([await status(accessToken), await status(one.secret)]).toEqual([200, 200]);
  expect([await status(accessToken), await status(one.secret)]).toEqual([429, 429]);
  expect(await status(other.secret)).toBe(200);
});

test('an answer says how the limits stand, and a refusal when to come again', async () => {
  const { ask, mint, clock } = await newHttpService({ settings: { rateLimit: limit(2) } });
  const { secret } = await mint({ owner: 'ann', roles: ['viewer'], rateLimit: limit(1, 10) });
  clock.now = 1_800_000_000_000;
  const first = await ask('GET /v1/whoami', { secret });
  expect(first.headers).toMatchObject({
    ratelimit: '"user";r=1;t=61, "key";r=0;t=11',
    'ratelimit-policy': '"user";q=2;w=60, "key";q=1;w=10',
  });
  const refused = await ask('GET /v1/whoami', { secret });
  expect(refused).toMatchObject({
    status: 429,
    headers: { 'retry-after': '11', ratelimit: '"user";r=0;t=61, "key";r=0;t=11' },
    body: { code: 'rate_limited', detail: 'this key may make 1 requests in 10s', hint: 'try again in 11s' },
  });
  clock.now += 11_000;
  // What was refused on the one limit was not taken from the other.
  expect((await ask('GET /v1/whoami', { secret })).headers.ratelimit).toBe('"user";r=0;t=50, "key";r=0;t=11');
  expect((await ask('GET /v1/whoami', { secret })).headers['retry-after']).toBe('50');
});

test('a refused request does nothing: no key, no use, no end of a replay', async () => {
  const { ask, admin, mint, service, clock } = await newHttpService({ settings: { rateLimit: limit(1) } });
  const { id, secret } = await mint({ owner: 'ann', roles: ['admin'] });
  expect((await ask('POST /v1/keys', { secret, body: { name: 'first' } })).status).toBe(201);
  clock.now += 5_000;
  const idempotencyKey = 'k'.repeat(40);
  const fresh = await admin.create({ name: 'fresh', owner: 'ann' }, { idempotencyKey });
  expect((await ask('POST /v1/keys', { secret, body: { name: 'second' } })).status).toBe(429);
  expect((await ask('GET /v1/whoami', { secret: fresh.secret.reveal() })).status).toBe(429);
  expect((await admin.list({ namespace: null })).keys.map(({ name }) => name)).not.toContain('second');
  expect((await admin.get(fresh.key.id)).lastUsedAt).toBeNull();
  expect(Date.parse((await admin.get(id)).lastUsedAt ?? '')).toBeLessThan(clock.now);
  expect(
    await service
      .as(null)
      .verify(fresh.secret)
      .catch((error) => error),
  ).toMatchObject({
    code: 'rate_limited',
  });
  expect(await admin.minting?.status(idempotencyKey)).toMatchObject({ secretState: 'sealed' });
});

test('a verify counts on the owner of the verified key, not on who asks', async () => {
  const { ask, mint } = await newHttpService({ settings: { rateLimit: limit(2) } });
  const gateway = await mint({ owner: 'dave', type: 'view', roles: ['viewer'] });
  const ann = await mint({ owner: 'ann' });
  const bob = await mint({ owner: 'bob' });
  const verify = (secret: string) =>
    ask('POST /v1/verify', { secret: gateway.secret, body: { secret } }).then(({ status }) => status);
  expect([await verify(ann.secret), await verify(ann.secret), await verify(ann.secret)]).toEqual([
    200, 200, 429,
  ]);
  expect([await verify(bob.secret), await verify(bob.secret), await verify(bob.secret)]).toEqual([
    200, 200, 429,
  ]);
  expect((await ask('GET /v1/whoami', { secret: gateway.secret })).status).toBe(200);
});

test('secrets that nobody has count on the address they come from, and good ones from there go on', async () => {
  const { server, mint } = await newHttpService({ settings: { addressRateLimit: limit(3) } });
  const good = await mint();
  const revoked = await mint({ roles: ['viewer'] });
  const from = async (remoteAddress: string, secret: string, credential?: string) => {
    const headers = credential === undefined ? {} : { authorization: `Bearer ${credential}` };
    const payload = { secret };
    const answer = await server.inject({
      method: 'POST',
      url: '/v1/verify',
      remoteAddress,
      headers,
      payload,
    });
    return answer.statusCode;
  };
  expect(await from('192.0.2.1', 'keys_unknown')).toBe(200);
  expect(await from('192.0.2.1', 'x', 'not-a-credential')).toBe(401);
  expect(await from('::ffff:192.0.2.1', 'malformed')).toBe(200);
  expect(await from('192.0.2.1', 'keys_unknown')).toBe(429);
  expect(await from('192.0.2.1', 'x', 'not-a-credential')).toBe(429);
  expect(await from('192.0.2.1', good.secret)).toBe(200);
  expect(await from('192.0.2.2', 'keys_unknown')).toBe(200);
  for (let i = 0; i < 3; i++) expect(await from(`2001:db8::${i}`, 'keys_unknown')).toBe(200);
  expect(await from('2001:db8:0:0:ffff::1', revoked.secret.replace('keys_', 'none_'))).toBe(429);
  expect(await from('2001:db8:0:1::1', 'keys_unknown')).toBe(200);
});

test('a secret that is expired or disabled uses up nothing of what its owner may ask', async () => {
  const limits = { rateLimit: limit(2), addressRateLimit: limit(3) };
  const { ask, mint, admin, clock } = await newHttpService({ settings: limits });
  const expiring = await mint({ owner: 'ann', expiresAt: new Date(clock.now + 1_000).toISOString() });
  const disabled = await mint({ owner: 'ann' });
  const good = await mint({ owner: 'ann', roles: ['viewer'] });
  await admin.disable(disabled.id);
  clock.now += 2_000;
  const verify = async ({ secret }: { secret: string }) => {
    const { status, body } = await ask('POST /v1/verify', { secret: null, body: { secret } });
    return [status, (body as { reason?: string }).reason];
  };
  expect(await verify(expiring)).toEqual([200, 'expired']);
  expect(await verify(disabled)).toEqual([200, 'disabled']);
  expect(await verify(expiring)).toEqual([200, 'expired']);
  expect((await verify(disabled))[0]).toBe(429);
  expect(await verify(good)).toEqual([200, null]);
  expect((await ask('GET /v1/whoami', { secret: good.secret })).status).toBe(200);
});

test('the renewal of a session counts on its user, and with a token that nobody has on the address', async () => {
  const limits = { rateLimit: limit(3), addressRateLimit: limit(2) };
  const { ask, mint } = await newHttpService({ settings: limits });
  const ann = await mint({ owner: 'ann', roles: ['viewer'] });
  const renew = (refreshToken: string) =>
    ask('POST /v1/sessions/refresh', { secret: null, body: { refreshToken } });
  let { refreshToken } = (await ask('POST /v1/sessions', { secret: ann.secret })).body as {
    refreshToken: string;
  };
  for (let n = 0; n < 2; n++) {
    const { status, body } = await renew(refreshToken);
    expect(status).toBe(200);
    ({ refreshToken } = body as { refreshToken: string });
  }
  expect((await renew(refreshToken)).status).toBe(429);
  expect((await ask('GET /v1/whoami', { secret: ann.secret })).status).toBe(429);
  expect([(await renew('x')).status, (await renew('y')).status, (await renew('z')).status]).toEqual([
    401, 401, 429,
  ]);
});

test('a token of a session that is good for no renewal uses up nothing of what its user may ask', async () => {
  const limits = { rateLimit: limit(3), addressRateLimit: limit(2) };
  const { ask, mint } = await newHttpService({ settings: limits });
  const ann = await mint({ owner: 'ann', roles: ['viewer'] });
  const { accessToken, refreshToken } = (await ask('POST /v1/sessions', { secret: ann.secret })).body as {
    accessToken: string;
    refreshToken: string;
  };
  expect((await ask('DELETE /v1/sessions/current', { secret: accessToken })).status).toBe(204);
  const renew = async (token: string) =>
    (await ask('POST /v1/sessions/refresh', { secret: null, body: { refreshToken: token } })).status;
  expect([await renew(refreshToken), await renew(accessToken), await renew(refreshToken)]).toEqual([
    401, 401, 429,
  ]);
  expect((await ask('GET /v1/whoami', { secret: ann.secret })).status).toBe(200);
});

test('without limits nothing is counted, and no header says otherwise', async () => {
  const { ask } = await newHttpService();
  const { headers } = await ask('GET /v1/whoami');
  expect(headers).not.toHaveProperty('ratelimit');
  expect(headers).not.toHaveProperty('ratelimit-policy');
});

test('what needs no credential is not limited', async () => {
  const { ask } = await newHttpService({ settings: { rateLimit: limit(1), addressRateLimit: limit(1) } });
  for (const request of ['GET /healthz', 'GET /openapi.json', 'GET /nowhere', 'PUT /v1/verify']) {
    for (let i = 0; i < 3; i++) expect((await ask(request, { secret: null })).status).not.toBe(429);
  }
});

test("only an admin sets the limit of a key, and nobody's edit of something else touches it", async () => {
  const { ask, mint } = await newHttpService();
  const owner = await mint({ owner: 'ann', roles: ['owner'] });
  const limited = await mint({ owner: 'ann', roles: ['viewer'], rateLimit: limit(5) });
  const path = `/v1/keys/${limited.id}`;
  const asOwner = (request: string, body: object) => ask(request, { secret: owner.secret, body });
  const refused = { status: 403, body: { detail: 'only an admin sets the rate limit of a key' } };
  expect(await asOwner(`PATCH ${path}`, { rateLimit: null })).toMatchObject(refused);
  const wanted = { name: 'x', roles: ['viewer'], rateLimit: limit(1) };
  expect(await asOwner('POST /v1/keys', wanted)).toMatchObject(refused);
  // Sent back as it is, it is no change.
  expect(await asOwner(`PATCH ${path}`, { name: 'renamed', rateLimit: limit(5) })).toMatchObject({
    status: 200,
    body: { name: 'renamed', rateLimit: limit(5) },
  });
  expect(await ask(`PATCH ${path}`, { body: { rateLimit: limit(7, 1) } })).toMatchObject({
    body: { rateLimit: limit(7, 1) },
  });
  expect(await ask(`PATCH ${path}`, { body: { rateLimit: null } })).toMatchObject({
    body: { rateLimit: null },
  });
});

test.each([
  limit(0),
  limit(1, 0),
  limit(1.5),
  limit(1, 86_401),
  { requests: 1 },
  'none',
  { ...limit(1), more: 1 },
])('a limit that makes no sense is refused: %j', async (rateLimit) => {
  const { ask } = await newHttpService();
  expect((await ask('POST /v1/keys', { body: { name: 'demo', rateLimit } })).status).toBe(400);
});

test('the refusal of a limit names it, and says what may be', async () => {
  const { ask } = await newHttpService();
  const { body } = await ask('POST /v1/keys', { body: { name: 'demo', rateLimit: limit(0) } });
  expect(body).toMatchObject({
    detail: 'the rate limit cannot be 0 requests in 60 s',
    hint: expect.stringContaining('from 1 to 999,999,999'),
  });
});

test('a refusal is recorded under the name of whose limit it was, and does nothing else', async () => {
  const { ask, mint } = await newHttpService({ settings: { rateLimit: limit(1) } });
  const { id, secret } = await mint({ name: 'ci', owner: 'ann', roles: ['viewer'] });
  await ask('GET /v1/whoami', { secret });
  expect((await ask(`GET /v1/keys/${id}`, { secret })).status).toBe(429);
  expect((await ask('POST /v1/verify', { secret: null, body: { secret } })).status).toBe(429);
  const { body } = await ask('GET /v1/audit?outcome=refused');
  expect((body as { entries: object[] }).entries).toMatchObject([
    { action: 'verify', actor: 'ann', agent: 'ci', details: { status: 429 } },
    { action: 'show', actor: 'ann', agent: 'ci', target: id, details: { status: 429 } },
  ]);
});
