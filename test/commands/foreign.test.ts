/** The commands on foreign services: the same words, the same JSON, the same exit codes as on our own. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { driversPage } from '../../commands/help/drivers.ts';
import { drivers } from '../../src/drivers/index.ts';
import type { Key } from '../../src/keys.ts';
import { cloudCasaFake } from '../fakes/cloudcasa.ts';
import { kubeVisionFake } from '../fakes/kubevision.ts';
import {
  altered,
  errorWithoutMessage,
  htmlLoginPage,
  lostAnswer,
  lostRequest,
  to,
} from '../fakes/mishaps.ts';
import { forTest } from '../fakes/open-driver.ts';
import { ververicaFake } from '../fakes/ververica.ts';
import { asks, zabbixFake } from '../fakes/zabbix.ts';
import { newHome } from '../run.ts';

interface Created {
  key: Key;
  secret: string;
  destinations: string[];
}

/** Every fake under its driver's name, so that something can go wrong there. */
const fakes = {
  async ververica() {
    const fake = await forTest(ververicaFake());
    const env = {
      KEYS_DRIVER: 'ververica',
      KEYS_URL: fake.url,
      KEYS_TOKEN: fake.ownerSecret,
      KEYS_NAMESPACE: 'default',
    };
    return {
      fake,
      env,
      end: to('DELETE', /./),
      mint: to('POST', /apitokens$/),
      field: 'secret',
      names: () => [...fake.tokens.keys()].map(last),
    };
  },
  async cloudcasa() {
    const fake = await forTest(cloudCasaFake());
    const env = { KEYS_DRIVER: 'cloudcasa', KEYS_URL: `${fake.url}/api/v1`, KEYS_TOKEN: fake.adminSecret };
    const names = () => [...fake.keys.values()].map(({ name }) => String(name));
    return { fake, env, mint: to('POST', /apikeys$/), end: to('DELETE', /./), field: 'apikey', names };
  },
  async kubevision() {
    const fake = await forTest(kubeVisionFake());
    const env = { KEYS_DRIVER: 'kubevision', KEYS_URL: `${fake.url}/api/v1`, KEYS_TOKEN: fake.adminSecret };
    return {
      fake,
      env,
      end: to('DELETE', /./),
      mint: to('POST', /api-keys$/),
      field: 'key',
      names: () => fake.keys.map(({ name }) => name),
    };
  },
  async zabbix() {
    const fake = await forTest(zabbixFake());
    const env = { KEYS_DRIVER: 'zabbix', KEYS_URL: fake.url, KEYS_TOKEN: fake.session };
    const names = () => fake.tokens.map(({ name }) => name);
    return { fake, env, mint: asks('token.generate'), end: asks('token.delete'), field: 'token', names };
  },
};

const roles: Partial<Record<keyof typeof fakes, string>> = { ververica: 'viewer', cloudcasa: 'Backup Admin' };

const untold: Record<keyof typeof fakes, string[]> = {
  ververica: ['owner', 'expiresAt', 'lastUsedAt'],
  cloudcasa: ['lastUsedAt'],
  kubevision: ['owner', 'lastUsedAt'],
  zabbix: [],
};

function createWords(driver: keyof typeof fakes, name: string): string[] {
  const role = roles[driver];
  return ['create', name, ...(role ? ['--role', role] : [])];
}

