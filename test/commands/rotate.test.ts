import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { KeysError } from '../../src/errors.ts';
import type { IssuedKey, Key, KeyService } from '../../src/keys.ts';
import { fakeKey, fakeService } from '../fakes/service.ts';
import { type Home, newHome } from '../run.ts';

async function mint(home: Home, name = 'ci', more = ''): Promise<{ key: Key; secret: string }> {
  return home.json(`create ${name} ${more}`.trim());
}

async function valid(home: Home, secret: string, now?: number): Promise<boolean> {
  const { code } = await home.keys('verify', { stdin: secret, now });
  return code === 0;
}

const secretIn = (path: string) => readFileSync(path, 'utf8').trim();

/** What a printed create leaves, to be had again for a while, is none. */
async function unfinished(home: Home): Promise<unknown[]> {
  return home.json('recover');
}

/** A program that ends with a status and keeps what it was given. */
function program(home: Home, name: string, status: number): string {
  const path = join(home.path, name);
  writeFileSync(path, `#!/bin/sh\ncat >${path}.given\nexit ${status}\n`);
  chmodSync(path, 0o755);
  return path;
}

/** Keeps one secret a key and cannot repeat a mint, as most services. */
function foreign(keys: Key[] = [fakeKey()], more: Partial<KeyService> = {}) {
  const { capabilities } = fakeService();
  return fakeService(keys, {
    capabilities: { ...capabilities, idempotentMint: false, grace: false },
    minting: undefined,
    ...more,
  });
}

