import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { json, type ScriptedService, scriptedService } from '../../fakes/wire.ts';
import { type Home, newHome } from '../../run.ts';

const good = 'keys_theCredentialThatIsGood';
const other = 'keys_anotherCredentialGood';
const identity = { id: 'key_1', name: 'laptop', owner: 'alice', namespace: 'default', roles: ['owner'] };

let home: Home;
let service: ScriptedService;
beforeEach(async () => {
  home = newHome();
  service = await whoamiService();
});

/** What docs/api.md says of GET /v1/whoami. */
function whoamiService(): Promise<ScriptedService> {
  return scriptedService((response, asked) => {
    const known = [good, other].some((secret) => asked.headers.authorization === `Bearer ${secret}`);
    if (asked.url !== '/v1/whoami') return json(404, { code: 'not_found', detail: 'no' })(response, asked);
    if (known) return json(200, identity)(response, asked);
    json(401, { code: 'unauthenticated', detail: 'this takes the secret of a key', hint: null })(
      response,
      asked,
    );
  });
}

function passphraseFile(text = 'correct horse\n'): string {
  const path = join(home.path, 'passphrase');
  writeFileSync(path, text);
  return path;
}

function fileStore(): Record<string, string> {
  return { KEYS_PASSPHRASE_FILE: passphraseFile() };
}

function login(more = '', setup: Parameters<Home['keys']>[1] = {}) {
  const argv = `auth login -p prod --url ${service.url} --with-token ${more}`.trim().split(' ');
  return home.keys(argv, { stdin: `${good}\n`, env: fileStore(), ...setup });
}

function config(): string {
  const path = join(home.path, 'config', 'config.yaml');
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
}

function credentialFiles(): string[] {
  const path = join(home.path, 'data', 'credentials');
  return existsSync(path) ? readdirSync(path) : [];
}

/** Everything in the home but the passphrase, as one text. */
function everything(): string {
  const names = readdirSync(home.path, { recursive: true, withFileTypes: true });
  return names
    .filter((entry) => entry.isFile() && entry.name !== 'passphrase')
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'latin1'))
    .join('\n');
}

test('login, status, another command and logout with the file store; the credential is nowhere in plain text', async () => {
  const { code, stdout, stderr } = await login('--store file');
  expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
  expect(stderr).toContain(`logged in to ${service.url} as laptop of alice (owner)`);
  expect(stderr).toContain('prod is now the current profile');
  expect((await login('--store file')).stderr).toContain('prod is the current profile');
  expect(config()).toContain('store: file');
  const [name = ''] = credentialFiles();
  expect(name).toMatch(/^prod-[0-9a-f]{16}\.json$/);
  expect(statSync(join(home.path, 'data', 'credentials', name)).mode & 0o777).toBe(0o600);
  expect(statSync(join(home.path, 'data', 'credentials')).mode & 0o777).toBe(0o700);

  const status = { profile: 'prod', url: service.url, driver: 'keys', store: 'file', source: 'file' };
  expect(await home.json('auth status', { env: fileStore() })).toEqual({
    ...status,
    authenticated: true,
    identity,
  });
  expect(everything()).not.toContain(good);

  expect(await home.keys('auth logout')).toMatchObject({ code: 0, stdout: '' });
  expect(credentialFiles()).toEqual([]);
  expect(await home.keys('auth logout')).toMatchObject({ code: 0 });
  const after = await home.json('auth status', { env: fileStore(), code: 4 });
  expect(after).toEqual({ ...status, store: 'none', source: 'none', authenticated: false, identity: null });
  expect(await home.keys('list')).toMatchObject({
    code: 4,
    stderr: expect.stringContaining('keys auth login -p prod'),
  });
});

test('a credential that the service refuses exits 4; nothing is stored and the configuration is as before', async () => {
  await login('--store file');
  const before = everything();
  const { code, stderr } = await login('--store file', { stdin: 'keys_bad\n' });
  expect(code).toBe(4);
  expect(stderr).toContain('nothing has been kept');
  expect(everything()).toBe(before);

  const fresh = await login('--store file -p fresh', { stdin: 'keys_bad\n' });
  expect(fresh.code).toBe(4);
  expect(config()).not.toContain('fresh');
  expect(credentialFiles()).toHaveLength(1);
});