describe.each(['ververica', 'cloudcasa', 'kubevision', 'zabbix'] as const)('%s', (driver) => {
  const create = (name: string) => createWords(driver, name);

  test('create, list, show and revoke give the JSON they give everywhere', async () => {
    const { env } = await fakes[driver]();
    const home = newHome();
    const created = await home.json<Created>(create('ci-deploy'), { env });
    expect(created).toMatchObject({ key: { name: 'ci-deploy', status: 'active' }, destinations: ['stdout'] });
    expect(created.secret.length).toBeGreaterThan(20);
    const fields = Object.keys(created.key).filter((field) => field !== 'extra');
    expect(fields).toEqual(Object.keys((await newHome().json<Created>('create x')).key));
    expect(await home.json('list', { env })).toEqual([created.key]);
    expect(await home.json('show ci-deploy', { env })).toEqual(created.key);
    expect(await home.json(['show', created.key.id], { env })).toEqual(created.key);
    expect(await home.json('revoke ci-deploy -y', { env })).toEqual([
      { id: created.key.id, name: 'ci-deploy', ok: true, error: null },
    ]);
    expect(await home.json('list', { env })).toEqual([]);
    expect((await home.keys('show ci-deploy', { env })).code).toBe(3);
  });

  test('create --if-absent mints once', async () => {
    const { env } = await fakes[driver]();
    const home = newHome();
    expect(await home.json([...create('once'), '--if-absent'], { env })).toMatchObject({ created: true });
    expect(await home.json([...create('once'), '--if-absent'], { env })).toMatchObject({
      created: false,
      secret: null,
    });
    expect(await home.json('list', { env })).toHaveLength(1);
  });

  test('filters and sorting that the service lacks are applied here', async () => {
    const { env } = await fakes[driver]();
    const home = newHome();
    for (const name of ['b-two', 'a-one', 'b-one']) await home.json(create(name), { env });
    const names = async (line: string) => (await home.json<Key[]>(line, { env })).map(({ name }) => name);
    expect(await names('list --name b-* --sort name')).toEqual(['b-one', 'b-two']);
    expect(await names('list --status active --sort name:desc --limit 1')).toEqual(['b-two']);
    expect(await names('list --status revoked')).toEqual([]);
    expect((await home.keys('list --name a-* --fail-if-any', { env })).code).toBe(9);
  });

  test('a filter by what the service never tells exits 6 without a request, for nothing true could be said', async () => {
    const { env, fake } = await fakes[driver]();
    const filters = {
      'list --owner bob': 'owner',
      'list --no-expiry': 'expiresAt',
      'list --expiring-within 9d': 'expiresAt',
      'list --unused-for 9d': 'lastUsedAt',
    };
    for (const [line, field] of Object.entries(filters)) {
      const told = !untold[driver].includes(field);
      const { code, stderr } = await newHome().keys(line, { env });
      expect({ line, code }).toEqual({ line, code: told ? 0 : 6 });
      if (!told) expect(stderr).toMatch(/does not tell .*\nhint: list without that filter/);
    }
    if (untold[driver].length === 3) expect(fake.requests).toEqual([]);
  });

  test('a wrong credential exits 4', async () => {
    const env = { ...(await fakes[driver]()).env, KEYS_TOKEN: 'wrong' };
    expect((await newHome().keys('list', { env })).code).toBe(4);
  });
});

