import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { type Home, newHome } from '../run.ts';

let home: Home;
beforeEach(() => {
  home = newHome();
  mkdirSync(join(home.path, 'config'));
  const profiles = ['one', 'two', 'three'].map(
    (name) => `  ${name}: { url: "https://${name}.example.com" }\n`,
  );
  writeFileSync(join(home.path, 'config', 'config.yaml'), `current: three\nprofiles:\n${profiles.join('')}`);
});

const url = 'https://env.example.com/';

test.each([
  ['profile show -p one', { KEYS_URL: url, KEYS_PROFILE: 'two' }, 'one'],
  ['profile show', { KEYS_URL: url, KEYS_PROFILE: 'two' }, 'environment'],
  ['profile show', { KEYS_PROFILE: 'two' }, 'two'],
  ['profile show', { KEYS_PROFILE: 'local' }, 'local'],
  ['profile show', {}, 'three'],
])('%s with %j works on %s', async (argv, env, name) => {
  expect(await home.json(argv, { env })).toMatchObject({ name, current: true });
});

test('KEYS_URL and its like are a complete profile, and the config file is not read', async () => {
  writeFileSync(join(home.path, 'config', 'config.yaml'), ']');
  const env = { KEYS_URL: url, KEYS_DRIVER: 'keys', KEYS_NAMESPACE: 'team' };
  expect(await home.json('profile show', { env })).toMatchObject({
    name: 'environment',
    driver: 'keys',
    url: 'https://env.example.com',
    namespace: 'team',
    store: 'none',
    origin: 'environment',
  });
});

test('local works, too, where the config file is broken', async () => {
  writeFileSync(join(home.path, 'config', 'config.yaml'), ']');
  expect(await home.keys('list -p local')).toMatchObject({ code: 0 });
  expect(await home.keys('list', { env: { KEYS_PROFILE: 'local' } })).toMatchObject({ code: 0 });
});

test('profile list shows the profile of the environment as the one in force', async () => {
  const rows = await home.json<{ name: string; current: boolean }[]>('profile list', {
    env: { KEYS_URL: url },
  });
  expect(rows.filter(({ current }) => current)).toMatchObject([{ name: 'environment' }]);
  expect(rows).toHaveLength(5);
});

test.each([
  [{ KEYS_PROFILE: 'nope' }, 3, 'profiles: local, one, two, three'],
  [{ KEYS_PROFILE: 'nope' }, 3, "KEYS_PROFILE: there is no profile 'nope'"],
  [{ KEYS_PROFILE: 'constructor' }, 3, "there is no profile 'constructor'"],
  [{ KEYS_URL: 'nonsense' }, 2, 'KEYS_URL'],
  [{ KEYS_URL: 'https://a:hunter2@b.c' }, 2, 'KEYS_URL'],
  [{ KEYS_URL: '' }, 2, 'KEYS_URL is set, but empty'],
  [{ KEYS_PROFILE: '' }, 2, 'KEYS_PROFILE is set, but empty'],
  [{ KEYS_URL: url, KEYS_DRIVER: 'nope' }, 2, "KEYS_DRIVER: there is no driver 'nope'"],
  [{ KEYS_OUTPUT: 'xml' }, 2, "KEYS_OUTPUT is 'xml'"],
])('%j exits %i and says why', async (env, code, words) => {
  const result = await home.keys('profile show', { env });
  expect(result).toMatchObject({ code, stdout: '', stderr: expect.stringContaining(words) });
  expect(result.stderr).not.toContain('hunter2');
});

test.each([{ KEYS_TOKEN: 'a' }, { KEYS_TOKEN: '' }, { KEYS_TOKEN_FILE: '/nowhere' }])(
  '%j without a service to use it on exits 2 instead of minting on local',
  async (env) => {
    writeFileSync(join(home.path, 'config', 'config.yaml'), '');
    const { code, stdout, stderr } = await home.keys('list', { env });
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain('hint: set KEYS_URL');
  },
);

test('a choice in the file that is gone exits 3 and names what there is', async () => {
  writeFileSync(join(home.path, 'config', 'config.yaml'), 'current: gone\n');
  expect(await home.keys('list')).toMatchObject({
    code: 3,
    stderr: expect.stringContaining(
      "the current profile: there is no profile 'gone'\nhint: profiles: local\n",
    ),
  });
});

test('KEYS_OUTPUT chooses the format, and -o goes before it', async () => {
  const env = { KEYS_OUTPUT: 'json' };
  expect(JSON.parse((await home.keys('profile list', { env })).stdout)).toHaveLength(4);
  expect((await home.keys('profile list -o name', { env })).stdout).toBe('local\none\ntwo\nthree\n');
});