test('a service that is not there exits 7, and nothing is stored', async () => {
  const { code } = await home.keys('auth login -p prod --url http://127.0.0.1:9 --store file --with-token', {
    stdin: good,
    env: fileStore(),
  });
  expect(code).toBe(7);
  expect([config(), credentialFiles()]).toEqual(['', []]);
});

test('without a keychain login exits 11 and says what to do, before it asks for the credential', async () => {
  const { code, stderr } = await home.keys(`auth login --url ${service.url}`, {
    terminal: true,
    answers: [],
  });
  expect(code).toBe(11);
  expect(stderr).toContain('the keychain is unavailable');
  expect(stderr).toContain('keys auth login --store file');
  expect([config(), service.asked]).toEqual(['', []]);
});

test('on a terminal URL, credential and a new passphrase (twice) are asked for; the name comes from the host', async () => {
  const answers = [
    { asked: 'URL', answer: `${service.url}/` },
    { asked: 'Credential', answer: good },
    { asked: 'New passphrase', answer: 'pw' },
    { asked: 'again', answer: 'pw' },
  ];
  expect((await home.keys('auth login --store file', { terminal: true, answers })).code).toBe(0);
  const name = `127.0.0.1-${service.port}`;
  const status = { terminal: true, answers: [{ asked: 'Passphrase of', answer: 'pw' }] };
  expect(await home.json('auth status', status)).toMatchObject({ profile: name, authenticated: true });
  const words = await home.keys('auth status --no-color', status);
  expect(words.stdout).toContain('yes, as laptop of alice (owner)');
});

test('--passphrase-file goes before KEYS_PASSPHRASE_FILE, and its line is the passphrase that a person types', async () => {
  const given = join(home.path, 'given');
  writeFileSync(given, ' with spaces \n');
  expect(await login(`--store file --passphrase-file ${given}`)).toMatchObject({ code: 0 });
  const answers = [{ asked: 'Passphrase of', answer: ' with spaces ' }];
  expect(await home.keys('auth status', { terminal: true, answers })).toMatchObject({ code: 0 });
});

test('where nobody can be asked for the passphrase, or its file is empty, exits 2 and is told what to do', async () => {
  await login('--store file');
  expect(await home.keys('list')).toMatchObject({
    ...{ code: 2, stderr: expect.stringMatching(/no terminal.*\nhint: .*KEYS_PASSPHRASE_FILE/) },
  });
  expect(await home.keys('list', { env: { KEYS_PASSPHRASE_FILE: passphraseFile('\n') } })).toMatchObject({
    ...{ code: 2, stderr: expect.stringMatching(/the passphrase file .* is empty/) },
  });
});

test('two passphrases that differ exit 2, and nothing is stored', async () => {
  const answers = ['Credential', 'New passphrase', 'again'].map((asked) => ({ asked, answer: asked }));
  const typed = answers.map((one) => (one.asked === 'Credential' ? { ...one, answer: good } : one));
  const argv = `auth login --url ${service.url} --store file`;
  expect(await home.keys(argv, { terminal: true, answers: typed })).toMatchObject({ code: 2 });
  expect([config(), credentialFiles()]).toEqual(['', []]);
});

test.each([
  [['auth', 'login', '--url', 'https://x.y', '--store', 'none'], '--with-token'],
  [['auth', 'login'], '--url'],
])('%j without a terminal exits 2 and names %s', async (argv, option) => {
  expect(await home.keys(argv)).toMatchObject({ code: 2, stderr: expect.stringContaining(option) });
});

test.each([
  ['', 'is empty'],
  ['\n', 'is empty'],
  [`${good}\n${good}\n`, 'more than one line'],
  [`${good} x`, 'unprintable character at position 29'],
  [`\ufeff${good}`, 'unprintable character at position 1'],
])('the credential %j is refused with exit 2 and not repeated', async (stdin, why) => {
  const { code, stderr } = await login('--store none', { stdin });
  expect(code).toBe(2);
  expect(stderr).toContain(why);
  expect(stderr).not.toContain(good);
  expect(service.asked).toEqual([]);
});

