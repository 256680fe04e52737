import { expect, test } from 'vitest';
import { zabbix } from '../../../src/drivers/zabbix.ts';
import { zabbixCapabilities } from '../../../src/drivers/zabbix-capabilities.ts';
import { zabbixLogin } from '../../../src/drivers/zabbix-login.ts';
import { createHttp } from '../../../src/http.ts';
import type { KeyService } from '../../../src/keys.ts';
import { Redactor, Secret } from '../../../src/secret.ts';
import { keyServiceContract, refuses } from '../../contracts/key-service.ts';
import { zabbixSkips } from '../../contracts/zabbix-skips.ts';
import { altered, lostAnswer, lostRequest, tooManyRequests } from '../../fakes/mishaps.ts';
import { forTest, type OpenOptions, openDriver } from '../../fakes/open-driver.ts';
import { scriptedPrompt } from '../../fakes/prompt.ts';
import { asks, failure, type ZabbixFake, zabbixFake } from '../../fakes/zabbix.ts';

function open(fake: ZabbixFake, options: OpenOptions = {}): KeyService {
  return openDriver(zabbix, fake, { credential: fake.session, authorizes: true, ...options });
}

async function opened(options: OpenOptions = {}): Promise<{ fake: ZabbixFake; service: KeyService }> {
  const fake = await forTest(zabbixFake());
  return { fake, service: open(fake, options) };
}

const contract = { capabilities: zabbixCapabilities, skips: zabbixSkips };
keyServiceContract('zabbix 6.0', async () => (await opened()).service, contract);
keyServiceContract(
  'zabbix 7.2',
  async () => {
    const fake = await forTest(zabbixFake());
    fake.version = '7.2.3';
    return open(fake);
  },
  contract,
);

test('what is given at creation is kept, the owner by name', async () => {
  const { service } = await opened();
  const given = {
    name: '部署 key',
    description: 'two\nlines',
    owner: 'bob',
    expiresAt: '2030-01-01T00:00:00.000Z',
  };
  const { key } = await service.create(given);
  expect(key).toMatchObject({ ...given, status: 'active', extra: { userId: '3' } });
  expect(await service.get(key.id)).toEqual(key);
});

test('an owner whom Zabbix does not know is invalid, and nothing is made', async () => {
  const { fake, service } = await opened();
  await refuses('invalid', service.create({ name: 'x', owner: 'nobody' }));
  await refuses('invalid', service.create({ name: 'x', owner: '99' }));
  expect(fake.tokens).toEqual([]);
  await refuses('invalid', service.create({ name: 'x', owner: '003' }));
  expect(fake.asked('token.create')).toBe(1);
});

test('who sees only their own tokens gets those, and a new one is their own', async () => {
  const { fake } = await opened();
  fake.seed({ name: 'of Admin' });
  const service = open(fake, { credential: fake.memberSecret });
  const { key } = await service.create({ name: 'mine' });
  expect(key.owner).toBe('bob');
  expect((await service.list({})).keys).toEqual([key]);
  await refuses('not_found', service.revoke('1'));
});

test('an owner is given by name, or by number where nobody is called so', async () => {
  const { service } = await opened();
  expect((await service.create({ name: 'a', owner: '3' })).key.owner).toBe('bob');
  expect((await service.create({ name: 'b', owner: 'bob' })).key.owner).toBe('bob');
});

test('what fails before a token is asked for leaves no doubt that none was made', async () => {
  for (const [method, owner] of [['apiinfo.version'], ['user.get', 'bob']] as const) {
    const { fake, service } = await opened();
    fake.befall({ on: asks(method), instead: { status: 200, body: [] } });
    await refuses('unavailable', service.create({ name: 'x', owner }), /^nothing was created: /);
    expect(fake.asked('token.create')).toBe(0);
  }
});

test('of several secrets in an answer the one of the token is taken', async () => {
  const { fake, service } = await opened();
  const other = { tokenid: '999', token: 'f'.repeat(64) };
  fake.befall({
    on: asks('token.generate'),
    ...altered(({ result, ...rest }) => ({ ...rest, result: [other, ...(result as object[])] })),
  });
  const { secret } = await service.create({ name: 'one-of-two' });
  expect(secret.reveal()).not.toBe(other.token);
  expect((await service.verify(secret)).valid).toBe(true);
});

test('a deletion that is refused where its first request was lost is never taken for done', async () => {
  const { fake, service } = await opened();
  const { tokenid } = fake.seed();
  fake.befall({ on: asks('token.delete'), ...lostRequest });
  fake.befall({
    on: asks('token.delete'),
    instead: failure(-32602, 'No permissions to call "token.delete".'),
  });
  await refuses('outcome_unknown', service.revoke(String(tokenid)), /No permissions to call/);
});

