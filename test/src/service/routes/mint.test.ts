/** Minting over HTTP: what is in the bytes, and each outcome by its status. */
import { expect, test } from 'vitest';
import { newIdempotencyKey } from '../../../contracts/minting.ts';
import { newHttpService } from '../../../fakes/http-service.ts';

function under(idempotencyKey: string) {
  return { 'idempotency-key': idempotencyKey };
}

test('POST /v1/keys under one Idempotency-Key: 201, and again the same bytes and the same headers', async () => {
  const { server, mint, admin } = await newHttpService();
  const { secret } = await mint({ roles: ['owner'] });
  const idempotencyKey = newIdempotencyKey();
  const ask = (name: string) =>
    server.inject({
      method: 'POST',
      url: '/v1/keys',
      headers: { authorization: `Bearer ${secret}`, ...under(idempotencyKey) },
      payload: { name, roles: ['viewer'], labels: { b: '2', a: '1' } },
    });
  const first = await ask('once');
  const again = await ask('once');
  expect(first.statusCode).toBe(201);
  expect(again.body).toBe(first.body);
  expect([again.statusCode, again.headers.etag, again.headers.location]).toEqual([
    201,
    first.headers.etag,
    first.headers.location,
  ]);
  expect((await admin.list({ nameGlob: 'once' })).keys).toHaveLength(1);
  const other = await ask('other');
  expect([other.statusCode, other.json().code]).toEqual([422, 'idempotency_mismatch']);
});

test('POST /v1/keys/:id/regenerate: 410 once the secret was used as a credential', async () => {
  const { ask, mint } = await newHttpService();
  const { id } = await mint({ roles: ['viewer'] });
  const headers = under(newIdempotencyKey());
  const request = { body: { overlap: true }, headers };
  const first = await ask(`POST /v1/keys/${id}/regenerate`, request);
  expect((await ask(`POST /v1/keys/${id}/regenerate`, request)).body).toEqual(first.body);
  const { secret } = first.body as { secret: string };
  expect((await ask('GET /v1/whoami', { secret })).status).toBe(200);
  const gone = await ask(`POST /v1/keys/${id}/regenerate`, request);
  expect(gone).toMatchObject({ status: 410, body: { code: 'secret_gone' } });
  expect((gone.body as { detail: string }).detail).toContain(id);
  expect(await ask('GET /v1/mint', { headers })).toMatchObject({
    status: 200,
    body: { secretState: 'used' },
  });
});

test('POST /v1/keys: 409 after POST /v1/mint/cancel, which is 204 when nothing was minted and 200 when something was', async () => {
  const { ask } = await newHttpService();
  const headers = under(newIdempotencyKey());
  expect(await ask('POST /v1/mint/cancel', { headers })).toMatchObject({ status: 204, body: '' });
  expect((await ask('POST /v1/keys', { body: { name: 'late' }, headers })).status).toBe(409);
  expect((await ask('GET /v1/mint', { headers })).status).toBe(404);
  const early = under(newIdempotencyKey());
  await ask('POST /v1/keys', { body: { name: 'early' }, headers: early });
  const cancelled = await ask('POST /v1/mint/cancel', { headers: early });
  expect(cancelled).toMatchObject({ status: 200, body: { key: { name: 'early' }, secretState: 'sealed' } });
});

test('POST /v1/mint/acknowledge: 204, whether or not something was minted', async () => {
  const { ask } = await newHttpService();
  const headers = under(newIdempotencyKey());
  expect((await ask('POST /v1/mint/acknowledge', { headers })).status).toBe(204);
  await ask('POST /v1/keys', { body: { name: 'arrived' }, headers });
  expect((await ask('POST /v1/mint/acknowledge', { headers })).status).toBe(204);
  expect((await ask('POST /v1/keys', { body: { name: 'arrived' }, headers })).status).toBe(410);
});

test('POST /v1/mint/settle: 200 with the key and its ETag, 404 without an overlap, 412 when it was ended otherwise', async () => {
  const { ask, mint } = await newHttpService();
  const { id } = await mint();
  const headers = under(newIdempotencyKey());
  const settle = (keep: string) => ask('POST /v1/mint/settle', { body: { keep }, headers });
  expect((await settle('new')).status).toBe(404);
  await ask(`POST /v1/keys/${id}/regenerate`, { body: { overlap: true }, headers });
  const settled = await settle('old');
  const { version } = settled.body as { version: string };
  expect(settled).toMatchObject({ status: 200, headers: { etag: `"${version}"` }, body: { id } });
  expect((await settle('new')).status).toBe(412);
});

const routes = ['GET /v1/mint', 'POST /v1/mint/cancel', 'POST /v1/mint/acknowledge', 'POST /v1/mint/settle'];

test.each(routes)(
  '%s: 400 without an Idempotency-Key or with a short one, 401 and 403 for others',
  async (route) => {
    const { ask, mint } = await newHttpService();
    const { secret } = await mint({ roles: ['owner'] });
    const body = route.endsWith('settle') ? { keep: 'new' } : undefined;
    expect((await ask(route, { body })).status).toBe(400);
    expect((await ask(route, { body, headers: under('short') })).status).toBe(400);
    const headers = under(newIdempotencyKey());
    await ask('POST /v1/keys', { body: { name: 'theirs' }, headers });
    expect((await ask(route, { body, headers, secret: null })).status).toBe(401);
    expect((await ask(route, { body, headers, secret })).status).toBe(403);
  },
);

test('POST /v1/keys/:id/regenerate: 400 for an overlap without an Idempotency-Key, 409 for a second one', async () => {
  const { ask, mint } = await newHttpService();
  const { id } = await mint();
  const regenerate = (headers: Record<string, string>) =>
    ask(`POST /v1/keys/${id}/regenerate`, { body: { overlap: true }, headers });
  expect((await regenerate({})).status).toBe(400);
  expect((await regenerate(under(newIdempotencyKey()))).status).toBe(200);
  expect(await regenerate(under(newIdempotencyKey()))).toMatchObject({
    status: 409,
    body: { code: 'conflict' },
  });
});
