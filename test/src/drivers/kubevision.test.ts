import { expect, test } from 'vitest';
import type { Profile } from '../../../src/config.ts';
import { kubeVision } from '../../../src/drivers/kubevision.ts';
import { kubeVisionCapabilities } from '../../../src/drivers/kubevision-capabilities.ts';
import { kubeVisionLogin } from '../../../src/drivers/kubevision-session.ts';
import { KeysError } from '../../../src/errors.ts';
import { createHttp } from '../../../src/http.ts';
import type { KeyService } from '../../../src/keys.ts';
import { Redactor, Secret } from '../../../src/secret.ts';
import { keyServiceContract, refuses } from '../../contracts/key-service.ts';
import { failure, type KubeVisionFake, kubeVisionFake } from '../../fakes/kubevision.ts';
import { altered, lostAnswer, to, tooManyRequests } from '../../fakes/mishaps.ts';
import { forTest, type OpenOptions, openDriver, renewalOf } from '../../fakes/open-driver.ts';
import { type ScriptedAnswer, scriptedPrompt } from '../../fakes/prompt.ts';

const mintRoute = to('POST', /api-keys$/);
const listRoute = to('GET', /api-keys$/);
const deletion = to('DELETE', /./);

function open(fake: KubeVisionFake, options: OpenOptions = {}): KeyService {
  const defaults = { credential: fake.adminSecret, base: '/api/v1', authorizes: true };
  return openDriver(kubeVision, fake, { ...defaults, ...options });
}

async function opened(options: OpenOptions = {}): Promise<{ fake: KubeVisionFake; service: KeyService }> {
  const fake = await forTest(kubeVisionFake());
  return { fake, service: open(fake, options) };
}

async function login(fake: KubeVisionFake, answers: readonly ScriptedAnswer[]): Promise<Secret> {
  const prompt = scriptedPrompt(answers);
  const http = createHttp({
    baseUrl: `${fake.url}/api/v1`,
    credential: null,
    timeoutMs: 10_000,
    signal: new AbortController().signal,
    redactor: new Redactor(),
  });
  try {
    return await kubeVisionLogin(http, prompt, (secret) => secret);
  } finally {
    await http.close();
    prompt.assertUsed();
  }
}

function person(fake: KubeVisionFake, ...codes: string[]): ScriptedAnswer[] {
  return [
    { asked: 'username', answer: fake.username },
    { asked: 'password', answer: fake.password },
    ...codes.map((answer) => ({ asked: 'second factor', answer })),
  ];
}

async function loggedIn(options: OpenOptions = {}): Promise<{ fake: KubeVisionFake; service: KeyService }> {
  const fake = await forTest(kubeVisionFake());
  const credential = (await login(fake, person(fake))).reveal();
  return { fake, service: open(fake, { credential, ...options }) };
}

const nameless = {
  'the name of a live key is taken': 'names are not unique here',
  'create refuses a name of 129 characters': 'no limit is known from its source',
};

keyServiceContract('kubevision with an API key', async () => (await opened()).service, {
  capabilities: kubeVisionCapabilities,
  skips: nameless,
});

keyServiceContract('kubevision with a login', async () => (await loggedIn()).service, {
  capabilities: kubeVisionCapabilities,
  skips: nameless,
});

test('a key has its id as text, its prefix, and a status by its expiry', async () => {
  const { fake, service } = await opened();
  fake.seed({ name: 'old', expiresAt: '2020-01-01T00:00:00Z', keyPrefix: 'kv_ab' });
  fake.seed({ name: 'new' });
  expect((await service.list({})).keys).toMatchObject([
    { id: '2', name: 'new', status: 'active', expiresAt: null },
    { id: '1', name: 'old', status: 'expired', expiresAt: '2020-01-01T00:00:00.000Z', prefix: 'kv_ab' },
  ]);
});

