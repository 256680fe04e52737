/** What every driver of somebody else's service does with the answers that hurt. */
import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { cloudCasa } from '../../../src/drivers/cloudcasa.ts';
import { drivers } from '../../../src/drivers/index.ts';
import { kubeVision } from '../../../src/drivers/kubevision.ts';
import { ververica } from '../../../src/drivers/ververica.ts';
import { zabbix } from '../../../src/drivers/zabbix.ts';
import { type ErrorCode, KeysError } from '../../../src/errors.ts';
import type { KeyService, NewKey, Verb } from '../../../src/keys.ts';
import { refuses } from '../../contracts/key-service.ts';
import { cloudCasaFake } from '../../fakes/cloudcasa.ts';
import { failure, kubeVisionFake } from '../../fakes/kubevision.ts';
import {
  altered,
  cutAnswer,
  errorWithoutMessage,
  htmlLoginPage,
  lostAnswer,
  lostRequest,
  redirectTo,
  to,
  tooManyRequests,
  unknownExtras,
  wrongContentType,
} from '../../fakes/mishaps.ts';
import { forTest, openDriver } from '../../fakes/open-driver.ts';
import { exampleMapping, mappingPath, openExample } from '../../fakes/rest/example.ts';
import { exampleFakes } from '../../fakes/rest/index.ts';
import {
  type Mishap,
  startVendorServer,
  type VendorServer,
  type WireRequest,
} from '../../fakes/vendor-server.ts';
import { ververicaFake } from '../../fakes/ververica.ts';
import { asks, zabbixFake } from '../../fakes/zabbix.ts';
import { newHome } from '../../run.ts';

interface Subject {
  readonly server: VendorServer;
  open(): KeyService;
  /** What reaches the service through the command line. */
  readonly env: Record<string, string>;
  /** How many keys the service holds. */
  stored(): number;
  /** Puts a key of this name there without a request. */
  seed(name: string): void;
  /** Forgets every key. */
  empty(): void;
}

interface Case {
  readonly name: string;
  /** The service calls a key by its id. */
  readonly nameless?: boolean;
  /** The path of every request that is about one key. */
  readonly one?: RegExp;
  /** How many schedules of failure each of its mints goes through. */
  readonly schedules?: number;
  /** Gives a key another secret. */
  readonly regenerate?: (request: WireRequest) => boolean;
  /** Takes the secret out of the answer to `gives`. */
  readonly gives?: (request: WireRequest) => boolean;
  readonly secretAt: readonly string[];
  readonly list: (request: WireRequest) => boolean;
  readonly mint: (request: WireRequest) => boolean;
  readonly newKey: NewKey;
  start(): Promise<Subject>;
}

const cases: Case[] = [
  {
    name: 'ververica',
    list: to('GET', /apitokens$/),
    mint: to('POST', /apitokens$/),
    newKey: { name: 'ci', roles: ['viewer'] },
    secretAt: ['apiToken', 'secret'],
    async start() {
      const fake = await ververicaFake();
      return {
        server: fake,
        open: () =>
          openDriver(ververica, fake, {
            credential: fake.ownerSecret,
            profile: { namespace: 'default' },
            http,
          }),
        env: {
          KEYS_DRIVER: 'ververica',
          KEYS_URL: fake.url,
          KEYS_TOKEN: fake.ownerSecret,
          KEYS_NAMESPACE: 'default',
        },
        stored: () => fake.tokens.size,
        seed: (name) => fake.seed('default', name),
        empty: () => fake.tokens.clear(),
      };
    },
  },
  {
    name: 'cloudcasa',
    list: to('GET', /apikeys$/),
    mint: to('POST', /apikeys$/),
    newKey: { name: 'ci', roles: ['Backup Admin'] },
    secretAt: ['apikey'],
    async start() {
      const fake = await cloudCasaFake();
      return {
        server: fake,
        open: () => openDriver(cloudCasa, fake, { credential: fake.adminSecret, base: '/api/v1', http }),
        env: {
          KEYS_DRIVER: 'cloudcasa',
          KEYS_URL: `${fake.url}/api/v1`,
          KEYS_TOKEN: fake.adminSecret,
        },
        stored: () => fake.keys.size,
        seed: (name) => void fake.seed({ name }),
        empty: () => fake.keys.clear(),
      };
    },
  },
  {
    name: 'kubevision',
    list: to('GET', /api-keys$/),
    mint: to('POST', /api-keys$/),
    newKey: { name: 'ci' },
    secretAt: ['data', 'key'],
    async start() {
      const fake = await kubeVisionFake();
      const credential = JSON.stringify({ refreshToken: fake.newLogin() });
      return {
        server: fake,
        open: () => openDriver(kubeVision, fake, { credential, base: '/api/v1', authorizes: true, http }),
        env: {
          KEYS_DRIVER: 'kubevision',
          KEYS_URL: `${fake.url}/api/v1`,
          KEYS_TOKEN: fake.adminSecret,
        },
        stored: () => fake.keys.length,
        seed: (name) => void fake.seed({ name }),
        empty: () => void fake.keys.splice(0),
      };
    },
  },
  {
    name: 'zabbix',
    list: asks('token.get'),
    mint: asks('token.create'),
    regenerate: asks('token.generate'),
    gives: asks('token.generate'),
    newKey: { name: 'ci' },
    secretAt: ['result', '0', 'token'],
    async start() {
      const fake = await zabbixFake();
      return {
        server: fake,
        open: () => openDriver(zabbix, fake, { credential: fake.session, authorizes: true, http }),
        env: { KEYS_DRIVER: 'zabbix', KEYS_URL: fake.url, KEYS_TOKEN: fake.session },
        stored: () => fake.tokens.length,
        seed: (name) => void fake.seed({ name }),
        empty: () => void fake.tokens.splice(0),
      };
    },
  },
];

