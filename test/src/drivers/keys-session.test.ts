/** A session at our own service, renewed against a service that answers badly, late or not at all. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { endSession, passwordLogin, withSession } from '../../../src/drivers/keys-session.ts';
import { KeysError } from '../../../src/errors.ts';
import type { Call, HttpOptions } from '../../../src/http.ts';
import { Secret } from '../../../src/secret.ts';
import { failureOf, httpTo } from '../../fakes/http.ts';
import { json, lost, problem, type Reply, scriptedService } from '../../fakes/wire.ts';

const hourMs = 3_600_000;
const list = { method: 'GET', path: ['v1', 'keys'], effect: 'read' } as const;
const ok = json(200, {});

/** Tokens that end in a quarter of an hour, by the service's clock. */
function tokens(name: string) {
  const expiresAt = new Date(Date.now() + hourMs / 4).toISOString();
  return { accessToken: `access-${name}`, refreshToken: `refresh-${name}`, expiresAt };
}

/** A session whose access token has ended by `now`; `kept` is what it was renewed to. */
async function session(script: readonly Reply[] | Reply, now: number, options: Partial<HttpOptions> = {}) {
  const service = await scriptedService(script);
  const kept: string[] = [];
  const known: string[] = [];
  const know = (secret: Secret) => {
    known.push(secret.reveal());
    return secret;
  };
  let latest = new Secret(JSON.stringify(tokens('first')));
  const credential = latest;
  const http = withSession(
    httpTo(service.url, { credential: null, ...options }),
    { name: 'work' },
    {
      ...{ credential, now: () => now, know },
      async renewCredential(exchange) {
        latest = (await exchange(latest)) ?? latest;
        kept.push(latest.reveal());
        return latest;
      },
    },
  );
  const replace = (theirs: object) => {
    latest = new Secret(JSON.stringify(theirs));
  };
  return { http, kept, known, replace, asked: service.asked };
}

test('by a clock that is hours ahead a session is renewed once, and not before every call', async () => {
  const { http, asked } = await session([json(200, tokens('next')), ok, ok], Date.now() + 5 * hourMs);
  await http.call(list);
  await http.call(list);
  expect(asked.map(({ url }) => url)).toEqual(['/v1/sessions/refresh', '/v1/keys', '/v1/keys']);
});

test('calls at once renew a session once, for a refresh token is good once', async () => {
  const { http, asked } = await session([json(200, tokens('next')), ok, ok], Date.now() + hourMs / 4);
  await Promise.all([http.call(list), http.call(list)]);
  expect(asked.map(({ url }) => url)).toEqual(['/v1/sessions/refresh', '/v1/keys', '/v1/keys']);
});

test('a session that another process has renewed is taken from there, and its old token not presented', async () => {
  const { asked, http, replace } = await session([ok], Date.now() + hourMs / 4);
  replace({ ...tokens('theirs'), expiresAt: new Date(Date.now() + hourMs).toISOString() });
  await http.call(list);
  expect(asked.map(({ headers }) => headers.authorization)).toEqual(['Bearer access-theirs']);
});

test.each<[string, Partial<Call>]>([
  ['the password of a step-up', { path: ['v1', 'sessions', 'step-up'] }],
  ["a call's own credential", { headers: { authorization: 'Bearer own' } }],
])('a refusal of %s renews nothing, and it is not presented twice', async (_what, call) => {
  const { http, asked } = await session([problem(401, 'unauthenticated')], Date.now());
  expect((await failureOf(http.call({ ...list, ...call }))).code).toBe('unauthenticated');
  const { authorization = 'Bearer access-first' } = call.headers ?? {};
  expect(asked.map(({ headers }) => headers.authorization)).toEqual([authorization]);
});

test('every token of a session, and every one that it is renewed to, is known as a secret', async () => {
  const script = [problem(401, 'unauthenticated'), json(200, tokens('next')), ok];
  const { http, known } = await session(script, Date.now());
  await http.call(list);
  for (const name of ['first', 'next'])
    expect(known).toEqual(
      expect.arrayContaining([`access-${name}`, `Bearer access-${name}`, `refresh-${name}`]),
    );
});

