import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { listeningService } from '../../fakes/server.ts';
import { json, scriptedService } from '../../fakes/wire.ts';
import { type Home, newHome } from '../../run.ts';

function configOf(home: Home): string {
  return join(home.path, 'config', 'config.yaml');
}

function writeConfig(home: Home, text: string): string {
  mkdirSync(join(home.path, 'config'), { recursive: true, mode: 0o700 });
  writeFileSync(configOf(home), text, { mode: 0o600 });
  return configOf(home);
}

async function add(home: Home, name: string, url = `https://${name}.example.com`): Promise<void> {
  const { code, stderr } = await home.keys(['profile', 'add', name, '--url', url]);
  expect({ code, stderr }).toEqual({
    code: 0,
    stderr: expect.stringContaining(`keys auth login -p ${name}`),
  });
}

test('with nothing configured there is local, it is in force, and no file is made', async () => {
  const home = newHome();
  expect(await home.json('profile list')).toEqual([
    {
      name: 'local',
      current: true,
      driver: 'local',
      url: `sqlite:${join(home.path, 'data', 'keys.db')}`,
      namespace: null,
      store: 'none',
      credentialCommand: null,
      authScheme: null,
      caFile: null,
      clientCertFile: null,
      clientKeyFile: null,
      insecureHttp: false,
      settings: null,
      origin: 'built-in',
    },
  ]);
  expect(existsSync(join(home.path, 'config'))).toBe(false);
});

test('add, use, rename and remove do what they say, and the file is private', async () => {
  const home = newHome();
  await add(home, 'prod', 'https://keys.example.com:8443/base/');
  expect(statSync(configOf(home)).mode & 0o777).toBe(0o600);
  expect(statSync(join(home.path, 'config')).mode & 0o777).toBe(0o700);

  await home.keys('profile use prod');
  await home.keys('profile rename prod production');
  expect(await home.json('profile show')).toMatchObject({
    name: 'production',
    current: true,
    driver: 'keys',
    url: 'https://keys.example.com:8443/base',
    origin: 'config',
    capabilities: { title: 'keys', verbs: expect.arrayContaining(['create', 'whoami']) },
  });

  const { stderr } = await home.keys('profile remove production');
  expect(stderr).toContain('the current profile is now local');
  expect(await home.json('profile show')).toMatchObject({ name: 'local' });
});

test('every option of add is kept, with paths made absolute', async () => {
  const home = newHome();
  const options = '--url http://keys.internal --driver keys --auth-scheme x-api-key --ca-file ca.pem';
  const more = '--client-cert c.pem --client-key k.pem --insecure-http -n team';
  expect((await home.keys(`profile add all ${options} ${more}`)).code).toBe(0);
  expect(await home.json('profile show all')).toMatchObject({
    url: 'http://keys.internal',
    namespace: 'team',
    authScheme: 'x-api-key',
    caFile: join(process.cwd(), 'ca.pem'),
    clientCertFile: join(process.cwd(), 'c.pem'),
    clientKeyFile: join(process.cwd(), 'k.pem'),
    insecureHttp: true,
  });
});

test('the words after -- are the credential command, options of its own included', async () => {
  const home = newHome();
  const argv =
    'profile add vault --url https://x.y --credential-command -- vault kv get -p -field=secret keys/prod';
  expect((await home.keys(argv)).code).toBe(0);
  expect(await home.json('profile show vault')).toMatchObject({
    store: 'command',
    credentialCommand: ['vault', 'kv', 'get', '-p', '-field=secret', 'keys/prod'],
  });
  expect(await home.keys('profile add v2 --url https://x.y op read')).toMatchObject({ code: 2 });
  expect(await home.keys('profile add v2 --url https://x.y --credential-command')).toMatchObject({ code: 2 });
});

test('list and show are drawn on a terminal, and the profile in force is marked', async () => {
  const home = newHome();
  await add(home, 'prod');
  await home.keys('profile use prod');
  const { stdout } = await home.keys('profile list --no-color', { terminal: true });
  expect(stdout.split('\n').find((line) => line.includes('prod'))).toMatch(/^\*\s+prod\s+keys\s+https:/);
  const shown = (await home.keys('profile show --no-color', { terminal: true })).stdout;
  expect(shown).toMatch(/^url:\s+https:\/\/prod\.example\.com$/m);
  expect(shown).toMatch(/^create\s+yes$/m);
  expect((await home.keys('profile show -o name')).stdout).toBe('prod\n');
});

test.each(['rename local x', 'remove local', 'add local --url https://x.y', 'rename prod local'])(
  'local is reserved: profile %s exits 2',
  async (words) => {
    const home = newHome();
    await add(home, 'prod');
    expect(await home.keys(`profile ${words}`)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('built-in profile'),
    });
  },
);

test('local can be used and shown', async () => {
  const home = newHome();
  await add(home, 'prod');
  await home.keys('profile use prod');
  expect((await home.keys('profile use local')).code).toBe(0);
  expect(await home.json('profile show')).toMatchObject({ name: 'local', current: true });
});