describe.each(['ververica', 'cloudcasa', 'kubevision', 'zabbix'] as const)('%s', (driver) => {
  const create = createWords(driver, 'ci-deploy');

  test('rotate tells what the successor is called', async () => {
    const { env } = await fakes[driver]();
    const home = newHome();
    await home.json(create, { env });
    const { stderr } = await home.keys('rotate ci-deploy -y', { env });
    expect(stderr).toMatch(/ci-deploy .*is rotated, its successor is ci-deploy-2 .*; the old key is revoked/);
  });

  test('rotate creates a successor, delivers it, and only then revokes the old key', async () => {
    const { env, names } = await fakes[driver]();
    const home = newHome();
    const file = join(home.path, 'secret');
    await home.json([...create, '--to', `file:${file}`], { env });
    const before = readFileSync(file, 'utf8');
    const rotated = await home.json<Created>(
      ['rotate', 'ci-deploy', '-y', '--force', '--to', `file:${file}`],
      { env },
    );
    expect(rotated).toMatchObject({ key: { name: 'ci-deploy-2' }, secret: null });
    expect(readFileSync(file, 'utf8')).not.toBe(before);
    expect(names()).toEqual(['ci-deploy-2']);
    expect(await home.json('recover', { env })).toEqual([]);
  });

  test('a key made without a secret exits 12, is kept as an operation, and one recover ends it', async () => {
    const { fake, env, mint, field, names } = await fakes[driver]();
    fake.befall({ on: mint, ...altered((body) => without(body, field)) });
    const home = newHome();
    const failed = await home.keys(create, { env });
    expect(failed).toMatchObject({ code: 12, stdout: '' });
    const [operation] = await home.json<{ id: string }[]>('recover', { env });
    expect(failed.stderr).toContain(`hint: keys recover ${operation?.id}`);
    expect(names()).toEqual(['ci-deploy']);
    const other = await home.json<Created>(createWords(driver, 'bystander'), { env });
    expect((await home.keys(['recover', operation?.id ?? '', '--undo', '-y'], { env })).code).toBe(0);
    expect(names()).toEqual([other.key.name]);
    expect(await home.json('recover', { env })).toEqual([]);
  });

  test('a mint whose answer is lost exits 10, and one recover finds the key and ends it', async () => {
    const { fake, env, mint, names } = await fakes[driver]();
    fake.befall({ on: mint, ...lostAnswer });
    const home = newHome();
    expect((await home.keys(create, { env })).code).toBe(10);
    expect(names()).toEqual(['ci-deploy']);
    const [operation] = await home.json<{ id: string }[]>('recover', { env });
    expect((await home.keys(['recover', operation?.id ?? '', '--undo', '-y'], { env })).code).toBe(0);
    expect(names()).toEqual([]);
    expect(fake.requests.filter(mint)).toHaveLength(1);
  });
});

describe.each(['ververica', 'cloudcasa', 'kubevision', 'zabbix'] as const)('%s', (driver) => {
  /** A key, and a file that has its secret. */
  async function deployed() {
    const world = await fakes[driver]();
    const home = newHome();
    await home.json(createWords(driver, 'ci-deploy'), { env: world.env });
    const file = join(home.path, 'secret');
    const rotate = ['rotate', 'ci-deploy', '-y', '--to', `file:${file}`];
    const operation = async () =>
      (await home.json<{ id: string }[]>('recover', { env: world.env }))[0]?.id ?? 'none';
    return { ...world, home, rotate, operation };
  }

  test('a login page in place of the answer to a revoke is no revocation', async () => {
    const { fake, env, end, names, home } = await deployed();
    fake.befall({ on: end, ...htmlLoginPage });
    const [result] = await home.json<{ ok: boolean; error: { code: string } }[]>('revoke ci-deploy -y', {
      env,
      code: 12,
    });
    expect(result).toMatchObject({ ok: false, error: { code: 'bad_response' } });
    expect(names()).toEqual(['ci-deploy']);
  });

  test.each([
    ['is not answered', { ...lostRequest, times: 8 }],
    ['is refused with 409', errorWithoutMessage(409)],
    ['is answered by a login page', htmlLoginPage],
  ])('a rotation whose last step %s exits 10, and recover takes that step', async (_what, mishap) => {
    const { fake, env, end, names, home, rotate, operation } = await deployed();
    fake.befall({ on: end, ...mishap });
    const { code, stderr } = await home.keys(rotate, { env });
    expect(code).toBe(10);
    expect(stderr).toContain(`ci-deploy, which it replaces, may still work`);
    expect(stderr).toContain(`hint: keys recover ${await operation()}\n`);
    expect(names().sort()).toEqual(['ci-deploy', 'ci-deploy-2']);
    fake.calm();
    const recovered = await home.keys(['recover', await operation()], { env });
    expect(recovered).toMatchObject({ code: 0, stderr: expect.stringContaining(' is finished\n') });
    expect(names()).toEqual(['ci-deploy-2']);
    expect(await home.json('recover', { env })).toEqual([]);
  });

  test('a rotation whose old key somebody revoked meanwhile is finished by recover, and cannot be undone', async () => {
    const { fake, env, end, names, home, rotate, operation } = await deployed();
    fake.befall({ on: end, ...lostRequest, times: 8 });
    await home.keys(rotate, { env });
    fake.calm();
    await home.json('revoke ci-deploy -y', { env });
    expect(await home.keys(['recover', await operation(), '--undo'], { env })).toMatchObject({
      code: 5,
      stderr: expect.stringContaining('ci-deploy is revoked already; there is no way back'),
    });
    expect((await home.keys(['recover', await operation()], { env })).code).toBe(0);
    expect(names()).toEqual(['ci-deploy-2']);
  });
});

