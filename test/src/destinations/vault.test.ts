import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openDestination } from '../../../src/destinations/index.ts';
import { Secret } from '../../../src/secret.ts';
import { destinationContext } from '../../fakes/destination-context.ts';
import { fakeVault } from '../../fakes/places/vault.ts';
import { temporaryDirectory } from '../../fakes/temporary.ts';
import { json, lost } from '../../fakes/wire.ts';

const secret = new Secret('keys_new');

async function start(target = 'secret/ci/deploy#token', env: Record<string, string> = {}) {
  const vault = await fakeVault();
  const home = temporaryDirectory();
  const context = destinationContext({
    env: { HOME: home, VAULT_ADDR: vault.url, VAULT_TOKEN: vault.token, ...env },
  });
  return { vault, home, context, destination: await openDestination(`vault:${target}`, context) };
}

test('a new secret is made, and other fields of an existing one are kept', async () => {
  const { vault, destination } = await start();
  await destination.deliver(new Secret('keys_1'));
  expect(vault.current('secret/ci/deploy')).toEqual({ token: 'keys_1' });
  vault.put('secret/ci/deploy', { token: 'keys_1', user: 'ci', nested: { a: [1, null] } });
  await destination.deliver(secret);
  expect(vault.current('secret/ci/deploy')).toEqual({
    token: 'keys_new',
    user: 'ci',
    nested: { a: [1, null] },
  });
  await destination.abandon();
});

test('what somebody wrote meanwhile is kept', async () => {
  const { vault, destination } = await start();
  vault.put('secret/ci/deploy', { a: '1' });
  vault.next.push(
    json(200, { data: { path: 'secret/', type: 'kv', options: { version: '2' } } }),
    json(200, { data: { data: { stale: '1' }, metadata: { version: 0 } } }),
  );
  await destination.deliver(secret);
  expect(vault.current('secret/ci/deploy')).toEqual({ a: '1', token: 'keys_new' });
  await destination.abandon();
});

test('a path that others write all the time is given up', async () => {
  const { vault, destination } = await start();
  await destination.preflight();
  const stale = json(200, { data: { data: {}, metadata: { version: 0 } } });
  const refused = json(400, { errors: ['check-and-set parameter did not match the current version'] });
  for (let attempt = 1; attempt <= 5; attempt++) vault.next.push(stale, refused);
  await expect(destination.deliver(secret)).rejects.toMatchObject({ code: 'undelivered' });
  await destination.abandon();
});

test('a write whose answer was lost makes no second version', async () => {
  const { vault, destination } = await start();
  vault.put('secret/ci/deploy', { a: '1' });
  await destination.preflight();
  vault.next.push(json(200, { data: { data: { a: '1' }, metadata: { version: 1 } } }), (response, asked) => {
    vault.put('secret/ci/deploy', { a: '1', token: 'keys_new' });
    lost(response, asked);
  });
  await destination.deliver(secret);
  expect(vault.versions.get('secret/ci/deploy')).toHaveLength(2);
  await destination.abandon();
});

test('a secret whose last version was deleted gets a new one', async () => {
  const { vault, destination } = await start();
  vault.put('secret/ci/deploy', { old: '1' });
  const last = vault.versions.get('secret/ci/deploy')?.at(-1);
  if (last) last.deletion_time = '2026-01-01T00:00:00Z';
  await destination.preflight();
  await destination.deliver(secret);
  expect(vault.current('secret/ci/deploy')).toEqual({ token: 'keys_new' });
  await destination.abandon();
});

test('a mount of several parts is found, and the first part is taken where mounts are not shown', async () => {
  const { vault, destination, context } = await start('team/kv/ci/deploy#token');
  await destination.deliver(secret);
  expect(vault.current('team/kv/ci/deploy')).toEqual({ token: 'keys_new' });
  vault.showsMounts = false;
  const plain = await openDestination('vault:secret/x#token', context);
  await plain.deliver(secret);
  expect(vault.current('secret/x')).toEqual({ token: 'keys_new' });
  await destination.abandon();
  await plain.abandon();
});

test.each<[string, string, boolean]>([
  ['a mount that is not there', 'nowhere/ci/deploy#token', true],
  ['a mount that is not shown, of which a part was taken for it', 'team/kv/deploy#token', false],
  ['a mount without a path in it', 'team/kv#token', true],
])('%s shows before anything is minted', async (_what, target, showsMounts) => {
  const { vault, destination } = await start(target);
  vault.showsMounts = showsMounts;
  await expect(destination.preflight()).rejects.toMatchObject({
    code: 'not_found',
    hint: expect.stringContaining('mount'),
  });
  await destination.abandon();
});

test('a KV engine of version 1 is refused, also where mounts are not shown', async () => {
  const { vault, destination } = await start('old/x#token');
  await expect(destination.preflight()).rejects.toMatchObject({ code: 'invalid' });
  await destination.abandon();
  vault.showsMounts = false;
  await expect(destination.deliver(secret)).rejects.toMatchObject({ code: 'undelivered' });
  await destination.abandon();
});