test('a name with characters that no terminal shows is refused, of a new token and of one that is there', async () => {
  const { fake, service } = await opened();
  await refuses('invalid', service.create({ name: 'a\u0007b' }));
  await refuses('invalid', service.edit('1', { name: 'a\u0007b' }));
  expect(fake.requests).toEqual([]);
});

test('owners who may not be seen are shown by their number', async () => {
  const { fake, service } = await opened();
  fake.seed();
  fake.befall({ on: asks('user.get'), instead: failure(-32602, 'No permissions to call "user.get".') });
  expect((await service.list({})).keys).toMatchObject([{ owner: '1' }]);
});

test('an edit changes what it names and nothing else', async () => {
  const { service } = await opened();
  const { key } = await service.create({
    name: 'before',
    description: 'stays',
    expiresAt: '2030-01-01T00:00:00Z',
  });
  const renamed = await service.edit(key.id, { name: 'after' });
  expect(renamed).toEqual({ ...key, name: 'after' });
  const cleared = await service.edit(key.id, { description: null, expiresAt: null });
  expect(cleared).toEqual({ ...renamed, description: null, expiresAt: null });
});

test('regenerate keeps the key, and the old secret is dead at once', async () => {
  const { service } = await opened();
  const before = await service.create({ name: 'renewed' });
  const after = await service.regenerate(before.key.id);
  expect(after.key.id).toBe(before.key.id);
  expect(await service.verify(before.secret)).toMatchObject({ valid: false, reason: 'unknown' });
  expect((await service.verify(after.secret)).valid).toBe(true);
});

test('revoke is at once and for good', async () => {
  const { service } = await opened();
  const { key, secret } = await service.create({ name: 'ended' });
  await service.revoke(key.id);
  expect(await service.verify(secret)).toEqual({ valid: false, reason: 'unknown', key: null });
  await refuses('not_found', service.get(key.id));
  await refuses('not_found', service.revoke(key.id));
});

test('a revocation whose answer was lost has succeeded', async () => {
  const { fake, service } = await opened();
  fake.seed();
  fake.befall({ on: asks('token.delete'), ...lostAnswer });
  await service.revoke('1');
  expect(fake.tokens).toEqual([]);
});

test('verify uses the secret itself, and is a use', async () => {
  const { fake, service } = await opened();
  const { key, secret } = await service.create({ name: 'used' });
  expect(key.lastUsedAt).toBeNull();
  expect(await service.verify(secret)).toMatchObject({ valid: true, key: { id: key.id } });
  expect((await service.get(key.id)).lastUsedAt).not.toBeNull();
  const anybody = openDriver(zabbix, fake, { authorizes: true });
  expect((await anybody.verify(secret)).valid).toBe(true);
  await service.disable(key.id);
  expect(await anybody.verify(secret)).toEqual({ valid: false, reason: 'unknown', key: null });
});

test('a failure to ask says nothing of a secret: verify is no verdict then (exit 7)', async () => {
  const { fake, service } = await opened();
  const { secret } = await service.create({ name: 'asked' });
  fake.befall({ on: asks('token.get'), instead: { status: 500, body: {} } });
  await refuses('unavailable', service.verify(secret));
});

test.each([401, 403])(
  'a proxy that answers %i says nothing of a secret: verify is no verdict then',
  async (status) => {
    const { fake, service } = await opened();
    const { secret } = await service.create({ name: 'asked' });
    const refusal = status === 401 ? 'unauthenticated' : 'forbidden';
    const madeUp = new Secret('0'.repeat(64));
    for (const method of ['token.get', 'apiinfo.version']) {
      for (const credential of [fake.session, undefined]) {
        for (const asked of [secret, madeUp]) {
          fake.befall({ on: asks(method), instead: { status, body: '<h1>no</h1>' } });
          await refuses(refusal, open(fake, { credential }).verify(asked));
        }
      }
    }
  },
);

test('a secret that Zabbix refuses is not valid, however good its key looks to an administrator', async () => {
  const { fake, service } = await opened();
  const { secret } = await service.create({ name: 'of-a-leaver' });
  fake.befall({ on: asks('token.get'), instead: failure(-32602, 'Not authorized.') });
  expect(await service.verify(secret)).toEqual({ valid: false, reason: 'unknown', key: null });
});

test("a session is no key's secret, and is not tried", async () => {
  const { fake, service } = await opened();
  expect(await service.verify(new Secret(fake.session))).toMatchObject({ valid: false, reason: 'unknown' });
  expect(fake.requests).toEqual([]);
});