function last(path: string): string {
  return path.split('/').at(-1) ?? '';
}

function without(body: unknown, field: string): unknown {
  if (typeof body !== 'object' || body === null) return body;
  const left = Object.entries(body).filter(([name]) => name !== field);
  return Object.fromEntries(left.map(([name, value]) => [name, without(value, field)]));
}

test.each(['ververica', 'cloudcasa', 'kubevision'] as const)(
  '%s: what the service cannot do exits 6 before anything is sent, naming the service and the next best thing',
  async (driver) => {
    const { env } = await fakes[driver]();
    const { code, stderr } = await newHome().keys('regenerate x -y', { env });
    expect(code).toBe(6);
    expect(stderr).toMatch(
      /^keys: (Ververica Platform|CloudCasa|KubeVision) cannot regenerate keys\nhint: keys rotate /,
    );
    const owned = await newHome().keys('create x --type view', { env });
    expect(owned).toMatchObject({ code: 6, stderr: expect.stringContaining('keeps no type') });
  },
);

test('ververica: a key whose expiry is not told is not said to live for ever', async () => {
  const { env } = await fakes.ververica();
  const home = newHome();
  expect((await home.keys(createWords('ververica', 'ci'), { env })).stderr).not.toContain('never');
  for (const words of ['list', 'show ci'])
    expect((await home.keys(words, { env, terminal: true })).stdout).not.toContain('never');
});

test('cloudcasa: no room for a successor is told with a list that the service can give', async () => {
  const { env, fake } = await fakes.cloudcasa();
  for (let n = 0; n < 10; n++) fake.seed({ name: `key-${n}` });
  expect(await newHome().keys('rotate key-1 -y', { env })).toMatchObject({
    code: 5,
    stderr: expect.stringContaining('hint: revoke a key that is not used (keys list), then rotate'),
  });
});

test.each(['ververica', 'cloudcasa', 'kubevision', 'zabbix'] as const)(
  '%s: a grace for the old secret exits 6 before anything is sent',
  async (driver) => {
    const { env, fake } = await fakes[driver]();
    expect((await newHome().keys('rotate x -y --grace 1h', { env })).code).toBe(6);
    expect(fake.requests).toEqual([]);
  },
);

test('kubevision: an expiry that cannot be read passes no gate, and keeps no key from being revoked', async () => {
  const { env, fake } = await fakes.kubevision();
  const home = newHome();
  await home.json('create ci --expires 5d', { env });
  const odd = altered((body) => ({
    ...body,
    data: (body.data as object[]).map((key) => ({ ...key, expiresAt: '30 Nov 2026' })),
  }));
  const lists = to('GET', /api-keys$/);
  for (const words of ['list --expiring-within 14d --fail-if-any', 'list --no-expiry']) {
    fake.befall({ on: lists, ...odd });
    expect(await home.keys(words, { env })).toMatchObject({
      code: 12,
      stderr: expect.stringContaining('when ci expires is told in a form that cannot be read'),
    });
  }
  fake.befall({ on: lists, ...odd, times: 3 });
  expect((await home.keys('list', { env })).code).toBe(0);
  expect((await home.keys('revoke ci -y', { env })).code).toBe(0);
});