test('an answer that names no version is of no KV engine of version 2: nothing is written', async () => {
  const { vault, destination } = await start();
  await destination.preflight();
  vault.next.push(json(200, { data: { user: 'ci' } }));
  await expect(destination.deliver(secret)).rejects.toMatchObject({ code: 'undelivered' });
  expect(vault.current('secret/ci/deploy')).toBeNull();
  await destination.abandon();
});

test('numbers that JavaScript would change are not written back', async () => {
  const { vault, destination } = await start();
  vault.next.push(
    json(200, { data: { path: 'secret/', type: 'kv', options: { version: '2' } } }),
    json(200, { 'secret/data/ci/deploy': ['read', 'update'] }),
    (response) => {
      response.setHeader('content-type', 'application/json');
      response.end('{"data":{"data":{"id":12345678901234567890},"metadata":{"version":1}}}');
    },
  );
  await expect(destination.preflight()).rejects.toMatchObject({ code: 'invalid' });
  await destination.abandon();
});

test.each([
  [['create', 'update'], 'read'],
  [['read', 'update'], 'create'],
  [['deny'], 'read'],
])('a token that may only %j shows before anything is minted', async (capabilities, lacking) => {
  const { vault, destination } = await start();
  vault.capabilities = capabilities;
  await expect(destination.preflight()).rejects.toMatchObject({
    code: 'forbidden',
    message: expect.stringContaining(`may not ${lacking} secret/data/ci/deploy`),
  });
  vault.capabilities = ['root'];
  if (lacking === 'create') await destination.preflight();
  await destination.abandon();
});

test.each([
  ['no address', { VAULT_ADDR: '' }, 'invalid'],
  ['no token', { VAULT_TOKEN: '' }, 'unauthenticated'],
  ['a wrong token', { VAULT_TOKEN: 'wrong' }, 'forbidden'],
  ['a wrong namespace', { VAULT_NAMESPACE: 'wrong' }, 'forbidden'],
  ['nobody there', { VAULT_ADDR: 'http://127.0.0.1:1' }, 'unavailable'],
  ['plain http', { VAULT_ADDR: 'http://vault.example.com:8200' }, 'untrusted'],
  [
    'no file with the authority',
    { VAULT_ADDR: 'https://127.0.0.1:1', VAULT_CACERT: '/no/such/file' },
    'invalid',
  ],
])('%s shows before anything is minted', async (_what, env, code) => {
  const { destination } = await start(undefined, env);
  await expect(destination.preflight()).rejects.toMatchObject({ code });
  await destination.abandon();
});

test('~/.vault-token serves when VAULT_TOKEN is not set', async () => {
  const { vault, home, destination } = await start(undefined, { VAULT_TOKEN: '' });
  await writeFile(join(home, '.vault-token'), `${vault.token}\n`);
  await destination.preflight();
  await destination.abandon();
});

test('with BAO_ADDR the BAO_ variables count, and no token of Vault goes there', async () => {
  const { vault, context } = await start();
  vault.namespace = 'team';
  const env = {
    ...context.env,
    VAULT_ADDR: 'http://127.0.0.1:1',
    BAO_ADDR: vault.url,
    BAO_NAMESPACE: 'team',
  };
  const spec = 'vault:secret/ci/deploy#token';
  const without = await openDestination(spec, { ...context, env });
  await expect(without.preflight()).rejects.toMatchObject({ code: 'unauthenticated', message: /BAO_TOKEN/ });
  const bao = await openDestination(spec, { ...context, env: { ...env, BAO_TOKEN: vault.token } });
  await bao.preflight();
  await bao.deliver(secret);
  expect(vault.current('secret/ci/deploy')).toEqual({ token: 'keys_new' });
  await bao.abandon();
});

test.each(['secret#x', 'secret/#x', 'secret/a', 'secret/a#', 'secret//a#x', 'secret/../a#x', '/a/b#x', '#x'])(
  'vault:%s is refused',
  async (target) => {
    await expect(openDestination(`vault:${target}`, destinationContext())).rejects.toMatchObject({
      code: 'invalid',
    });
  },
);

test.each(['1.10', '1e400', '0.12345678901234567891', '12345678901234567890', '-0'])(
  'a field beside it with the number %s, which writing it back would change, shows before anything is minted',
  async (number) => {
    const { vault, destination } = await start();
    vault.put('secret/ci/deploy', { other: 'x' });
    const body = `{"data":{"data":{"other":[${number}]},"metadata":{"version":1}}}`;
    vault.next.push(null, null, (response) => {
      response.writeHead(200, { 'content-type': 'application/json' }).end(body);
    });
    await expect(destination.preflight()).rejects.toMatchObject({
      code: 'invalid',
      message: expect.stringContaining('survive'),
    });
    await destination.abandon();
  },
);