test('login takes KEYS_TOKEN_FILE before KEYS_TOKEN', async () => {
  const path = join(home.path, 'token');
  writeFileSync(path, `${good}\n`);
  const argv = `auth login -p prod --url ${service.url} --store none`;
  const { code, stderr } = await home.keys(argv, { env: { KEYS_TOKEN_FILE: path, KEYS_TOKEN: 'keys_bad' } });
  expect(code).toBe(0);
  expect(stderr).toContain('taking the credential from KEYS_TOKEN_FILE');
});

test('with the store none the credential is checked and not kept', async () => {
  const { code, stderr } = await login('--store none');
  expect(code).toBe(0);
  expect(stderr).toContain('KEYS_TOKEN_FILE or KEYS_TOKEN');
  expect(everything()).not.toContain(good);
  expect(await home.keys('auth status')).toMatchObject({ code: 4 });
  expect(await home.json('auth status', { env: { KEYS_TOKEN: good } })).toMatchObject({
    store: 'none',
    source: 'KEYS_TOKEN',
    authenticated: true,
  });
  await home.keys('auth logout');
  expect(config()).toContain('store: none');
});

test('the store is kept at a second login, and no other is chosen silently', async () => {
  await login('--store file');
  const again = await home.keys('auth login --with-token', { stdin: other, env: fileStore() });
  expect(again).toMatchObject({ code: 0, stderr: expect.stringContaining('encrypted file') });
  expect(config()).toContain('store: file');
  expect(credentialFiles()).toHaveLength(1);
});

test('a login to another store leaves no credential behind in the former one', async () => {
  await login('--store file');
  expect(await login('--store none')).toMatchObject({ code: 0 });
  expect([config(), credentialFiles()]).toEqual([expect.stringContaining('store: none'), []]);
});

test('a login to another URL leaves no credential behind under the former one, and the former is not sent there', async () => {
  await login('--store file');
  const former = credentialFiles();
  service = await whoamiService();
  expect((await login('')).code).toBe(0);
  expect(credentialFiles()).toHaveLength(1);
  expect(credentialFiles()).not.toEqual(former);
});

test('a URL edited by hand does not get the credential of the former one', async () => {
  await login('--store file');
  const elsewhere = await scriptedService([]);
  const path = join(home.path, 'config', 'config.yaml');
  writeFileSync(path, config().replace(service.url, elsewhere.url));
  // Nor is anybody asked for a passphrase that opens nothing.
  expect(await home.keys('list', { terminal: true, answers: [] })).toMatchObject({
    code: 11,
    stderr: expect.stringContaining('keys auth login -p prod'),
  });
  expect(elsewhere.asked).toEqual([]);
});

test('a second profile for the same service has a credential of its own', async () => {
  await login('--store file');
  await home.keys(`auth login -p second --url ${service.url} --store file --with-token`, {
    stdin: other,
    env: fileStore(),
  });
  await home.keys('auth logout -p prod');
  expect(await home.json('auth status -p second', { env: fileStore() })).toMatchObject({
    authenticated: true,
  });
});

test('a login to a URL that a profile has already is for that profile', async () => {
  await login('--store none');
  const { stderr } = await home.keys(`auth login --url ${service.url} --with-token`, { stdin: other });
  expect(stderr).toContain('profile prod');
});

test('a login to a URL that several profiles have takes the credential of none away: exit 5', async () => {
  await login('--store file');
  await home.keys(`profile add second --url ${service.url}/`);
  const before = [config(), credentialFiles()];
  const asked = service.asked.length;
  const result = await home.keys(`auth login --url ${service.url} --with-token`, {
    ...{ stdin: other, env: fileStore() },
  });
  expect(result).toMatchObject({ code: 5, stderr: expect.stringMatching(/prod, second\nhint: .*-p prod/) });
  expect([config(), credentialFiles(), service.asked.length]).toEqual([...before, asked]);
});