test('an id beyond 2^53 keeps every digit, from the list to the revocation', async () => {
  const { fake, service } = await opened();
  fake.nextId = 9_007_199_254_740_993_123n;
  const { key } = await service.create({ name: 'far' });
  expect(key.id).toBe('9007199254740993123');
  expect((await service.list({})).keys.map(({ id }) => id)).toEqual(['9007199254740993123']);
  await service.revoke(key.id);
  expect(fake.keys).toEqual([]);
});

test.each(['../../admin', '1/2', '01x', '007', '', '-1', '1.5'])(
  '%j is no id, and is not asked for',
  async (id) => {
    const { fake, service } = await opened();
    await refuses('not_found', service.get(id));
    await refuses('not_found', service.revoke(id));
    expect(fake.requests).toEqual([]);
  },
);

test.each([
  [40001, 'invalid', 2],
  [40002, 'invalid', 2],
  [40100, 'unauthenticated', 4],
  [40101, 'unauthenticated', 4],
  [40300, 'forbidden', 4],
  [40400, 'not_found', 3],
  [40900, 'conflict', 5],
  [42200, 'invalid', 2],
  [50000, 'unavailable', 7],
  [50200, 'unavailable', 7],
])(
  'code %i under HTTP 200 is %s (exit %i), with message, code and request id',
  async (code, name, exitCode) => {
    const { fake, service } = await opened();
    fake.befall({ on: listRoute, instead: failure(code, 'so it is') });
    await expect(service.list({})).rejects.toMatchObject({
      code: name,
      exitCode,
      message: `so it is (code ${code})`,
      requestId: expect.stringMatching(/^req-/),
    });
  },
);

test.each([50000, 50200])('code %i to a mint leaves its outcome unknown (exit 10)', async (code) => {
  const { fake, service } = await opened();
  fake.befall({ on: mintRoute, alter: () => failure(code, 'internal') });
  await refuses('outcome_unknown', service.create({ name: 'x' }));
  expect(fake).toMatchObject({ mintsReceived: 1, keys: [{ name: 'x' }] });
});

test.each([50000, 50400])('after %d the list tells whether a key is revoked', async (code) => {
  const { fake, service } = await opened();
  fake.seed();
  fake.befall({ on: deletion, alter: () => failure(code, 'internal') });
  await service.revoke('1');
  fake.seed();
  fake.befall({ on: deletion, ...lostAnswer });
  fake.befall({ on: deletion, instead: failure(code, 'internal') });
  await service.revoke('2');
  fake.seed();
  fake.befall({ on: deletion, instead: failure(code, 'internal') });
  await refuses(code === 50400 ? 'timeout' : 'unavailable', service.revoke('3'));
  fake.befall({ on: deletion, instead: failure(code, 'internal') });
  fake.befall({ on: listRoute, instead: failure(code, 'internal') });
  await refuses('outcome_unknown', service.revoke('3'));
});

test('a revocation whose answer was lost has succeeded', async () => {
  const { fake, service } = await opened();
  fake.seed();
  fake.befall({ on: deletion, ...lostAnswer });
  await service.revoke('1');
  expect(fake.keys).toEqual([]);
});

test('an expiry that is not in the future is refused before any request', async () => {
  const { fake, service } = await opened();
  for (const expiresAt of ['2020-01-01T00:00:00Z', '2099-02-30T00:00:00Z', 'soon'])
    await refuses('invalid', service.create({ name: 'x', expiresAt }));
  expect(fake.requests).toEqual([]);
});

test('a created key without its secret is bad_response (exit 12) that names the key', async () => {
  const { fake, service } = await opened();
  fake.befall({
    on: mintRoute,
    ...altered((body) => ({ ...body, data: { ...(body.data as object), key: undefined } })),
  });
  await expect(service.create({ name: 'x' })).rejects.toMatchObject({
    exitCode: 12,
    hint: expect.stringContaining('keys revoke 1'),
  });
});