/** Short, because a schedule may ask for any wait. */
const http = { timeoutMs: 1_000, backoffMs: 0 };

for (const [name, start] of Object.entries(exampleFakes)) {
  const { list, mint, template, close } = await start();
  await close();
  cases.push({
    name: `rest: ${name}`,
    list,
    mint,
    newKey: { ...template, name: 'ci' },
    secretAt: exampleMapping(name).create?.secret.split('.') ?? [],
    regenerate: { strapi: to('POST', /\/regenerate$/), cloudflare: to('PUT', /\/value$/) }[name],
    nameless: name === 'verdaccio',
    one: /^(?!.*\.\.)(?!.*\/$)/,
    schedules: 100,
    async start() {
      const fake = await start();
      const settings = Object.entries(fake.settings ?? {}).map((pair) => pair.join('='));
      return {
        server: fake,
        open: () => openExample(name, fake, { http }),
        env: {
          KEYS_DRIVER: 'rest',
          KEYS_MAPPING: mappingPath(name),
          KEYS_URL: fake.url + (fake.base ?? ''),
          KEYS_TOKEN: fake.credential,
          ...(settings.length > 0 && { KEYS_SETTINGS: settings.join('; ') }),
        },
        stored: fake.stored,
        seed: fake.seed,
        empty: fake.empty,
      };
    },
  });
}