describe('one key on our own service', () => {
  test('the new secret is printed and works; the old one works for another day, and no longer', async () => {
    const home = newHome();
    const { secret: old } = await mint(home);
    const { code, stdout, stderr } = await home.keys('rotate ci -y');
    expect({ code, stderr }).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('works for another 1d'),
    });
    const dayMs = 86_400_000;
    expect(await valid(home, stdout)).toBe(true);
    expect(await valid(home, old, Date.now() + dayMs - 60_000)).toBe(true);
    expect(await valid(home, old, Date.now() + dayMs + 60_000)).toBe(false);
    expect(await unfinished(home)).toEqual([]);
  });

  test('-o json gives key, secret and destinations', async () => {
    const home = newHome();
    const { key } = await mint(home);
    const result = await home.json<IssuedKey & { destinations: string[] }>('rotate ci -y');
    expect(Object.keys(result)).toEqual(['key', 'secret', 'destinations']);
    expect(result.key.id).toBe(key.id);
    expect(result.destinations).toEqual(['stdout']);
  });

  test('--grace 0 ends the old secret', async () => {
    const home = newHome();
    const { secret: old } = await mint(home);
    const { stdout, stderr } = await home.keys('rotate ci -y --grace 0');
    expect([await valid(home, old), await valid(home, stdout)]).toEqual([false, true]);
    expect(stderr).toContain('the old secret is dead');
  });

  test('a grace longer than the key lives says so, and ends with the key', async () => {
    const home = newHome();
    const { secret: old } = await mint(home, 'ci', '--expires 1h');
    const { code, stderr } = await home.keys('rotate ci -y --grace 2d');
    expect(code).toBe(0);
    expect(stderr).toContain('works until the key expires');
    expect(await valid(home, old, Date.now() + 3_540_000)).toBe(true);
    expect(await valid(home, old, Date.now() + 3_660_000)).toBe(false);
  });

  test('file: and env-file: get the secret, which is not printed', async () => {
    const home = newHome();
    await mint(home);
    const [file, env] = [join(home.path, 'token'), join(home.path, '.env')];
    writeFileSync(env, 'A=1\n', { mode: 0o600 });
    const { code, stdout } = await home.keys(`rotate ci -y --to file:${file} --to env-file:${env}#TOKEN`);
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
    expect(await valid(home, secretIn(file))).toBe(true);
    expect(readFileSync(env, 'utf8')).toBe(`A=1\nTOKEN=${secretIn(file)}\n`);
  });

  test('a --check that passes is given the new secret', async () => {
    const home = newHome();
    await mint(home);
    const check = program(home, 'check', 0);
    const to = join(home.path, 'token');
    const { code } = await home.keys(['rotate', 'ci', '-y', '--check', check, '--to', `file:${to}`]);
    expect(code).toBe(0);
    expect(secretIn(`${check}.given`)).toBe(secretIn(to));
  });

  test('a --check that fails: the old secret stays, the new one is revoked, exit 1', async () => {
    const home = newHome();
    const { secret: old } = await mint(home);
    const check = program(home, 'check', 3);
    const to = ['--to', `file:${join(home.path, 'token')}`];
    const { code, stderr } = await home.keys(['rotate', 'ci', '-y', '--grace', '0', '--check', check, ...to]);
    expect(code).toBe(1);
    expect(stderr).toContain('the new secret is revoked, the old one stays');
    expect(stderr).toContain(`file:${home.path}/token still has the revoked one`);
    expect([await valid(home, old), await valid(home, secretIn(`${check}.given`))]).toEqual([true, false]);
    expect(await unfinished(home)).toEqual([]);
  });

  test('a --check that fails leaves at file: and env-file: what was there before', async () => {
    const home = newHome();
    const { secret: old } = await mint(home);
    const [file, env] = [join(home.path, 'token'), join(home.path, '.env')];
    writeFileSync(file, `${old}\n`);
    writeFileSync(env, `A=1\nTOKEN=${old}\nB=2\n`, { mode: 0o600 });
    const { code, stderr } = await home.keys([
      ...['rotate', 'ci', '-y', '--force', '--check', program(home, 'check', 3)],
      ...['--to', `file:${file}`, '--to', `env-file:${env}#TOKEN`],
    ]);
    expect(code).toBe(1);
    expect(stderr).toContain('has its content back');
    expect(secretIn(file)).toBe(old);
    expect(readFileSync(env, 'utf8')).toBe(`A=1\nTOKEN=${old}\nB=2\n`);
    expect(await valid(home, old)).toBe(true);
  });

  test('--check with a pipe is refused before anything is minted: the check would use up what a reader may lose', async () => {
    const home = newHome();
    const { secret: old } = await mint(home);
    const check = program(home, 'check', 0);
    const { code, stdout, stderr } = await home.keys(['rotate', 'ci', '-y', '--check', check]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain('--to file:PATH');
    expect(await valid(home, old)).toBe(true);
    expect(await unfinished(home)).toEqual([]);
  });

  test('--grace 0 into a pipe: the new secret can be had again by the id of the operation until it is used', async () => {
    const home = newHome();
    const { secret: old } = await mint(home);
    const { code, stdout } = await home.keys('rotate ci -y --grace 0');
    expect(code).toBe(0);
    const left = readdirSync(join(home.path, 'state', 'operations')).filter((name) => name.endsWith('.json'));
    const again = await Promise.all(left.map((name) => home.keys(`recover ${name.replace('.json', '')}`)));
    expect(again.map((result) => result.stdout)).toContain(stdout);
    expect([await valid(home, old), await valid(home, stdout)]).toEqual([false, true]);
  });

  test('what a --check prints of the secret is not shown, also where recover has it again from the service', async () => {
    const home = newHome();
    await mint(home);
    const check = join(home.path, 'check');
    const write = () => writeFileSync(check, '#!/bin/sh\ncat >&2\n', { mode: 0o755 });
    write();
    const delivery = join(home.path, 'delivery');
    writeFileSync(delivery, `#!/bin/sh\ncat >${delivery}.given\nrm ${check}\n`, { mode: 0o755 });
    const argv = ['rotate', 'ci', '-y', '--to', `exec:${delivery}`, '--check', check];
    const { code, stderr } = await home.keys(argv);
    expect(code).toBe(10);
    write();
    const { stderr: shown } = await home.keys(/recover op_\w+/.exec(stderr)?.[0] ?? '');
    expect(shown).toContain('[secret]');
    expect(shown).not.toContain(secretIn(`${delivery}.given`));
  });

  test('a --check that is no program is refused before anything is minted', async () => {
    const service = fakeService([fakeKey()]);
    const { code } = await newHome().keys('rotate demo -y --check ./no-such-thing', { service });
    expect({ code, calls: service.calls }).toEqual({ code: 2, calls: [] });
  });

  test('a --check that wants a shell is told to run one, as it is typed there', async () => {
    const { code, stderr } = await newHome().keys(['rotate', 'demo', '-y', '--check', 'curl x | grep y']);
    expect([code, stderr]).toEqual([2, expect.stringContaining("or run a shell: sh -c '…'")]);
  });

  test('a disabled key is refused, with what to type', async () => {
    const home = newHome();
    const { key } = await mint(home);
    await home.keys('disable ci');
    const { code, stderr } = await home.keys('rotate ci -y');
    expect(code).toBe(5);
    expect(stderr).toContain(`keys enable ${key.id}`);
  });
});