test.each(['use nope', 'show nope', 'rename nope other', 'remove nope'])(
  'profile %s exits 3 with the names there are',
  async (words) => {
    const home = newHome();
    await add(home, 'prod');
    const { code, stderr } = await home.keys(`profile ${words}`);
    expect(code).toBe(3);
    expect(stderr).toContain('profiles: local, prod');
  },
);

test('a name that is taken exits 5 for add and rename, and nothing changes', async () => {
  const home = newHome();
  await add(home, 'prod');
  await add(home, 'test');
  const before = readFileSync(configOf(home), 'utf8');
  expect((await home.keys('profile add prod --url https://other.example.com')).code).toBe(5);
  expect((await home.keys('profile rename test prod')).code).toBe(5);
  expect(readFileSync(configOf(home), 'utf8')).toBe(before);
});

test.each([
  ['https://alice:hunter2@keys.example.com', 'user name or a password'],
  ['https://keys.example.com?x=hunter2', 'query'],
  ['https://keys.example.com/#hunter2', 'fragment'],
  ['ftp://keys.example.com', 'not an http or https URL'],
  ['keys.example.com', 'not an http or https URL'],
  ['https://', 'not an http or https URL'],
  ['https://keys\\.example.com', 'not a URL'],
  ['https://keys.example.com:99999', 'not a URL'],
])('the URL %s is refused with exit 2, and no password in it is repeated', async (url, why) => {
  const { code, stderr } = await newHome().keys(['profile', 'add', 'x', '--url', url]);
  expect(code).toBe(2);
  expect(stderr).toContain(why);
  expect(stderr).not.toContain('hunter2');
});

test.each(['', 'a b', 'a/b', 'ä', 'x'.repeat(65), '__proto__', '-q'])(
  'the name %j is refused with exit 2',
  async (name) => {
    const { code, stderr } = await newHome().keys(['profile', 'add', '--url', 'https://x.y', '--', name]);
    expect(code).toBe(2);
    expect(stderr).toContain('is not a profile name');
  },
);

test('a missing URL is asked for on a terminal; elsewhere it exits 2 and names the option', async () => {
  const home = newHome();
  const answers = [{ asked: 'URL', answer: 'https://asked.example.com/' }];
  expect((await home.keys('profile add a', { terminal: true, answers })).code).toBe(0);
  expect(await home.json('profile show a')).toMatchObject({ url: 'https://asked.example.com' });
  expect(await home.keys('profile add b')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('--url'),
  });
});

test.each(['list', 'show', 'use prod', 'add x --url https://x.y', 'rename prod x', 'remove prod'])(
  'a broken file is reported with its line by profile %s, and is not overwritten',
  async (words) => {
    const home = newHome();
    const text = 'current: prod\nprofiles:\n  prod:\n    url: [\n';
    writeConfig(home, text);
    const { code, stderr } = await home.keys(`profile ${words}`);
    expect(code).toBe(2);
    expect(stderr).toContain(`${configOf(home)}:`);
    expect(stderr).toContain('hint: ');
    expect(readFileSync(configOf(home), 'utf8')).toBe(text);
  },
);

test('local works while the file is broken', async () => {
  const home = newHome();
  writeConfig(home, ']');
  expect((await home.keys('profile show -p local')).code).toBe(0);
});

test('the file cut at every byte is never overwritten when it is broken', async () => {
  const home = newHome();
  const whole = 'current: prod\nprofiles:\n  prod:\n    url: https://x.y\n    store: none\n';
  for (let length = 0; length <= whole.length; length += 1) {
    const cut = whole.slice(0, length);
    writeConfig(home, cut);
    const { code } = await home.keys('profile use prod');
    expect([0, 2, 3]).toContain(code);
    if (code !== 0) expect(readFileSync(configOf(home), 'utf8')).toBe(cut);
    else expect(await home.json('profile show')).toMatchObject({ name: 'prod' });
  }
});

test('twelve profiles added at once are all there', async () => {
  const home = newHome();
  const names = Array.from({ length: 12 }, (_, index) => `p${index}`);
  await Promise.all(names.map((name) => add(home, name)));
  const listed = await home.json<{ name: string }[]>('profile list');
  expect(listed.map(({ name }) => name).sort()).toEqual(['local', ...names].sort());
});

test('a linked file is changed where it is, and stays a link', async () => {
  const home = newHome();
  const target = join(home.path, 'dotfiles.yaml');
  writeFileSync(target, '# mine\n', { mode: 0o600 });
  mkdirSync(join(home.path, 'config'));
  symlinkSync(target, configOf(home));
  await add(home, 'prod');
  expect(lstatSync(configOf(home)).isSymbolicLink()).toBe(true);
  expect(readFileSync(target, 'utf8')).toMatch(/^# mine\n.*prod:/s);
});

test.each([
  ['profile remove base --yes', 'base'],
  ['auth logout -p other', 'other'],
])('%s, which the config file does not admit, exits 2 and leaves the credential', async (command, name) => {
  const service = await scriptedService(
    json(200, { id: null, name: 'a', owner: null, namespace: null, roles: [] }),
  );
  const home = newHome();
  const text = `profiles:\n  base: &base\n    url: ${service.url}\n    store: file\n  other: *base\n`;
  writeConfig(
    home,
    text.replaceAll(/&base|\*base/g, (word) => (word === '&base' ? '' : `{ url: ${service.url} }`)),
  );
  const passphrase = join(home.path, 'passphrase');
  writeFileSync(passphrase, 'pw');
  const env = { KEYS_PASSPHRASE_FILE: passphrase };
  const login = await home.keys(`auth login -p ${name} --store file --with-token`, { env, stdin: 'keys_x' });
  expect(login).toMatchObject({ code: 0 });
  writeConfig(home, text);
  expect(await home.keys(command, { env })).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('alias'),
  });
  expect(readFileSync(configOf(home), 'utf8')).toBe(text);
  expect(await home.keys(`auth status -p ${name}`, { env })).toMatchObject({ code: 0 });
});