test('a secret whose owner may not look at tokens is good all the same', async () => {
  const { fake, service } = await opened();
  const { key, secret } = await service.create({ name: 'narrow' });
  const forbidden = failure(-32602, 'No permissions to call "token.get".');
  fake.befall({ on: asks('token.get'), instead: forbidden });
  expect(await service.verify(secret)).toMatchObject({ valid: true, key: { id: key.id } });
  fake.befall({ on: asks('token.get'), instead: forbidden });
  const anybody = openDriver(zabbix, fake, { authorizes: true });
  expect(await anybody.verify(secret)).toEqual({ valid: true, reason: null, key: null });
});

test('a credential tells who it is: a token by itself, a session by its user', async () => {
  const { fake, service } = await opened();
  expect(await service.whoami()).toMatchObject({ id: null, name: 'Admin', owner: 'Admin' });
  const { key, secret } = await service.create({ name: 'admin-cli' });
  const itself = open(fake, { credential: secret.reveal() });
  expect(await itself.whoami()).toMatchObject({ id: key.id, name: 'admin-cli', owner: 'Admin' });
});

test('a login gives a session, and a wrong password is unauthenticated (exit 4)', async () => {
  const { fake } = await opened();
  const login = async (password: string) => {
    const prompt = scriptedPrompt([
      { asked: 'username', answer: 'Admin' },
      { asked: 'password', answer: password },
    ]);
    const http = createHttp({
      baseUrl: `${fake.url}/api_jsonrpc.php`,
      credential: null,
      timeoutMs: 10_000,
      signal: new AbortController().signal,
      redactor: new Redactor(),
    });
    const known: string[] = [];
    const know = (secret: Secret) => {
      known.push(secret.reveal());
      return secret;
    };
    const profile = { url: `${fake.url}/api_jsonrpc.php`, name: 'x' } as Parameters<typeof zabbixLogin>[3];
    return zabbixLogin(http, prompt, know, profile)
      .then((secret) => ({ secret: secret.reveal(), known }))
      .finally(() => http.close());
  };
  expect(await login('zabbix')).toEqual({ secret: fake.session, known: ['zabbix', fake.session] });
  await expect(login('guess')).rejects.toMatchObject({ exitCode: 4 });
});

test.each([
  ['6.0.14', 'auth'],
  ['6.2.9', 'auth'],
  ['6.4.0', 'header'],
  ['7.2.3', 'header'],
  ['10.0.0', 'header'],
])('Zabbix %s is told who asks in its %s, and asked for its version without', async (version, place) => {
  const { fake, service } = await opened();
  fake.version = version;
  await service.list({});
  await service.list({});
  const [first, ...others] = fake.requests;
  expect(first).toMatchObject({ body: { method: 'apiinfo.version' } });
  expect(fake.asked('apiinfo.version')).toBe(1);
  for (const { headers, body } of others) {
    const told = { header: headers.authorization, auth: (body as { auth?: string }).auth };
    expect(told).toEqual(
      place === 'auth'
        ? { header: undefined, auth: fake.session }
        : { header: `Bearer ${fake.session}`, auth: undefined },
    );
  }
});

test.each(['six', '', '7'])('a version that is none (%j) is bad_response (exit 12)', async (version) => {
  const { fake, service } = await opened();
  fake.version = version;
  await refuses('bad_response', service.list({}));
});

test.each([
  [-32602, 'Not authorized.', 'unauthenticated', 4],
  [-32602, 'Session terminated, re-login, please.', 'unauthenticated', 4],
  [-32500, 'API token expired.', 'unauthenticated', 4],
  [-32602, 'No permissions to call "token.get".', 'forbidden', 4],
  [-32500, 'No permissions to referred object or it does not exist!', 'not_found', 3],
  [-32602, 'API token "a "b"" already exists for userid "1".', 'conflict', 5],
  [-32602, 'Invalid parameter "/1/name": value is too long.', 'invalid', 2],
  [-32600, 'Invalid parameter "/": unexpected parameter "auth".', 'invalid', 2],
  [-32601, 'Incorrect API "token".', 'unsupported', 6],
  [-32500, 'SQL statement execution has failed.', 'unavailable', 7],
  [-32500, '', 'unavailable', 7],
  [1, 'Not authorized.', 'unavailable', 7],
])('error %i %j under HTTP 200 is %s (exit %i), with its code', async (number, data, code, exitCode) => {
  const { fake, service } = await opened();
  fake.befall({ on: asks('token.get'), instead: failure(number, data) });
  await expect(service.list({})).rejects.toMatchObject({
    code,
    exitCode,
    message: expect.stringContaining(`(code ${number})`),
  });
});

test('an error that says nothing leaves open whether a token was made (exit 10)', async () => {
  const { fake, service } = await opened();
  fake.befall({ on: asks('token.create'), alter: () => failure(-32500, 'No details') });
  await refuses('outcome_unknown', service.create({ name: 'x' }));
});