test('a call that is refused while another has renewed the session renews it no more', async () => {
  let retried: (() => void) | undefined;
  const again = new Promise<void>((resolve) => {
    retried = resolve;
  });
  const refused = problem(401, 'unauthenticated');
  const late: Reply = (response, seen) => void again.then(() => refused(response, seen));
  const renewed: Reply = (response, seen) => {
    ok(response, seen);
    retried?.();
  };
  const { http, asked } = await session([refused, late, json(200, tokens('next')), renewed, ok], Date.now());
  await Promise.all([http.call(list), http.call(list)]);
  expect(asked.filter(({ url }) => url === '/v1/sessions/refresh')).toHaveLength(1);
});

test('a session whose renewal is refused has ended, and the hint is the way to another one', async () => {
  const { http } = await session([problem(401, 'unauthenticated')], Date.now() + hourMs);
  expect(await failureOf(http.call(list))).toMatchObject({
    ...{ code: 'unauthenticated', message: 'this login has ended', requestId: 'r-1' },
    hint: 'keys auth login -p work --user <name>',
  });
});

test('a password is presented once, whatever becomes of the answer', async () => {
  for (const reply of [lost, problem(503, 'unavailable', { 'retry-after': '0' })]) {
    const { url, asked } = await scriptedService((response, seen) => reply(response, seen));
    const http = httpTo(url, { credential: null });
    await failureOf(passwordLogin(http, 'ann', new Secret('pass'), (secret) => secret));
    expect(asked).toHaveLength(1);
  }
});

test('a session whose access token has ended is renewed to be ended', async () => {
  const gone: Reply = (response) => void response.writeHead(204).end();
  const { url, asked } = await scriptedService([json(200, tokens('next')), gone]);
  const first = new Secret(JSON.stringify(tokens('first')));
  const parts = { now: () => Date.now() + hourMs / 4, know: (secret: Secret) => secret };
  await endSession(httpTo(url, { credential: null }), first, { name: 'work' }, parts);
  expect(asked.map(({ method, headers }) => [method, headers.authorization])).toEqual([
    ['POST', undefined],
    ['DELETE', 'Bearer access-next'],
  ]);
});

test('by such a clock a session is renewed when the service wants it', async () => {
  const script = [json(200, tokens('a')), ok, problem(401, 'unauthenticated'), json(200, tokens('b')), ok];
  const { http, asked, kept } = await session(script, Date.now() + 5 * hourMs);
  await http.call(list);
  await http.call(list);
  expect(asked.at(-1)?.headers.authorization).toBe('Bearer access-b');
  expect(kept).toHaveLength(2);
});

test.each<[string, Reply, string]>([
  ['lost', lost, 'unavailable'],
  ["a gateway's failure", json(503, {}), 'unavailable'],
  ["a gateway's failure that asks to wait", json(503, {}, { 'retry-after': '0' }), 'unavailable'],
  [
    'cut',
    (response) =>
      response.writeHead(200, { 'content-length': '9' }).write('{', () => response.socket?.destroy()),
    'bad_response',
  ],
])(
  'a renewal whose answer is %s says so, and no outcome of a command is unknown',
  async (_what, reply, code) => {
    const { http, asked } = await session([reply], Date.now() + hourMs);
    const error = await failureOf(http.call(list));
    expect(error).toMatchObject({
      ...{ code, message: expect.stringContaining('this login could not be renewed: ') },
      hint: 'try again; if the login has ended: keys auth login -p work --user <name>',
    });
    expect(asked).toHaveLength(1);
  },
);

test('an interruption waits for a renewal that is on its way, which is kept before the run ends', async () => {
  const interruption = new AbortController();
  const renewed: Reply = async (response, asked) => {
    interruption.abort(new KeysError('interrupted', 'interrupted'));
    await sleep(100);
    json(200, tokens('next'))(response, asked);
  };
  const { http, kept } = await session([renewed], Date.now() + hourMs, { signal: interruption.signal });
  expect(await failureOf(http.call(list))).toMatchObject({ code: 'interrupted' });
  expect(kept).toEqual([expect.stringContaining('refresh-next')]);
});

test('a call with time of its own has it for renewals as well: a log may be followed for weeks', async () => {
  const slow: Reply = (response, asked) => {
    setTimeout(() => json(200, tokens('next'))(response, asked), 100);
  };
  const script = Array.from({ length: 12 }, () => [problem(401, 'unauthenticated'), slow, ok]).flat();
  const { http } = await session(script, Date.now(), { timeoutMs: 1_000 });
  for (let n = 0; n < 12; n++) await http.call({ ...list, ownTime: true });
});