test('kubevision: two entries with one id are not taken for one key', async () => {
  const { env, fake } = await fakes.kubevision();
  const home = newHome();
  for (const name of ['one', 'two']) await home.json(`create ${name}`, { env });
  const same = altered((body) => ({
    ...body,
    data: (body.data as object[]).map((key) => ({ ...key, id: 7 })),
  }));
  fake.befall({ on: to('GET', /api-keys$/), ...same });
  expect((await home.keys('list', { env })).code).toBe(12);
});

test('cloudcasa: edit changes what it names', async () => {
  const { env } = await fakes.cloudcasa();
  const home = newHome();
  await home.json(['create', 'backup', '--role', 'Backup Admin', '--label', 'team=core'], { env });
  const edited = await home.json<Key>(
    ['edit', 'backup', '--role', 'Cluster Viewer', '--description', 'nightly'],
    { env },
  );
  expect(edited).toMatchObject({
    roles: ['Cluster Viewer'],
    description: 'nightly',
    labels: { team: 'core' },
  });
});

test('cloudcasa: a rotated key may do what it could before, for the same resources', async () => {
  const { env, fake } = await fakes.cloudcasa();
  const acls = [{ resource: 'kubeclusters', resourceIds: ['c1'], roles: [fake.roleId('Backup Admin')] }];
  fake.seed({ name: 'narrow', org_role: 'ADMIN', acls });
  await newHome().json('rotate narrow -y', { env });
  expect([...fake.keys.values()]).toMatchObject([{ name: 'narrow-2', org_role: 'ADMIN', acls }]);
});

test('kubevision: a login asks for name, password and second factor, and what is kept makes later commands work', async () => {
  const fake = await forTest(kubeVisionFake());
  fake.secondFactor = '123456';
  fake.rotatesRefreshTokens = true;
  const home = newHome();
  const passphrase = join(home.path, 'passphrase');
  writeFileSync(passphrase, 'a long enough passphrase');
  const env = { KEYS_PASSPHRASE_FILE: passphrase };
  const login = await home.keys(
    `auth login -p kv --driver kubevision --url ${fake.url}/api/v1 --store file`,
    {
      env,
      terminal: true,
      answers: [
        { asked: 'username', answer: fake.username },
        { asked: 'password', answer: fake.password },
        { asked: 'second factor', answer: '123456' },
      ],
    },
  );
  expect(login.stderr).toContain('logged in to');
  expect(login.code).toBe(0);
  for (const name of ['one', 'two']) await home.json(`create ${name} --expires 30d`, { env });
  expect(await home.json('list', { env })).toHaveLength(2);
  fake.expireAccess();
  expect(await home.json('auth status', { env })).toMatchObject({ authenticated: true, identity: null });
  fake.expireRefresh();
  expect(await home.keys('list', { env })).toMatchObject({
    code: 4,
    stderr: expect.stringContaining('keys auth login -p kv'),
  });
});

test('kubevision: a login from KEYS_TOKEN that has ended is not to be kept in a profile that the environment makes', async () => {
  const { env } = await fakes.kubevision();
  const ended = { ...env, KEYS_TOKEN: '{"refreshToken":"old"}' };
  expect(await newHome().keys('list', { env: ended })).toMatchObject({
    code: 4,
    stderr: expect.stringContaining('hint: put one that works in KEYS_TOKEN_FILE or KEYS_TOKEN'),
  });
});

test('kubevision: with an auth scheme chosen, a login asks for the key itself', async () => {
  const fake = await forTest(kubeVisionFake());
  const home = newHome();
  const passphrase = join(home.path, 'passphrase');
  writeFileSync(passphrase, 'a long enough passphrase');
  const env = { KEYS_PASSPHRASE_FILE: passphrase };
  const words = `auth login -p kv --driver kubevision --url ${fake.url}/api/v1 --store file --auth-scheme x-api-key`;
  const { code } = await home.keys(words, {
    env,
    terminal: true,
    answers: [{ asked: 'Credential', answer: fake.adminSecret }],
  });
  expect(code).toBe(0);
  expect(await home.json('list', { env })).toEqual([]);
});