test('odd fields beside a minted secret do not lose it', async () => {
  const { fake, service } = await opened();
  const odd = { name: 5, keyPrefix: {}, expiresAt: 'soon', createdAt: 7 };
  fake.befall({
    on: mintRoute,
    ...altered((body) => ({ ...body, data: { ...(body.data as object), ...odd } })),
  });
  expect((await service.create({ name: 'x' })).key).toMatchObject({
    id: '1',
    name: 'x',
    prefix: null,
    expiresAt: null,
  });
});

test('a mint turned away with 429 is not sent again', async () => {
  const { fake, service } = await opened();
  fake.befall({ on: mintRoute, ...tooManyRequests('0') });
  await refuses('rate_limited', service.create({ name: 'x' }));
  expect(fake.requests).toHaveLength(1);
});

// Who asks.

test('an API key goes into X-API-Key, as the source has it, and with authScheme apikey where the documentation has it', async () => {
  const { fake, service } = await opened();
  await service.list({});
  expect(fake.requests.at(-1)?.headers).toMatchObject({ 'x-api-key': fake.adminSecret });
  expect(fake.requests.at(-1)?.headers.authorization).toBeUndefined();
  fake.scheme = 'documented';
  await refuses('unauthenticated', service.list({}));
  const profile: Partial<Profile> = { authScheme: 'apikey' };
  await open(fake, { profile }).list({});
  expect(fake.requests.at(-1)?.headers.authorization).toBe(`ApiKey ${fake.adminSecret}`);
});

test('a caller who is no administrator is forbidden (exit 4)', async () => {
  const { fake } = await opened();
  await refuses('forbidden', open(fake, { credential: fake.viewerSecret }).list({}));
});

test('a login keeps the refresh token and nothing else', async () => {
  const fake = await forTest(kubeVisionFake());
  const credential = await login(fake, person(fake));
  expect(JSON.parse(credential.reveal())).toEqual({ refreshToken: expect.stringMatching(/^refresh\./) });
});

test('a login asks for the second factor when the service does, and again when it was wrong', async () => {
  const fake = await forTest(kubeVisionFake());
  fake.secondFactor = '123456';
  expect((await login(fake, person(fake, '000000', ' 123456 '))).reveal()).toContain('refresh.');
  await expect(login(fake, person(fake, '1', '2', '3'))).rejects.toMatchObject({ exitCode: 4 });
});

test('a login that gives no refresh token is bad_response (exit 12): there is nothing to keep', async () => {
  const fake = await forTest(kubeVisionFake());
  const without = altered((body) => ({ ...body, data: { accessToken: 'access' } }));
  fake.befall({ on: to('POST', /login$/), ...without });
  await refuses('bad_response', login(fake, person(fake)), /no refresh token/);
});

test('a wrong password is unauthenticated (exit 4), in the service’s words', async () => {
  const fake = await forTest(kubeVisionFake());
  const wrong = [
    { asked: 'username', answer: 'root' },
    { asked: 'password', answer: 'guess' },
  ];
  await expect(login(fake, wrong)).rejects.toMatchObject({
    exitCode: 4,
    message: expect.stringContaining('invalid username or password'),
  });
});

test('an access token that ends between two calls is renewed, and the call is sent again', async () => {
  const { fake, service } = await loggedIn();
  fake.seed();
  await service.list({});
  fake.expireAccess();
  expect((await service.list({})).keys).toHaveLength(1);
  expect(fake.refreshes).toBe(2);
});

test('a mint never rides on an old access token: it is renewed first, and the mint is sent once', async () => {
  let now = Date.now();
  const { fake, service } = await loggedIn({ parts: { now: () => now } });
  await service.list({});
  fake.expireAccess();
  now += 61_000;
  await service.create({ name: 'x' });
  expect(fake).toMatchObject({ mintsReceived: 1, refreshes: 2 });
  now += 60_000;
  await service.create({ name: 'with a token of a minute ago' });
  expect(fake).toMatchObject({ mintsReceived: 2, refreshes: 2 });
});

