/** A service by its mapping file, from `profile add` on. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { expect, test } from 'vitest';
import { forTest } from '../../fakes/open-driver.ts';
import { mappingPath } from '../../fakes/rest/example.ts';
import { grafanaFake } from '../../fakes/rest/grafana.ts';
import { unleashFake } from '../../fakes/rest/unleash.ts';
import { startVendorServer } from '../../fakes/vendor-server.ts';
import { type Home, newHome } from '../../run.ts';

async function withUnleash() {
  const fake = await forTest(unleashFake());
  const home = newHome();
  await addFlags(home, mappingPath('unleash'), fake.url);
  const env = { KEYS_PROFILE: 'flags', KEYS_TOKEN: fake.credential };
  return { fake, home, env };
}

async function addFlags(home: Home, mapping: string, url: string): Promise<void> {
  const added = await home.keys([
    ...['profile', 'add', 'flags', '--driver', 'rest'],
    ...['--mapping', mapping, '--url', url],
  ]);
  expect(added).toMatchObject({ code: 0 });
}

function ownMapping(home: Home, text: string): string {
  const path = join(home.path, 'own.yaml');
  writeFileSync(path, text);
  return path;
}

test('a profile with a mapping says what its service can do, and works like any other', async () => {
  const { home, env } = await withUnleash();
  const shown = await home.json<{ settings: object; capabilities: { title: string; verbs: string[] } }>(
    'profile show flags',
  );
  expect(shown).toMatchObject({
    settings: { mapping: mappingPath('unleash') },
    capabilities: { title: 'Unleash', revocationDelayMs: 60_000 },
  });
  const created = await home.json<{ key: { id: string }; secret: string }>('create web --role frontend', {
    env,
  });
  expect(created.secret).toMatch(/^default:development\./);
  expect(await home.json('list', { env })).toMatchObject([
    { id: created.key.id, name: 'web', lastFour: created.secret.slice(-4) },
  ]);
  const regenerated = await home.keys('regenerate web --yes', { env });
  expect(regenerated).toMatchObject({
    code: 6,
    stderr: expect.stringContaining('keys rotate creates a successor'),
  });
});

test('an id that is a secret reaches no table, JSON, trace, error or journal; a revocation tells its delay', async () => {
  const { fake, home, env } = await withUnleash();
  const { secret } = await home.json<{ secret: string }>('create web --role frontend --to stdout', { env });
  fake.seed('other');
  const secrets = [...fake.tokens.map((token) => token.secret), fake.credential].flatMap((text) => [
    text,
    encodeURIComponent(text),
  ]);
  const runs = [
    'list --debug',
    'list --debug -o json',
    'show web --debug -o yaml',
    `show ${'0'.repeat(32)} --debug`,
    'edit web --expires 30d --debug',
    'profile check flags --debug',
    'revoke web --yes --debug',
    'revoke other --yes --debug -o json',
  ];
  for (const words of runs) {
    const { stdout, stderr } = await home.keys(words, { env });
    for (const known of secrets) expect(stdout + stderr).not.toContain(known);
    if (words.startsWith('revoke')) expect(stderr).toContain('may let a revoked key work for 1m more');
  }
  expect(
    fake.requests.some(
      ({ method, path }) => method === 'DELETE' && decodeURIComponent(path).includes(secret),
    ),
  ).toBe(true);
  expect(fake.tokens).toEqual([]);
});

test('an error that repeats the address it was asked at does not show the secret in it', async () => {
  const { fake, home, env } = await withUnleash();
  fake.seed('web');
  const [{ secret } = { secret: '' }] = fake.tokens;
  fake.befall({
    on: ({ method }) => method === 'DELETE',
    times: 9,
    instead: {
      status: 400,
      body: { message: `no: /api/admin/api-tokens/${encodeURIComponent(secret)} ${secret}` },
    },
  });
  const { code, stdout, stderr } = await home.keys('revoke web --yes', { env });
  expect(code).not.toBe(0);
  expect(stdout + stderr).not.toContain(secret.slice(-20));
});

test('profile check tells whether the answer says where the next page is, for a list that is cut shows nothing', async () => {
  const fake = await forTest(
    startVendorServer(() => ({ status: 200, headers: { 'x-next': '2' }, body: [{ id: '1', name: 'a' }] })),
  );
  const home = newHome();
  for (const [header, found] of [
    ['x-next', 1],
    ['x-after', 0],
  ] as const) {
    const mapping = join(home.path, `${header}.yaml`);
    writeFileSync(
      mapping,
      `title: Acme\nkey: { id: id, name: name }\nlist:\n  method: GET\n  path: /keys\n  query: { after: '{cursor}' }\n  paging: { style: cursor, next: { header: ${header} } }\n`,
    );
    const env = { KEYS_DRIVER: 'rest', KEYS_MAPPING: mapping, KEYS_URL: fake.url, KEYS_TOKEN: 'x' };
    const findings = await home.json<{ field: string }[]>('profile check', { env });
    expect(findings.at(-1)).toMatchObject({ field: 'next page', from: `header ${header}`, found, of: 1 });
  }
});

test('profile check tells whether the answer says how many keys there are, where a mapping says that it does (exit 9)', async () => {
  const body = { keys: [{ id: '1', name: 'a' }], total: 1 };
  const fake = await forTest(startVendorServer(() => ({ status: 200, body })));
  const home = newHome();
  const list = "{ method: GET, path: /keys, items: keys, query: { page: '{page}' }, paging: PAGING }";
  const check = (paging: string) => {
    const text = `title: Acme\nkey: { id: id, name: name }\nlist: ${list.replace('PAGING', paging)}\n`;
    const env = { KEYS_DRIVER: 'rest', KEYS_MAPPING: ownMapping(home, text), KEYS_URL: fake.url };
    return home.keys('profile check -o json', { env: { ...env, KEYS_TOKEN: 'x' } });
  };
  const [found, missed, unasked] = [
    await check('{ style: page, total: total }'),
    await check('{ style: page, total: count }'),
    await check('{ style: page }'),
  ];
  expect([found.code, missed.code, unasked.code]).toEqual([0, 9, 0]);
  expect(JSON.parse(found.stdout).at(-1)).toMatchObject({ field: 'total', found: 1, note: null });
  expect(missed.stderr).toContain('total: not as the profile says');
  expect(unasked.stdout).not.toContain('total');
});

test('profile check takes what a mapping calls never for that, and an empty list for nothing', async () => {
  const body = [{ id: '1', name: 'a', until: 0, used: 'never', scopes: [] }];
  const fake = await forTest(startVendorServer(() => ({ status: 200, body })));
  const home = newHome();
  const mapping = ownMapping(
    home,
    'title: Acme\nkey: { id: id, name: name, permissions: scopes, expiresAt: { from: until, never: 0 }, lastUsedAt: { from: used, never: 0 } }\nlist: { method: GET, path: /keys }\n',
  );
  const env = { KEYS_DRIVER: 'rest', KEYS_MAPPING: mapping, KEYS_URL: fake.url, KEYS_TOKEN: 'x' };
  const { code, stdout } = await home.keys('profile check -o json', { env });
  expect(code).toBe(9);
  expect(JSON.parse(stdout).slice(2)).toMatchObject([
    { field: 'permissions', found: 0, wrong: false },
    { field: 'expiresAt', found: 1, note: null, wrong: false },
    { field: 'lastUsedAt', found: 1, note: expect.stringContaining('is no time'), wrong: true },
  ]);
});

test('profile check of the built-in profile exits 2: there is nothing to check', async () => {
  const { code, stderr } = await newHome().keys('profile check');
  expect(code).toBe(2);
  expect(stderr).toContain('hint: keys profile check <name>');
});

test('profile check looks at one list, tells what it finds, and changes nothing', async () => {
  const fake = await forTest(grafanaFake());
  fake.seed('ci');
  const home = newHome();
  const env = { KEYS_TOKEN: fake.credential };
  await home.keys(
    `profile add g --driver rest --mapping ${mappingPath('grafana')} --url ${fake.url} --set account=7`,
  );
  const { code, stderr, stdout } = await home.keys('profile check g -o json', { env });
  expect(code).toBe(0);
  expect(stderr).toContain('changed nothing: 1 key in the answer');
  expect(JSON.parse(stdout)).toContainEqual({
    field: 'createdAt',
    from: 'created',
    found: 1,
    of: 1,
    note: null,
    wrong: false,
  });
  expect(JSON.parse(stdout)).toContainEqual(
    expect.objectContaining({
      field: 'expiresAt',
      found: 0,
      note: expect.stringContaining('not set, or somewhere else'),
    }),
  );
  expect(fake.requests.map(({ method }) => method)).toEqual(['GET']);
});

test('profile check names what a mapping has wrong: a field that is nowhere, a time of another form (exit 9)', async () => {
  const fake = await forTest(grafanaFake());
  fake.seed('ci');
  const home = newHome();
  const mapping = ownMapping(
    home,
    'title: Own\nkey: { id: id, name: label, createdAt: { from: created, time: epoch-seconds }, status: role }\nlist: { method: GET, path: /api/serviceaccounts/7/tokens }\n',
  );
  await home.keys(`profile add own --driver rest --mapping ${mapping} --url ${fake.url}`);
  const { code, stderr, stdout } = await home.keys('profile check own', {
    env: { KEYS_TOKEN: fake.credential },
  });
  expect(code).toBe(9);
  expect(stdout).toContain('an entry has id, name, role, created');
  expect(stdout).toContain('is no time of the form epoch-seconds (1801396800)');
  expect(stdout).toContain("'Viewer' is none of active");
  expect(stderr).toContain(`put it right in ${mapping}`);
});

test('profile check shows no value that may be a secret to which a mapping points by mistake', async () => {
  const fake = await forTest(grafanaFake());
  const secret = 'glsa_0123456789abcdefghij';
  fake.seed(secret);
  const home = newHome();
  const text =
    'title: Own\nkey: { id: id, name: id, status: name, createdAt: name }\nlist: { method: GET, path: /api/serviceaccounts/7/tokens }\n';
  await home.keys(`profile add own --driver rest --mapping ${ownMapping(home, text)} --url ${fake.url}`);
  const { code, stdout, stderr } = await home.keys('profile check own -o json', {
    env: { KEYS_TOKEN: fake.credential },
  });
  expect(code).toBe(9);
  expect(stdout).toContain('its value is none of active');
  expect(stdout + stderr).not.toContain(secret);
});

test('profile check names an id that tells no key from another (exit 9)', async () => {
  const fake = await forTest(grafanaFake());
  for (const name of ['ci', 'cd']) fake.seed(name);
  const home = newHome();
  const text =
    'title: Own\nkey: { id: role, name: name }\nlist: { method: GET, path: /api/serviceaccounts/7/tokens }\n';
  await home.keys(`profile add own --driver rest --mapping ${ownMapping(home, text)} --url ${fake.url}`);
  const { code, stdout } = await home.keys('profile check own', { env: { KEYS_TOKEN: fake.credential } });
  expect(code).toBe(9);
  expect(stdout).toContain('several entries have the same');
});

test('profile check says what an answer has in the place of a list', async () => {
  const fake = await forTest(grafanaFake());
  const home = newHome();
  const mapping = ownMapping(
    home,
    'title: Own\nkey: { id: id }\nlist: { method: GET, path: /api/serviceaccounts/7/tokens, items: data }\n',
  );
  await home.keys(`profile add own --driver rest --mapping ${mapping} --url ${fake.url}`);
  const { code, stderr } = await home.keys('profile check own', { env: { KEYS_TOKEN: fake.credential } });
  expect(code).toBe(12);
  expect(stderr).toContain("there is no array at 'data'; the answer is an array itself");
});

test('profile check works for the embedded service, too', async () => {
  const home = newHome();
  await home.keys('create demo');
  const { code, stdout } = await home.keys('profile check local -o json');
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toContainEqual(expect.objectContaining({ field: 'name', found: 1, of: 1 }));
});

test.each([
  ['--driver rest --url https://x.example', 'needs a mapping file', 2],
  [`--driver rest --mapping /nowhere/x.yaml --url https://x.example`, 'there is none', 3],
  [`--driver keys --mapping ${mappingPath('grafana')} --url https://x.example`, 'add --driver rest', 2],
  [`--driver rest --mapping ${mappingPath('grafana')} --url https://x.example`, '--set account=', 2],
  [
    `--driver rest --mapping ${mappingPath('grafana')} --url https://x.example --set acount=7`,
    "did you mean 'account'?",
    2,
  ],
])('profile add %s is refused with what to do', async (words, hint, code) => {
  const result = await newHome().keys(`profile add x ${words}`);
  expect(result).toMatchObject({ code, stderr: expect.stringContaining(hint) });
});

test('a mapping that knows its own address needs no --url', async () => {
  const home = newHome();
  await home.keys(`profile add cf --driver rest --mapping ${mappingPath('cloudflare')}`);
  expect(await home.json('profile show cf')).toMatchObject({ url: 'https://api.cloudflare.com/client/v4' });
});

test('a CI job needs no profile: KEYS_MAPPING and KEYS_SETTINGS', async () => {
  const fake = await forTest(grafanaFake());
  const env = {
    KEYS_URL: fake.url,
    KEYS_DRIVER: 'rest',
    KEYS_MAPPING: mappingPath('grafana'),
    KEYS_SETTINGS: 'account=7',
    KEYS_TOKEN: fake.credential,
  };
  expect(await newHome().json('list', { env })).toEqual([]);
  expect(await newHome().keys('list', { env: { ...env, KEYS_SETTINGS: 'account' } })).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("KEYS_SETTINGS: 'account' is not a setting"),
  });
  const hintWithout = async (variable: keyof typeof env) => {
    const { stderr } = await newHome().keys('list', { env: { ...env, [variable]: undefined } });
    return stderr.match(/^hint: (.*?)(;|$)/m)?.[1];
  };
  const commands = '(keys profile add, keys auth login)';
  expect(await hintWithout('KEYS_MAPPING')).toBe(
    `give it with --mapping FILE ${commands}, or in KEYS_MAPPING`,
  );
  expect(await hintWithout('KEYS_SETTINGS')).toBe(
    `give it with --set account=… ${commands}, or in KEYS_SETTINGS`,
  );
});

test('KEYS_MAPPING is a path from where the command runs, and KEYS_SETTINGS are apart by a semicolon or a line', async () => {
  const env = {
    KEYS_URL: 'https://flags.example.com',
    KEYS_DRIVER: 'rest',
    KEYS_MAPPING: relative('.', mappingPath('unleash')),
  };
  for (const between of ['; ', '\n']) {
    const KEYS_SETTINGS = `environment=staging${between}project = web;\n`;
    expect(await newHome().json('profile show', { env: { ...env, KEYS_SETTINGS } })).toMatchObject({
      settings: { mapping: mappingPath('unleash'), environment: 'staging', project: 'web' },
    });
  }
  const { code, stderr } = await newHome().keys('list', { env: { ...env, KEYS_SETTINGS: 'project=' } });
  expect([code, stderr]).toEqual([2, expect.stringContaining("'project=' is not a setting")]);
});

test('the notes of a mapping file, which somebody else may have written, are shown without what a terminal would act on', async () => {
  const home = newHome();
  const example = readFileSync(mappingPath('unleash'), 'utf8').replace(/^notes:(\n .*)+/m, '');
  const mapping = ownMapping(home, `${example}\nnotes: ["all is \\e[2Jwell"]\n`);
  await addFlags(home, mapping, 'http://127.0.0.1:9');
  const { stdout } = await home.keys('profile show flags --no-color', { terminal: true });
  expect(stdout).toContain('all is [2Jwell\n');
});