describe('consent', () => {
  test('without a terminal and without --yes: exit 2 before any request', async () => {
    const service = fakeService([fakeKey()]);
    const { code } = await newHome().keys('rotate demo', { service });
    expect({ code, calls: service.calls }).toEqual({ code: 2, calls: [] });
  });

  test('a no is exit 130 and changes nothing', async () => {
    const home = newHome();
    const { secret } = await mint(home);
    const answers = [{ asked: 'Exchange the secret of ci', answer: false }];
    expect((await home.keys('rotate ci', { answers })).code).toBe(130);
    expect(await valid(home, secret)).toBe(true);
  });
});

describe('several keys', () => {
  test('of one name, in two namespaces, would replace each other in one place: refused, and nothing is minted', async () => {
    const home = newHome();
    for (const namespace of ['one', 'two'])
      expect(await home.keys(`namespace create ${namespace}`)).toMatchObject({ code: 0 });
    const a = await mint(home, 'ci', '-n one');
    const b = await mint(home, 'ci', '-n two');
    const rotate = (to: string) =>
      home.keys(['rotate', a.key.id, b.key.id, '-y', '--force', '--to', `file:${home.path}/${to}`]);
    const refused = await rotate('{name}');
    expect(refused).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/one destination, .*\nhint: write \{id\}/),
    });
    expect(await home.json('recover')).toEqual([]);
    expect((await rotate('{name}-{id}')).code).toBe(0);
  });

  test('each goes to a place of its own', async () => {
    const home = newHome();
    await mint(home, 'a');
    const { key } = await mint(home, 'b');
    const results = await home.json<{ ok: boolean }[]>([
      ...['rotate', 'a', 'b', '-y'],
      ...['--to', `file:${home.path}/{name}.token`, '--to', `file:${home.path}/{id}.copy`],
    ]);
    expect(results.map(({ ok }) => ok)).toEqual([true, true]);
    expect(await valid(home, secretIn(join(home.path, 'a.token')))).toBe(true);
    expect(secretIn(join(home.path, 'b.token'))).toBe(secretIn(join(home.path, `${key.id}.copy`)));
  });

  test('some of which fail: exit 8, a result a key, and the failed one as it was', async () => {
    const home = newHome();
    await mint(home, 'a');
    const { secret: old } = await mint(home, 'b');
    mkdirSync(join(home.path, 'b.token'));
    const argv = ['rotate', 'a', 'b', 'c', '-y', '-o', 'json', '--to', `file:${home.path}/{name}.token`];
    const { code, stdout } = await home.keys(argv);
    expect(code).toBe(8);
    const results = JSON.parse(stdout) as { name: string; ok: boolean; error: { code: string } | null }[];
    expect(results.map(({ name, ok, error }) => [name, ok, error?.code])).toEqual([
      ['a', true, undefined],
      ['b', false, 'invalid'],
      ['c', false, 'not_found'],
    ]);
    expect(await valid(home, old)).toBe(true);
  });

  test.each([
    ['no destination', []],
    ['a destination that they would share', ['--to', 'file:{name}', '--to', 'stdout']],
  ])('with %s: exit 2', async (_what, to) => {
    const home = newHome();
    await mint(home, 'a');
    await mint(home, 'b');
    const { code, stderr } = await home.keys(['rotate', 'a', 'b', '-y', ...to]);
    expect(code).toBe(2);
    expect(stderr).toContain('{name} or {id}');
  });

  test('a name that would lead elsewhere is not made part of a path', async () => {
    const home = newHome();
    await mint(home, 'a');
    await home.keys(['create', '../b']);
    const { code, stderr } = await home.keys([
      'rotate',
      'a',
      '../b',
      '-y',
      '--to',
      `file:${home.path}/x/{name}`,
    ]);
    expect(code).toBe(8);
    expect(stderr).toContain("'../b' cannot be part of a destination");
  });
});