test('a mint refused for its access token is not sent again', async () => {
  const { fake, service } = await loggedIn();
  fake.befall({ on: mintRoute, before: () => fake.expireAccess() });
  await refuses('unauthenticated', service.create({ name: 'x' }));
  expect(fake).toMatchObject({ mintsReceived: 1, keys: [] });
});

test('no token of a login is shown in an error that repeats it, neither the first nor a renewed one', async () => {
  const { fake, service } = await loggedIn();
  fake.rotatesRefreshTokens = true;
  for (let renewal = 1; renewal <= 2; renewal++) {
    fake.expireAccess();
    await service.list({});
    const { headers } = fake.requests.at(-1) ?? {};
    const said = failure(42200, `what is ${headers?.authorization}?`);
    fake.befall({ on: listRoute, instead: said });
    await refuses('invalid', service.list({}), /^what is Bearer \[secret\]\?/);
  }
});

test('a login that has ended is unauthenticated (exit 4) and says what to type', async () => {
  const { fake, service } = await loggedIn();
  fake.expireAccess();
  fake.expireRefresh();
  await expect(service.list({})).rejects.toMatchObject({ exitCode: 4, hint: 'keys auth login -p fake' });
});

test('a refresh token that the service has replaced is kept in its place, and another command goes on from there', async () => {
  const fake = await forTest(kubeVisionFake());
  fake.rotatesRefreshTokens = true;
  const kept: string[] = [];
  const credential = JSON.stringify({ refreshToken: fake.newLogin() });
  const renewCredential = renewalOf(new Secret(credential), (text) => kept.push(text));
  const [service, another] = [0, 1].map(() => open(fake, { credential, parts: { renewCredential } }));
  for (const each of [service, another, service]) {
    fake.expireAccess();
    expect((await each?.list({}))?.keys).toEqual([]);
  }
  expect(kept).toHaveLength(3);
});

test('an interruption waits for a renewal that is on its way, whose refresh token is kept', async () => {
  const fake = await forTest(kubeVisionFake());
  fake.rotatesRefreshTokens = true;
  const credential = JSON.stringify({ refreshToken: fake.newLogin() });
  const kept: string[] = [];
  const interruption = new AbortController();
  const service = open(fake, {
    credential,
    http: { signal: interruption.signal },
    parts: { renewCredential: renewalOf(new Secret(credential), (text) => kept.push(text)) },
  });
  const stop = () => interruption.abort(new KeysError('interrupted', 'interrupted'));
  fake.befall({ on: to('POST', /refresh$/), before: stop });
  await refuses('interrupted', service.list({}));
  expect(kept).toHaveLength(1);
});

test('calls at once share one renewal, also where a refresh ends the refresh token', async () => {
  const { fake, service } = await loggedIn();
  fake.rotatesRefreshTokens = true;
  fake.seed();
  const lists = await Promise.all([service.list({}), service.list({}), service.list({})]);
  expect(lists.map(({ keys }) => keys.length)).toEqual([1, 1, 1]);
  expect(fake.refreshes).toBe(1);
  fake.expireAccess();
  await Promise.all([service.list({}), service.list({}), service.list({})]);
  expect(fake.refreshes).toBe(2);
});

test('a credential that looks like a login and is none is invalid', async () => {
  const { fake } = await opened();
  expect(() => open(fake, { credential: '{"token":1}' })).toThrow('not what a login at KubeVision keeps');
});

test.each([500, 503])(
  'a login that cannot be renewed (%i) is no unknown outcome, for no key was touched',
  async (status) => {
    const { fake, service } = await loggedIn();
    fake.calm();
    fake.befall({ on: to('POST', /refresh$/), instead: { status, body: {} }, times: 2 });
    await refuses('unavailable', service.list({}));
    await refuses('unavailable', service.create({ name: 'ci' }));
    expect(fake.requests.map(({ path }) => path.split('/').at(-1))).toEqual(['refresh', 'refresh']);
  },
);
