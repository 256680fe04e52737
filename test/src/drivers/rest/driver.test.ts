/** What the driver promises whatever a mapping says: no secret lost or shown, no doubt where there is none, nothing asked for in vain. */
import { expect, test } from 'vitest';
import { parseMapping } from '../../../../src/drivers/rest/load.ts';
import { Secret } from '../../../../src/secret.ts';
import { refuses } from '../../../contracts/refuses.ts';
import { to } from '../../../fakes/mishaps.ts';
import { forTest, type OpenOptions } from '../../../fakes/open-driver.ts';
import { openMapping } from '../../../fakes/rest/example.ts';
import { type Reply, startVendorServer, type WireRequest } from '../../../fakes/vendor-server.ts';

const base = 'title: Acme\nkey: { id: id, name: name }\nlist: { method: GET, path: /keys }\n';
const create = "create: { method: POST, path: /keys, body: { name: '{name}' }, secret: secret }\n";
const roll = "regenerate: { method: POST, path: '/keys/{id}/roll', secret: secret }\n";
const key = { id: 'k1', name: 'ci' };

async function acme(
  text: string,
  answer: (request: WireRequest) => Reply,
  { credential, ...options }: OpenOptions = {},
) {
  const server = await forTest(startVendorServer(answer));
  const service = openMapping(parseMapping('acme.yaml', text), { ...server, credential }, options);
  return { server, service };
}

const minting = ({ method }: WireRequest): Reply =>
  method === 'POST' ? { status: 200, body: { secret: 'sk_1' } } : { status: 200, body: [key] };

test('a pattern is the form of the whole id, each of its alternatives', async () => {
  const text = base.replace('id: id', 'id: { from: id, pattern: k1|k2 }');
  const { server, service } = await acme(text, () => ({ status: 200, body: [{ id: 'k1' }, { id: 'k1x' }] }));
  for (const id of ['k1x', 'xk2']) await refuses('not_found', service.get(id));
  expect(server.requests).toEqual([]);
  expect((await service.get('k1')).id).toBe('k1');
});

test('a new secret, one that is verified and a credential in a header of its own are known as secrets', async () => {
  const known: string[] = [];
  const know = (secret: Secret) => {
    known.push(secret.reveal());
    return secret;
  };
  const verify = 'verify: { method: GET, path: /me }\n';
  const auth = "auth: { header: X-Token, prefix: 'Token ' }\n";
  const { service } = await acme(base + auth + create + roll + verify, minting, {
    ...{ credential: 'admin', parts: { know } },
  });
  expect(known).toEqual(['Token admin']);
  await service.create({ name: 'ci' });
  expect(known.splice(0)).toContain('sk_1');
  await service.regenerate('k1');
  expect(known.splice(0)).toContain('sk_1');
  await service.verify(new Secret('sk_2'));
  expect(known).toEqual(expect.arrayContaining(['sk_2', 'Token sk_2']));
});

test.each([
  ['bearer', 'authorization', 'Bearer a:b'],
  ['apikey', 'authorization', 'ApiKey a:b'],
  ['x-api-key', 'x-api-key', 'a:b'],
  ['basic', 'authorization', `Basic ${Buffer.from('a:b').toString('base64')}`],
  ["{ header: X-Token, prefix: 'Token ' }", 'x-token', 'Token a:b'],
])('auth: %s sends the credential as %s', async (auth, header, value) => {
  const { server, service } = await acme(`${base}auth: ${auth}\n`, minting, { credential: 'a:b' });
  await service.list({});
  expect(server.requests[0]?.headers[header]).toBe(value);
});

test("a secret to verify that its mapping puts into the credential's own header is what is presented", async () => {
  const verify =
    "auth: { header: X-Token }\nverify: { method: GET, path: /me, headers: { x-token: '{secret}' } }\n";
  const { service } = await acme(
    base + verify,
    ({ headers }) => ({ status: headers['x-token'] === 'admin' ? 200 : 401, body: {} }),
    { credential: 'admin' },
  );
  expect((await service.verify(new Secret('made-up'))).valid).toBe(false);
  expect((await service.verify(new Secret('admin'))).valid).toBe(true);
});