describe('an id, which a service chooses,', () => {
  test.each(['../b', 'a/../../b', '/etc/b', 'b;touch c', 'b$(touch c)', 'b c', '.ssh/b', ''])(
    'is not made part of a destination when it is %j: nothing is minted',
    async (id) => {
      const home = newHome();
      const service = foreign([fakeKey({ id, name: 'demo' })]);
      const to = `exec:sh -c "cat > ${home.path}/{id}"`;
      const { code, stderr } = await home.keys(['rotate', 'demo', '-y', '--to', to], { service });
      expect(code).toBe(2);
      expect(stderr).toContain(`the id '${id}' cannot be part of a destination`);
      expect(service.calls.filter((call) => /create|regenerate/.test(call))).toEqual([]);
    },
  );

  test.each(['namespaces/a/b', '_5FZHYkBVuaCfGcB-e5a'])(
    'may be a path below the destination: %s',
    async (id) => {
      const home = newHome();
      const service = foreign([fakeKey({ id, name: 'demo' })]);
      mkdirSync(join(home.path, 'namespaces/a'), { recursive: true });
      const { code } = await home.keys(['rotate', 'demo', '-y', '--to', `file:${home.path}/{id}`], {
        service,
      });
      expect({ code, secret: secretIn(join(home.path, id)) }).toEqual({
        code: 0,
        secret: 'fake_secret',
      });
    },
  );
});