test.each([
  ['-p local --url https://x.y', 2, 'needs no credential'],
  ['-p gone', 2, '--url'],
  ['--url https://x.y --store command', 2, '--credential-command -- op read'],
  ['--url https://x.y --store file --credential-command -- op read', 2, 'does not go with'],
  ['--url https://x.y hunter2', 2, 'no use for'],
  ['--url https://alice:hunter2@x.y', 2, 'password'],
])('auth login %s exits %i', async (words, code, why) => {
  const result = await home.keys(`auth login --with-token ${words}`, { stdin: good });
  expect(result).toMatchObject({ code, stderr: expect.stringContaining(why) });
});

test('with KEYS_URL set login and logout exit 2 and say why; with --url or -p they work', async () => {
  const env = { KEYS_URL: 'https://x.y' };
  expect(await home.keys('auth login --with-token', { env, stdin: good })).toMatchObject({ code: 2 });
  expect(await home.keys('auth logout', { env })).toMatchObject({ code: 2 });
  expect(await login('--store none', { env })).toMatchObject({ code: 0 });
  expect(await home.keys('auth logout -p prod', { env })).toMatchObject({ code: 0 });
});

test('a broken config file stops login before the service is asked, and is not overwritten', async () => {
  mkdirSync(join(home.path, 'config'));
  writeFileSync(join(home.path, 'config', 'config.yaml'), 'profiles: [');
  expect(await login('--store file')).toMatchObject({ code: 2 });
  expect([config(), credentialFiles(), service.asked]).toEqual(['profiles: [', [], []]);
});

test('local is authenticated and needs no credential', async () => {
  expect(await home.json('auth status')).toMatchObject({
    profile: 'local',
    driver: 'local',
    store: 'none',
    source: 'none',
    authenticated: true,
    identity: null,
  });
  expect((await home.keys('auth logout')).code).toBe(0);
  expect(existsSync(join(home.path, 'config'))).toBe(false);
});

test('status of a refused credential prints that and exits 4; of a service that is not there, exits 7 with no result', async () => {
  await login('--store none');
  const refused = await home.json('auth status', { env: { KEYS_TOKEN: 'keys_bad' }, code: 4 });
  expect(refused).toMatchObject({ source: 'KEYS_TOKEN', authenticated: false, identity: null });
  const env = { KEYS_URL: 'http://127.0.0.1:9', KEYS_TOKEN: good };
  expect(await home.keys('auth status', { env })).toMatchObject({ code: 7, stdout: '' });
});

test('a credential that is not taken: the hint is where another one has to be put', async () => {
  const file = join(home.path, 'token');
  writeFileSync(file, 'keys_bad\n');
  mkdirSync(join(home.path, 'config'));
  const profile = `{ url: '${service.url}', store: command, credentialCommand: [echo, keys_bad] }`;
  writeFileSync(join(home.path, 'config', 'config.yaml'), `profiles: { prod: ${profile} }\n`);
  const hintOf = async (env: Record<string, string>) => {
    const { code, stderr } = await home.keys('auth status -p prod', { env });
    expect(code).toBe(4);
    return /hint: (.*)\n/.exec(stderr)?.[1];
  };
  expect(await hintOf({})).toBe('keys auth login -p prod');
  expect(await hintOf({ KEYS_TOKEN: 'keys_bad' })).toContain('in KEYS_TOKEN,');
  expect(await hintOf({ KEYS_TOKEN: good, KEYS_TOKEN_FILE: file })).toContain('in KEYS_TOKEN_FILE,');
});

test('with KEYS_URL and a token neither a broken config nor a dead store matters', async () => {
  mkdirSync(join(home.path, 'config'));
  writeFileSync(join(home.path, 'config', 'config.yaml'), ']');
  const env = { KEYS_URL: service.url, KEYS_DRIVER: 'keys', KEYS_TOKEN: good };
  expect(await home.json('auth status', { env })).toMatchObject({
    profile: 'environment',
    store: 'none',
    source: 'KEYS_TOKEN',
    authenticated: true,
  });
  const none = await home.json('auth status', { env: { KEYS_URL: service.url }, code: 4 });
  expect(none).toMatchObject({ source: 'none', authenticated: false });
});