test.each([
  ['refused', { instead: failure(-32500, 'No permissions to referred object or it does not exist!') }],
  ['turned away', tooManyRequests('0')],
  ['lost', lostRequest],
  ['answered and the answer lost', lostAnswer],
])('a token whose secret was %s is named, so that it can be ended', async (_what, mishap) => {
  const { fake, service } = await opened();
  fake.befall({ on: asks('token.generate'), ...mishap });
  await expect(service.create({ name: 'half' })).rejects.toMatchObject({
    code: 'outcome_unknown',
    exitCode: 10,
    mintedId: '1',
  });
  expect(fake.asked('token.generate')).toBe(1);
});

test('a token without a secret in the answer is bad_response (exit 12), and is named', async () => {
  const { fake, service } = await opened();
  fake.befall({
    on: asks('token.generate'),
    alter: (reply) => ({ ...reply, body: { jsonrpc: '2.0', result: [] } }),
  });
  await expect(service.create({ name: 'x' })).rejects.toMatchObject({ exitCode: 12, mintedId: '1' });
});

test('a token that was made and is not named is bad_response (exit 12), and no secret is asked for', async () => {
  const { fake, service } = await opened();
  fake.befall({
    on: asks('token.create'),
    alter: (reply) => ({ ...reply, body: { jsonrpc: '2.0', result: { tokenids: [] } } }),
  });
  await refuses('bad_response', service.create({ name: 'x' }), /may have made the token/);
  expect(fake.requests.filter(asks('token.generate'))).toEqual([]);
});

test('an expiry that cannot be read is no expiry in a list, and bad_response (exit 12) in a list by expiry', async () => {
  const { fake, service } = await opened();
  fake.seed({ name: 'ci', expires_at: 'in March' as unknown as number });
  expect((await service.list({})).keys).toMatchObject([{ name: 'ci', expiresAt: null }]);
  await refuses('bad_response', service.list({ noExpiry: true }), /when ci expires/);
  const [token] = fake.tokens;
  if (token) token.expires_at = 0;
  expect((await service.list({ noExpiry: true })).keys).toMatchObject([{ name: 'ci' }]);
});

test('a token that cannot be looked at in between gets its secret all the same', async () => {
  const { fake, service } = await opened();
  fake.befall({ on: asks('token.get'), instead: { status: 500, body: {} } });
  const { key } = await service.create({ name: 'unseen', description: 'd' });
  expect(key).toMatchObject({ id: '1', name: 'unseen', description: 'd', status: 'active' });
});

test('a change that cannot be shown is no failure without a change (exit 10)', async () => {
  const { fake, service } = await opened();
  fake.seed();
  fake.befall({ on: asks('token.get'), instead: { status: 500, body: {} } });
  await refuses('outcome_unknown', service.disable('1'));
  expect(fake.tokens[0]?.status).toBe(1);
});

test('an id beyond 2^53 keeps every digit, from the creation to the revocation', async () => {
  const { fake, service } = await opened();
  fake.nextId = 9_007_199_254_740_993_123n;
  const { key } = await service.create({ name: 'far' });
  expect(key.id).toBe('9007199254740993123');
  await service.revoke(key.id);
  expect(fake.tokens).toEqual([]);
});

test.each(['../../admin', '1/2', 'x1', '', '-1', '1.5', '007', '1'.repeat(20)])(
  '%j is no id, and is not asked for',
  async (id) => {
    const { fake, service } = await opened();
    for (const verb of ['get', 'revoke', 'disable', 'enable', 'regenerate'] as const)
      await refuses('not_found', service[verb](id));
    await refuses('not_found', service.edit(id, { name: 'x' }));
    expect(fake.requests).toEqual([]);
  },
);

test('an expiry is sent in whole seconds, never later than asked', async () => {
  const { fake, service } = await opened();
  await service.create({ name: 'x', expiresAt: '2030-01-01T00:00:00.999Z' });
  expect(fake.tokens[0]?.expires_at).toBe(Date.UTC(2030, 0, 1) / 1000);
});

test('an expiry that has passed, or that 32 bits do not hold, is refused before any request', async () => {
  const { fake, service } = await opened();
  for (const expiresAt of ['2020-01-01T00:00:00Z', '2038-01-19T03:14:08Z', '2099-02-30T00:00:00Z', 'soon'])
    await refuses('invalid', service.create({ name: 'x', expiresAt }));
  await service.create({ name: 'last', expiresAt: '2038-01-19T03:14:07.999Z' });
  expect(fake.asked('token.create')).toBe(1);
});

test('a status nobody has heard of is shown as none', async () => {
  const { fake, service } = await opened();
  fake.seed({ status: 7 });
  expect((await service.list({})).keys).toMatchObject([{ status: null }]);
});