describe('a service that keeps one secret a key', () => {
  test('gets a successor with the like name, roles and permissions; the old key is revoked after the test', async () => {
    const service = foreign([fakeKey({ name: 'ci-2', roles: ['editor'], permissions: ['dashboards.read'] })]);
    const { code, stdout, stderr } = await newHome().keys('rotate ci-2 -y --grace 0', { service });
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'fake_secret\n' });
    expect(stderr).toContain('the old key is revoked');
    const [successor, old] = service.keys;
    expect(successor).toMatchObject({ name: 'ci-3', roles: ['editor'], permissions: ['dashboards.read'] });
    expect(old?.status).toBe('revoked');
    const changes = service.calls.filter((call) => /create|verify|revoke/.test(call));
    expect(changes).toEqual(['create ci-3', 'verify', 'revoke key_1']);
  });

  test('a check that fails revokes the successor and leaves the old key', async () => {
    const home = newHome();
    const service = foreign();
    const argv = ['rotate', 'demo', '-y', '--check', program(home, 'check', 1)];
    const { code } = await home.keys(argv, { service });
    expect(code).toBe(1);
    expect(service.keys.map(({ name, status }) => [name, status])).toEqual([
      ['demo-2', 'revoked'],
      ['demo', 'active'],
    ]);
  });

  test('a quota that is used up is told before anything is minted', async () => {
    const { capabilities } = foreign();
    const service = foreign([fakeKey()], { capabilities: { ...capabilities, maxActiveKeys: 1 } });
    const { code, stderr } = await newHome().keys('rotate demo -y', { service });
    expect(code).toBe(5);
    expect(stderr).toContain('no room for a successor');
    expect(service.calls).not.toContain('create demo-2');
  });

  test('--allow-gap regenerates in place', async () => {
    const service = foreign();
    const { code, stderr } = await newHome().keys('rotate demo -y --allow-gap', { service });
    expect(code).toBe(0);
    expect(service.calls).toContain('regenerate key_1');
    expect(stderr).toContain('the old secret is dead');
  });

  test.each(['--grace 2h', '--grace 2h --allow-gap'])('%s cannot be kept: exit 6', async (options) => {
    const service = foreign();
    const { code } = await newHome().keys(`rotate demo -y ${options}`, { service });
    expect(code).toBe(6);
    expect(service.calls.filter((call) => /create|regenerate/.test(call))).toEqual([]);
  });

  test('one that cannot create offers the gap: exit 6', async () => {
    const { capabilities } = foreign();
    const verbs = capabilities.verbs.filter((verb) => verb !== 'create');
    const service = foreign([fakeKey()], { capabilities: { ...capabilities, verbs } });
    const { code, stderr } = await newHome().keys('rotate demo -y', { service });
    expect(code).toBe(6);
    expect(stderr).toContain('--allow-gap');
  });
});

describe.each(['create new', 'regenerate demo -y', 'rotate demo -y'])('%s in CI', (command) => {
  test('does not print a secret unless --to stdout says so', async () => {
    const env = { CI: 'true' };
    const refused = fakeService([fakeKey()]);
    const { code, stdout } = await newHome().keys(command, { env, service: refused });
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(refused.calls.filter((call) => /create|regenerate/.test(call))).toEqual([]);
    const service = fakeService([fakeKey()]);
    const said = await newHome().keys(`${command} --to stdout`, { env, service });
    expect(said).toMatchObject({ code: 0, stdout: 'fake_secret\n' });
  });
});

test('a service that goes away after the new secret was delivered is exit 10, not 7, and recover ends it', async () => {
  const { minting } = fakeService();
  const service = fakeService([fakeKey()], {
    minting: minting && {
      ...minting,
      settle: async () => {
        throw new KeysError('unavailable', 'cannot reach it');
      },
    },
  });
  const home = newHome();
  const { code, stderr } = await home.keys('rotate demo -y', { service });
  expect(code).toBe(10);
  expect(stderr).toMatch(/hint: keys recover op_/);
  expect(await unfinished(home)).toHaveLength(1);
});

test('a rotation whose journal is lost is refused with exit 5 and the way on; --take-over ends it well', async () => {
  const home = newHome();
  const { secret: old } = await mint(home);
  const file = join(home.path, 'token');
  expect((await home.keys(['rotate', 'ci', '-y', '--to', `exec:${program(home, 'consumer', 1)}`])).code).toBe(
    10,
  );
  rmSync(join(home.path, 'state'), { recursive: true });
  const refused = await home.keys(['rotate', 'ci', '-y', '--to', `file:${file}`]);
  expect(refused.code).toBe(5);
  expect(refused.stderr).toContain('keys rotate --take-over');
  expect(await unfinished(home)).toEqual([]);
  const check = program(home, 'check', 1);
  const failed = ['rotate', 'ci', '-y', '--take-over', '--to', `file:${file}`, '--force', '--check', check];
  expect((await home.keys(failed)).code).toBe(1);
  expect(await valid(home, old)).toBe(true);
  const taken = await home.keys(['rotate', 'ci', '-y', '--grace', '0', '--to', `file:${file}`, '--force']);
  expect(taken.code).toBe(0);
  expect([await valid(home, old), await valid(home, secretIn(file))]).toEqual([false, true]);
});