describe.each(cases)('$name', (subjectCase) => {
  const {
    start,
    list,
    mint,
    gives = mint,
    regenerate,
    newKey,
    secretAt,
    nameless,
    one,
    schedules = 1_000,
  } = subjectCase;

  async function started(): Promise<Subject & { service: KeyService }> {
    const subject = await start();
    await forTest(Promise.resolve(subject.server));
    const service = subject.open();
    onTestFinished(() => service.close());
    return { ...subject, service };
  }

  test.each([
    ['an HTML login page', htmlLoginPage],
    ['the wrong content type', wrongContentType],
    ['an empty answer', { instead: { status: 200 } }],
    ['JSON of another shape', { instead: { status: 200, body: [{}] } }],
    ['JSON that is cut', { alter: (reply) => ({ ...reply, body: '{"half":' }) }],
  ] satisfies [string, Mishap][])(
    '%s in place of a list is bad_response (exit 12)',
    async (_what, mishap) => {
      const { server, service } = await started();
      server.befall({ on: list, times: 9, ...mishap });
      await refuses('bad_response', service.list({}));
    },
  );

  test.each([
    ['an HTML login page', htmlLoginPage],
    ['an empty answer', { instead: { status: 200 } }],
    ['JSON of another shape', { instead: { status: 200, body: {} } }],
  ] satisfies [string, Mishap][])(
    '%s in place of a minted key is bad_response (exit 12)',
    async (_what, mishap) => {
      const { server, service } = await started();
      server.befall({ on: mint, times: 9, ...mishap });
      await refuses('bad_response', service.create(newKey));
    },
  );

  test('a minted key without its secret is bad_response (exit 12), and is not asked for again', async () => {
    const { server, service, stored } = await started();
    server.befall({ on: gives, times: 9, ...altered((body) => without(body, secretAt)) });
    await refuses('bad_response', service.create(newKey));
    expect(server.requests.filter(mint)).toHaveLength(1);
    expect(stored()).toBe(1);
  });

  test('a list whose second page is answered 401 is unauthenticated (exit 4) or whole, never a half', async () => {
    const { server, service, seed } = await started();
    for (let number = 0; number < 120; number++) seed(`key-${number}`);
    server.befall({ on: list, after: 1, times: 9, instead: { status: 401, body: {} } });
    const outcome = await service.list({}).then(
      ({ keys, nextCursor }) => [keys.length, nextCursor],
      (error: KeysError) => error.code,
    );
    if (server.requests.filter(list).length > 1) expect(outcome).toBe('unauthenticated');
    else expect(outcome).toEqual([120, null]);
  });

  test.each([
    [400, 'invalid'],
    [401, 'unauthenticated'],
    [402, 'quota_exceeded'],
    [403, 'forbidden'],
    [404, 'not_found'],
    [407, 'unavailable'],
    [409, 'conflict'],
    [500, 'unavailable'],
  ] satisfies [number, ErrorCode][])(
    'status %i with an error body without a message is %s, and says so',
    async (status, code) => {
      const { server, service } = await started();
      server.befall({ on: list, times: 9, ...errorWithoutMessage(status) });
      await expect(service.list({})).rejects.toMatchObject({
        code,
        message: expect.stringContaining('no explanation'),
      });
    },
  );

  test('an address where there is no such service is asked about (exit 3)', async () => {
    const { server, service } = await started();
    const page = { status: 404, headers: { 'content-type': 'text/html' }, body: '<h1>404</h1>' };
    for (const mishap of [{ instead: page }, errorWithoutMessage(404)]) {
      server.befall({ on: list, times: 1, ...mishap });
      await expect(service.list({})).rejects.toMatchObject({
        code: 'not_found',
        hint: expect.stringContaining('keys profile show'),
      });
    }
  });

  test('fields nobody has heard of change nothing', async () => {
    const { server, service } = await started();
    server.befall({ times: 99, ...unknownExtras });
    const { key } = await service.create(newKey);
    expect((await service.list({})).keys.map(({ id }) => id)).toEqual([key.id]);
    expect((await service.get(key.id)).name).toBe(nameless ? key.id : 'ci');
    await service.revoke(key.id);
  });

  test('escape sequences in a name never reach a terminal, a pipe or JSON as such', async () => {
    const { seed, env } = await started();
    seed('a\u001b[2J\u202eb\u0007');
    for (const output of ['table', 'csv', 'name', 'json', 'ndjson', 'yaml']) {
      const { code, stdout } = await newHome().keys(`list -o ${output}`, { env, columns: 300 });
      expect(code).toBe(0);
      // A name that cannot be shown as it is finds nothing: the id stands for it.
      const shown = output === 'name' ? /^\S+\n$/ : /a/;
      expect(stdout).toMatch(nameless ? /[0-9a-f]{32}/ : shown);
      expect(stdout).not.toMatch(/[\u001b\u202e\u0007]/);
    }
  });

  test.each(['../../admin', '..', '.', 'a/b', 'a?b#c', '%2e%2e', '\u0000', ' '])(
    'the id %j names nothing, and asks for nothing elsewhere',
    async (id) => {
      const { server, service } = await started();
      await refuses('not_found', service.get(id));
      await refuses('not_found', service.revoke(id));
      for (const { path } of server.requests) expect(path).toMatch(one ?? /^\/api\/v1\/apikeys\/[^/]+$/);
    },
  );

  test('a redirect to another host is untrusted (exit 13), and nothing goes there', async () => {
    const { server, service } = await started();
    const elsewhere = await startVendorServer(() => ({ status: 200, body: {} }));
    server.befall({ times: 9, ...redirectTo(`${elsewhere.url}/apikeys`) });
    await refuses('untrusted', service.list({}));
    await refuses('untrusted', service.create(newKey));
    expect(elsewhere.requests).toEqual([]);
    await elsewhere.close();
  });

  test.each([null, '0', new Date(Date.now() - 5_000).toUTCString(), 'soon', '-1', '1.5'])(
    'a read turned away with 429 and Retry-After %j is tried again',
    async (retryAfter) => {
      const { server, service, seed } = await started();
      seed('there');
      server.befall({ on: list, ...tooManyRequests(retryAfter) });
      expect((await service.list({})).keys).toHaveLength(1);
    },
  );

  test.each(['3600', '999999999999', new Date(Date.now() + 86_400_000).toUTCString()])(
    'a wait of %s is told at once (exit 7), and not waited for',
    async (retryAfter) => {
      const { server, service } = await started();
      server.befall({ on: list, times: 9, ...tooManyRequests(retryAfter) });
      await expect(service.list({})).rejects.toMatchObject({
        code: 'rate_limited',
        message: expect.stringContaining('asks to wait'),
      });
      expect(server.requests.filter(list)).toHaveLength(1);
    },
  );

  test('a verb that the service lacks is unsupported (exit 6) without a request, and the hint says what to do', async () => {
    const { server, service } = await started();
    const { verbs, title } = service.capabilities;
    const all: Verb[] = [
      'create',
      'list',
      'get',
      'edit',
      'disable',
      'enable',
      'regenerate',
      'revoke',
      'verify',
      'whoami',
    ];
    for (const verb of all.filter((each) => !verbs.includes(each))) {
      const call = service[verb] as (argument: string) => Promise<unknown>;
      await expect(call('x')).rejects.toMatchObject({
        exitCode: 6,
        message: expect.stringContaining(title),
        hint: expect.any(String),
      });
    }
    expect(server.requests).toEqual([]);
  });

  test('a revocation whose answer was lost has succeeded', async () => {
    const { server, service, seed, stored } = await started();
    seed('ci');
    const [key] = (await service.list({})).keys;
    server.befall({ on: isChange, ...lostAnswer });
    await service.revoke(key?.id ?? '');
    expect(stored()).toBe(0);
    server.calm();
  });

  test('a change whose every answer is lost is seen to be done, or unknown (exit 10)', async () => {
    const { server, service, seed } = await started();
    seed('ci');
    const [key] = (await service.list({})).keys;
    const id = key?.id ?? '';
    const { verbs, editable } = service.capabilities;
    const changes = editable.includes('name') ? { name: 'cd' } : { expiresAt: '2037-01-01T00:00:00Z' };
    const all = {
      edit: () => service.edit(id, changes),
      disable: () => service.disable(id),
      enable: () => service.enable(id),
      revoke: () => service.revoke(id),
    };
    server.befall({ on: isChange, times: 99, ...lostAnswer });
    for (const [verb, change] of Object.entries(all)) {
      if (!verbs.includes(verb as Verb)) continue;
      const code = await change().then(
        () => 'done',
        (error: KeysError) => error.code,
      );
      expect([verb, code]).toEqual([verb, expect.stringMatching(/^(done|outcome_unknown)$/)]);
    }
    // What is sent again meets its own traces.
    server.calm();
  });

  test('a mint is sent at most once whatever happens, and an error that denies a key tells the truth', async () => {
    const { server, open, stored, empty } = await started();
    await fc.assert(
      fc.asyncProperty(fc.array(mishaps(mint), { minLength: 1, maxLength: 4 }), async (schedule) => {
        server.calm();
        empty();
        for (const mishap of schedule) server.befall(mishap);
        const service = open();
        const thrown = await service
          .create(newKey)
          .then(
            () => null,
            (error: unknown) => error,
          )
          .finally(() => service.close());
        expect(server.requests.filter(mint).length).toBeLessThanOrEqual(1);
        expect(server.complaints).toEqual([]);
        if (thrown === null) {
          expect(stored()).toBe(1);
          return;
        }
        expect(thrown).toBeInstanceOf(KeysError);
        const { code } = thrown as KeysError;
        expect(code).not.toBe('unexpected');
        if (stored() > 0) expect(['outcome_unknown', 'bad_response', 'timeout']).toContain(code);
      }),
      { numRuns: schedules },
    );
  }, 240_000);

  test.runIf(regenerate)(
    'a regenerate whose answer is lost is unknown (exit 10), for the old secret may be dead',
    async () => {
      const { server, service, seed } = await started();
      seed('ci');
      const [key] = (await service.list({})).keys;
      server.befall({ on: regenerate, times: 9, ...lostAnswer });
      await refuses('outcome_unknown', service.regenerate(key?.id ?? ''));
    },
  );

  test.runIf(regenerate)(
    'a regenerate is sent at most once whatever happens',
    async () => {
      const { server, open, seed, empty } = await started();
      const gave = regenerate as (request: WireRequest) => boolean;
      await fc.assert(
        fc.asyncProperty(fc.array(mishaps(gave), { minLength: 1, maxLength: 4 }), async (schedule) => {
          server.calm();
          empty();
          seed('ci');
          const service = open();
          const [key] = (await service.list({})).keys;
          server.calm();
          for (const mishap of schedule) server.befall(mishap);
          const thrown = await service
            .regenerate(key?.id ?? '')
            .then(
              () => null,
              (error: unknown) => error,
            )
            .finally(() => service.close());
          expect(server.requests.filter(gave).length).toBeLessThanOrEqual(1);
          if (thrown !== null)
            expect(thrown).toMatchObject({ code: expect.not.stringMatching('unexpected') });
        }),
        { numRuns: schedules },
      );
    },
    240_000,
  );
});