test('a secret to verify that is sent as a credential is that wherever the mapping puts one, in a body too', async () => {
  const auth = 'auth: { header: X-Token }\n';
  const verify = "verify: { method: POST, path: /me, body: { token: '{credential}' } }\n";
  const { server, service } = await acme(
    base + auth + verify,
    ({ body }) => ({ status: (body as { token: string }).token === 'admin' ? 200 : 401, body: {} }),
    { credential: 'admin' },
  );
  expect((await service.verify(new Secret('made-up'))).valid).toBe(false);
  expect((await service.verify(new Secret('admin'))).valid).toBe(true);
  expect(server.requests.map(({ headers }) => headers['x-token'])).toEqual(['made-up', 'admin']);
});

test('the password of a Basic credential is not shown, also where a service repeats it alone', async () => {
  const text = `${base}auth: basic\nerrors: { message: why }\n`;
  const { service } = await acme(text, () => ({ status: 400, body: { why: "'hunter-22' is too short" } }), {
    credential: 'ann:hunter-22',
  });
  await refuses('invalid', service.list({}), /^'\[secret\]' is too short/);
});

test('a new key without an id, whose list is refused, may be there all the same (exit 12)', async () => {
  const { server, service } = await acme(base + create, minting);
  server.befall({ on: to('GET', /keys/), times: 9, instead: { status: 403, body: {} } });
  await refuses('bad_response', service.create({ name: 'ci' }), /does not say which/);
});

test('a new key without its secret is named, so that it can be revoked', async () => {
  const { service } = await acme(base + create, () => ({ status: 200, body: { id: 'k1' } }));
  await expect(service.create({ name: 'ci' })).rejects.toMatchObject({
    code: 'bad_response',
    mintedId: 'k1',
  });
});

test('a secret that replaces another is not lost because its key cannot be read again', async () => {
  const { server, service } = await acme(base + roll, minting);
  server.befall({ on: to('GET', /keys/), times: 9, instead: { status: 403, body: {} } });
  const { key: shown, secret } = await service.regenerate('k1');
  expect([shown.id, secret.reveal()]).toEqual(['k1', 'sk_1']);
});

test('a successor whose predecessor cannot be read is not made, and there is no doubt of it', async () => {
  const text =
    base + create.replace(', secret:', ", successor: { name: '{name}', of: '{current | id}' }, secret:");
  const { server, service } = await acme(text, minting);
  server.befall({ on: to('GET', /keys/), instead: { status: 200, body: {} } });
  await refuses('unavailable', service.create({ name: 'ci-2' }, { like: 'k1' }), /^nothing was created: /);
  expect(server.requests.map(({ method }) => method)).toEqual(['GET']);
  await service.create({ name: 'ci-2' }, { like: 'k1' }).catch(() => {});
  expect(server.requests.find(({ method }) => method === 'POST')?.body).toEqual({ name: 'ci-2', of: 'k1' });
});

test('a list of more than a MiB is read, by profile check as well', async () => {
  const keys = Array.from({ length: 30 }, (_, n) => ({ id: `k${n}`, about: 'x'.repeat(50_000) }));
  const { service } = await acme(base, () => ({ status: 200, body: keys }));
  expect((await service.list({})).keys).toHaveLength(30);
  expect((await service.firstPage()).json()).toHaveLength(30);
});

test('an explanation decides before a status, and its hint is told; a credential that is not taken leads to a login', async () => {
  const errors =
    'errors: { message: why, codes: { 409: quota_exceeded }, texts: [{ contains: taken, code: conflict, hint: choose another name }] }\n';
  const { server, service } = await acme(base + errors, () => ({ status: 409, body: { why: 'name taken' } }));
  await expect(service.list({})).rejects.toMatchObject({ code: 'conflict', hint: 'choose another name' });
  server.befall({ instead: { status: 409, body: { why: 'full' } } });
  await refuses('quota_exceeded', service.list({}));
  server.befall({ instead: { status: 401, body: { why: 'no' } } });
  await expect(service.list({})).rejects.toMatchObject({
    ...{ code: 'unauthenticated', hint: expect.stringContaining('keys auth login') },
  });
});

test('a key that moves to the next page while a cursor goes through the list is there once', async () => {
  const text = base.replace(
    '/keys }',
    "/keys, query: { after: '{cursor}' }, items: keys, paging: { style: cursor, next: next } }",
  );
  const { service } = await acme(text, ({ query }) => ({
    status: 200,
    body: query.has('after') ? { keys: [key, { id: 'k2' }] } : { keys: [key], next: 'c2' },
  }));
  expect((await service.list({})).keys.map(({ id }) => id).sort()).toEqual(['k1', 'k2']);
});