test('a profile whose keychain is not there is removed without its credential, and the hint says how', async () => {
  const home = newHome();
  writeConfig(home, 'profiles:\n  prod:\n    url: https://x.y\n    store: keychain\n');
  const env = { HOME: home.path, XDG_RUNTIME_DIR: home.path };
  expect(await home.keys('profile remove prod --yes', { env })).toMatchObject({
    ...{ code: 11, stdout: '' },
    stderr: expect.stringMatching(/hint: .*: keys profile remove prod --keep-credential\n$/),
  });
  expect(await home.keys('profile remove prod --keep-credential', { env })).toMatchObject({ code: 0 });
});

test('while an operation that was begun with a profile is unfinished, rename exits 5, and remove says so', async () => {
  const service = await listeningService();
  const { secret } = await service.mint({ name: 'laptop', roles: ['admin'] });
  const home = newHome();
  const file = join(home.path, 'secret');
  writeFileSync(file, secret);
  const add = [
    'profile',
    'add',
    'prod',
    '--url',
    service.url,
    '--credential-command',
    '--',
    '/bin/cat',
    file,
  ];
  expect(await home.keys(add)).toMatchObject({ code: 0 });
  const target = join(home.path, 'gone');
  expect(await home.keys(['create', 'demo', '-p', 'prod', '--to', 'exec:/bin/false'])).toMatchObject({
    code: 10,
  });
  const [{ id } = { id: '' }] = await home.json<{ id: string }[]>('recover');
  expect(await home.keys('profile rename prod work')).toEqual({
    ...{ code: 5, stdout: '' },
    stderr: `keys: operation ${id} was begun with profile prod and is unfinished\nhint: keys recover ${id}\n`,
  });
  const removed = await home.keys('profile remove prod');
  expect(removed).toMatchObject({
    code: 0,
    stderr: expect.stringContaining(`unfinished: add the profile again, then keys recover ${id}`),
  });
  expect(await home.keys(['recover', id])).toMatchObject({
    ...{ code: 3, stderr: expect.stringContaining(`keys auth login -p prod --url ${service.url}\n`) },
  });
  expect(await home.keys(add)).toMatchObject({ code: 0 });
  expect(await home.keys(['recover', id, '--to', `file:${target}`])).toMatchObject({ code: 0 });
  expect(await home.keys('profile rename prod work')).toMatchObject({ code: 0 });
});

test('a link to nowhere and a directory in the place of the file exit 2 and are left alone', async () => {
  const dangling = newHome();
  mkdirSync(join(dangling.path, 'config'));
  symlinkSync('/nowhere/at/all', configOf(dangling));
  expect(await dangling.keys('profile use local')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('a symbolic link to a file that is not there'),
  });
  const directory = newHome();
  mkdirSync(configOf(directory), { recursive: true });
  expect(await directory.keys('profile list')).toMatchObject({ code: 2 });
});

test('a config file that is larger than any is read from is refused, not read', async () => {
  const home = newHome();
  writeConfig(home, '#'.repeat(2 ** 20 + 1));
  expect(await home.keys('profile list')).toMatchObject({
    ...{ code: 2, stderr: expect.stringContaining('larger than 1 MiB') },
  });
});

test.each([0o644, 0o640, 0o620])(
  'a file of mode %o, which others can read or write, is made private, and that is said',
  async (mode) => {
    const home = newHome();
    chmodSync(writeConfig(home, ''), mode);
    const { code, stderr } = await home.keys('profile list');
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr: expect.stringContaining(`its mode was 0${mode.toString(8)} and is now 0600`),
    });
    expect(statSync(configOf(home)).mode & 0o777).toBe(0o600);
    expect((await home.keys('profile list')).stderr).toBe('');
  },
);

test('a directory that others can write to is warned about, unless only owners may remove there', async () => {
  const home = newHome();
  writeConfig(home, '');
  chmodSync(join(home.path, 'config'), 0o777);
  expect((await home.keys('profile list')).stderr).toContain('warning: others may write to');
  chmodSync(join(home.path, 'config'), 0o1777);
  expect((await home.keys('profile list')).stderr).toBe('');
});

test('keys profile alone shows the help of the group', async () => {
  expect(await newHome().keys('profile')).toEqual({
    code: 0,
    stdout: expect.stringContaining('Usage: keys profile '),
    stderr: '',
  });
});