test('zabbix: every verb gives the JSON it gives everywhere', async () => {
  const { env, fake } = await fakes.zabbix();
  const home = newHome();
  const made = await home.json<Created>(['create', 'ci', '--description', 'for ci', '--expires', '30d'], {
    env,
  });
  expect(await home.json(['edit', 'ci', '--description', 'for CD'], { env })).toMatchObject({
    id: made.key.id,
    description: 'for CD',
  });
  await home.json('disable ci', { env });
  expect(await home.json('show ci', { env })).toMatchObject({ status: 'disabled' });
  await home.json('enable ci', { env });
  const again = await home.json<Created>('regenerate ci -y', { env });
  expect(again).toMatchObject({ key: { id: made.key.id, name: 'ci' }, destinations: ['stdout'] });
  expect(again.secret).not.toBe(made.secret);
  expect(await home.json('verify', { env, stdin: again.secret })).toMatchObject({ valid: true });
  expect((await home.keys('verify', { env, stdin: made.secret })).code).toBe(9);
  expect(fake.tokens).toHaveLength(1);
});

test('zabbix: a rotation marks the successor with its own operation only', async () => {
  const { env, fake } = await fakes.zabbix();
  const home = newHome();
  await home.json(['create', 'ci', '--description', 'for ci'], { env });
  await home.json('rotate ci -y', { env });
  await home.json('rotate ci-2 -y', { env });
  expect(fake.tokens).toMatchObject([{ description: expect.stringMatching(/^for ci \[op_[0-9a-f]{16}\]$/) }]);
});

test('zabbix: a token whose creation was not answered is found again by its mark, ended and made anew', async () => {
  const { env, fake, names } = await fakes.zabbix();
  fake.seed({ name: 'bystander' });
  fake.befall({ on: asks('token.create'), ...lostAnswer });
  const home = newHome();
  expect((await home.keys('create ci', { env })).code).toBe(10);
  expect(names()).toEqual(['bystander', 'ci']);
  const file = join(home.path, 'secret');
  expect((await home.keys(['recover', '--all', '-y', '--to', `file:${file}`], { env })).code).toBe(0);
  expect(fake.tokens).toMatchObject([{ name: 'bystander' }, { name: 'ci', tokenid: 3n }]);
  expect((await home.keys('verify', { env, stdin: readFileSync(file, 'utf8') })).code).toBe(0);
});

test('help drivers begins another table where one more driver does not fit', () => {
  const more = drivers.map((driver) => ({ ...driver, name: `${driver.name}-2` }));
  const { words } = driversPage([...drivers, ...more]);
  expect(words.split('\n').filter((line) => line.length > 80)).toEqual([]);
  expect(words.match(/^ {2}regenerate( +(yes|no))+$/gm)?.length).toBeGreaterThan(1);
  // A heading has no label: it is indented further than any row.
  const headings = words.match(/^ {10,}\S.*$/gm)?.flatMap((line) => line.trim().split(/ +/));
  expect(headings).toEqual(
    [...drivers, ...more].map(({ name }) => name).filter((name) => !name.startsWith('rest')),
  );
});

test('help drivers shows in 80 columns what each can do, and as JSON the same', async () => {
  const { stdout } = await newHome().keys('help drivers', { terminal: true });
  expect(stdout.split('\n').filter((line) => line.length > 80)).toEqual([]);
  expect(stdout).toMatch(/^ {2}regenerate +yes +no +no +no +yes( |$)/m);
  const told = await newHome().json<{ driver: string }[]>('help drivers');
  expect(told.map(({ driver }) => driver)).toEqual(drivers.map(({ name }) => name));
  expect(told).toMatchObject({
    1: { driver: 'ververica', settings: { expiryField: expect.any(String) } },
    2: { driver: 'cloudcasa', capabilities: { title: 'CloudCasa', pages: true } },
  });
});