function isChange({ method, body }: WireRequest): boolean {
  const called = (body as { method?: string } | undefined)?.method;
  return method !== 'GET' && (called === undefined || /\.(update|delete)$/.test(called));
}

/** JSON in which the value at a path is missing. */
function without(body: unknown, [name = '', ...rest]: readonly string[]): unknown {
  const copy = structuredClone(body) as Record<string, unknown>;
  if (rest.length === 0) delete copy[name];
  else copy[name] = without(copy[name], rest);
  return copy;
}

/** Something that goes wrong with a mint, or with any request on its way. A service that lies about what it did is not among them. */
function mishaps(mint: (request: WireRequest) => boolean): fc.Arbitrary<Mishap> {
  const status = fc.integer({ min: 400, max: 599 });
  const what: fc.Arbitrary<Mishap> = fc.oneof(
    fc.constantFrom(lostAnswer, lostRequest, htmlLoginPage, wrongContentType, unknownExtras),
    fc.constant(redirectTo('https://elsewhere.example/x')),
    fc.nat(300).map(cutAnswer),
    status.map((code) => errorWithoutMessage(code)),
    fc.constantFrom(null, '0', 'soon', '99999', 'Thu, 01 Jan 2026 00:00:00 GMT').map(tooManyRequests),
    fc.constant({ instead: { status: 503, headers: { 'retry-after': '0' }, body: {} } }),
    fc.constantFrom(500, 502, 504).map((code) => ({ alter: () => ({ status: code, body: {} }) })),
    fc.constantFrom(40100, 40101, 40900, 50000, 50200, 99999).map((code) => ({ instead: failure(code, '') })),
    fc
      .constantFrom(
        '',
        '[]',
        '{}',
        'null',
        '{"data":null}',
        '{"apiToken":{}}',
        '{"code":0}',
        '{"__proto__":1}',
      )
      .map((body) => ({ alter: (reply) => ({ ...reply, body }) }) satisfies Mishap),
  );
  return fc
    .tuple(what, fc.boolean(), fc.integer({ min: 1, max: 5 }), fc.nat(2))
    .map(([mishap, any, times, after]) => ({
      times,
      ...(any ? { after } : { on: mint }),
      ...mishap,
    }));
}

test('every driver says what it can do, and how to do what it cannot', () => {
  for (const driver of drivers) {
    const { verbs, instead = {}, title } = driver.capabilities();
    expect(title).not.toBe('');
    const lacking = (['edit', 'disable', 'enable', 'regenerate', 'verify', 'whoami'] as const).filter(
      (verb) => !verbs.includes(verb),
    );
    expect(lacking.filter((verb) => !instead[verb])).toEqual([]);
    expect(Object.keys(instead).filter((verb) => verbs.includes(verb as Verb))).toEqual([]);
  }
});