test.each([
  [{ KEYS_TOKEN: '' }, 'KEYS_TOKEN is set, but empty'],
  [{ KEYS_TOKEN: 'a\nb' }, 'more than one line'],
  [{ KEYS_TOKEN_FILE: '/nowhere' }, 'KEYS_TOKEN_FILE: cannot read /nowhere'],
  [{ KEYS_TOKEN_FILE: '/dev/null' }, 'is empty'],
  [{ KEYS_TOKEN_FILE: '' }, 'KEYS_TOKEN_FILE is set, but empty'],
])('%j exits 2 before a request is sent', async (env, why) => {
  const result = await home.keys('auth status', { env: { KEYS_URL: service.url, ...env } });
  expect(result).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining(why) });
  expect(service.asked).toEqual([]);
});

test('the credential command is run for login and for every use, and is asked no more after logout', async () => {
  const script = join(home.path, 'vault');
  writeFileSync(script, `#!/bin/sh\necho asked "$@" >> ${home.path}/log; echo unlocking >&2; echo ${good}\n`);
  chmodSync(script, 0o755);
  const env = { PATH: process.env.PATH };
  const argv = `auth login -p prod --url ${service.url} --credential-command -- ${script} read -n x`;
  expect(await home.keys(argv, { env })).toMatchObject({
    code: 0,
    stderr: expect.stringContaining('unlocking'),
  });
  expect(await home.json('auth status', { env })).toMatchObject({
    store: 'command',
    source: 'command',
    authenticated: true,
  });
  expect(readFileSync(join(home.path, 'log'), 'utf8')).toBe('asked read -n x\nasked read -n x\n');
  expect((await home.keys('auth logout', { env })).stderr).toContain('no longer asked');
  expect(await home.keys('auth status', { env })).toMatchObject({ code: 4 });
  expect(readFileSync(join(home.path, 'log'), 'utf8').split('\n')).toHaveLength(3);
});

test('a credential on standard input that its command would go before is refused, and nothing changes', async () => {
  const login = `auth login -p prod --url ${service.url}`;
  const command = `${login} --credential-command -- /bin/echo ${good}`;
  const both = command.replace('--cred', '--with-token --cred');
  expect(await home.keys(both, { stdin: good })).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('command'),
  });
  expect((await home.keys('profile list -o name')).stdout).toBe('local\n');
  expect(await home.keys(command)).toMatchObject({ code: 0 });
  expect(await home.keys(`${login} --with-token`, { stdin: good })).toMatchObject({
    ...{ code: 2, stderr: expect.stringContaining('--store keychain or --store file') },
  });
});

test('a rename that was killed before its last step is finished when it is given again', async () => {
  const env = fileStore();
  await login('--store file');
  const [old = ''] = credentialFiles();
  const path = join(home.path, 'data', 'credentials', old);
  const before = readFileSync(path);
  const rename = () => home.keys('profile rename prod production', { env });
  expect((await rename()).code).toBe(0);
  writeFileSync(path, before);
  expect(await rename()).toMatchObject({ code: 0, stderr: expect.stringContaining('is gone now') });
  expect(credentialFiles()).toHaveLength(1);
  expect(await home.json('auth status -p production', { env })).toMatchObject({ authenticated: true });
  expect((await rename()).code).toBe(3);
});

test('rename takes the credential along, and remove takes it away', async () => {
  await login('--store file');
  expect(await home.keys('profile rename prod production', { env: fileStore() })).toMatchObject({ code: 0 });
  expect(credentialFiles()).toEqual([expect.stringMatching(/^production-/)]);
  expect(await home.json('auth status', { env: fileStore() })).toMatchObject({
    profile: 'production',
    authenticated: true,
  });

  expect(await home.keys('profile remove production')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('--yes'),
  });
  const no = { terminal: true, answers: [{ asked: 'Remove profile production', answer: false }] };
  expect(await home.keys('profile remove production', no)).toMatchObject({ code: 130 });
  expect(credentialFiles()).toHaveLength(1);
  expect(await home.keys('profile remove production --yes')).toMatchObject({ code: 0 });
  expect([credentialFiles(), config()]).toEqual([[], expect.not.stringContaining('production')]);
});

test('remove --keep-credential asks nothing and leaves the credential', async () => {
  await login('--store file');
  expect(await home.keys('profile remove prod --keep-credential')).toMatchObject({ code: 0 });
  expect(credentialFiles()).toHaveLength(1);
});
