/** A user's login with a password: a session that is kept, renewed while it is used, and never the password itself. */
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Secret } from '../../../src/secret.ts';
import { listeningService } from '../../fakes/server.ts';
import { canMount, smallDisk } from '../../fakes/small-disk.ts';
import { newHome, type Setup } from '../../run.ts';

const password = 'correct horse battery';

/** A home and a service with `erin`, who owns the namespace `team`; `late` is a clock shortly before the access token ends. */
async function erinsHome() {
  const { admin, url } = await listeningService();
  await admin.namespaces.create({ name: 'team' });
  const memberships = [{ namespace: 'team', role: 'owner' }];
  await admin.users.create({ name: 'erin', password: new Secret(password), memberships });
  const home = newHome();
  const file = (name: string, content: string) => {
    const path = join(home.path, name);
    writeFileSync(path, content);
    return path;
  };
  const env = { KEYS_PASSPHRASE_FILE: file('passphrase', 'a passphrase\n') };
  const keys = (argv: string, setup: Setup = {}) => home.keys(argv, { env, ...setup });
  const login = `auth login -p work --url ${url} --store file --user erin`;
  const late = () => ({ now: Date.now() + 14.5 * 60_000 });
  return { admin, home, keys, login, late, passwordFile: file('password', `${password}\n`) };
}

test('auth login --user takes the password from a terminal, a file or a pipe, and works as that user from then on', async () => {
  const { keys, login, passwordFile, home } = await erinsHome();
  const terminal = { terminal: true, answers: [{ asked: 'Password:', answer: password }] };
  for (const [argv, setup] of [
    [login, terminal],
    [`${login} --password-file ${passwordFile}`, {}],
    [`${login} --password-file -`, { stdin: `${password}\n` }],
  ] as const) {
    expect(await keys(argv, setup)).toMatchObject({ code: 0, stderr: expect.stringContaining('erin') });
  }
  const status = await keys('auth status --json');
  expect(JSON.parse(status.stdout)).toMatchObject({
    store: 'file',
    identity: { name: 'erin', owner: 'erin' },
  });
  expect((await keys('create demo --role viewer -n team -q')).code).toBe(0);
  const traced = await keys('list -n team --debug');
  expect(traced.stdout).toContain('demo');
  expect(traced.stderr).not.toMatch(/keys[sr]_/);
  const kept = readdirSync(home.path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name !== 'password')
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'utf8'));
  expect(kept.join()).not.toMatch(/correct horse|keys[sr]_/);
});

test.each(['list -n team', 'auth status'])(
  'an access token that is about to end is renewed, by one of two commands at once, and the session goes on: %s',
  async (command) => {
    const { keys, login, passwordFile, late, admin } = await erinsHome();
    expect((await keys(`${login} --password-file ${passwordFile}`)).code).toBe(0);
    const twice = await Promise.all([keys(command, late()), keys(command, late())]);
    expect(twice).toMatchObject([
      { code: 0, stderr: '' },
      { code: 0, stderr: '' },
    ]);
    const { entries } = await admin.audit.list({ action: 'session.renew' });
    expect(entries.length).toBeGreaterThan(0);
    expect((await admin.audit.list({ action: 'session.reuse' })).entries).toEqual([]);
    expect((await keys('list -n team')).code).toBe(0);
  },
);

test('whoever types the passphrase of a session types it once, also when the session is renewed', async () => {
  const { keys, login, passwordFile, late, admin } = await erinsHome();
  expect((await keys(`${login} --password-file ${passwordFile}`)).code).toBe(0);
  const answers = [{ asked: 'Passphrase of the credential file:', answer: 'a passphrase' }];
  const typed = await keys('list -n team', { env: {}, terminal: true, answers, ...late() });
  expect(typed).toMatchObject({ code: 0 });
  expect((await admin.audit.list({ action: 'session.renew' })).entries).toHaveLength(1);
  expect((await keys('list -n team')).code).toBe(0);
});

test('a state directory that cannot hold the lock of a renewal exits 2, and the session goes on', async () => {
  const { keys, login, passwordFile, late, home } = await erinsHome();
  expect((await keys(`${login} --password-file ${passwordFile}`)).code).toBe(0);
  const env = { KEYS_PASSPHRASE_FILE: join(home.path, 'passphrase'), KEYS_STATE_DIR: passwordFile };
  expect(await keys('list -n team', { env, ...late() })).toMatchObject({
    ...{ code: 2, stdout: '', stderr: expect.stringMatching(/cannot lock .*\nhint: .*KEYS_STATE_DIR/) },
  });
  expect((await keys('list -n team')).code).toBe(0);
});

test.runIf(canMount)(
  'a full disk that could not hold what a session is renewed to exits 11, and the session goes on',
  async () => {
    const { keys, login, passwordFile, late, home } = await erinsHome();
    const disk = smallDisk(128);
    const env = {
      KEYS_PASSPHRASE_FILE: join(home.path, 'passphrase'),
      KEYS_DATA_DIR: join(disk.path, 'data'),
    };
    expect((await keys(`${login} --password-file ${passwordFile}`, { env })).code).toBe(0);
    disk.fill();
    expect(await keys('list -n team', { env, ...late() })).toMatchObject({
      ...{ code: 11, stdout: '', stderr: expect.stringContaining('no space left') },
    });
    for (const name of readdirSync(disk.path)) if (name !== 'data') rmSync(join(disk.path, name));
    expect((await keys('list -n team', { env, ...late() })).code).toBe(0);
  },
);

test('a login that has ended exits 4 and says how to log in again', async () => {
  const { keys, login, passwordFile, admin } = await erinsHome();
  expect((await keys(`${login} --password-file ${passwordFile}`)).code).toBe(0);
  await admin.users.disable('erin');
  expect(await keys('list -n team')).toEqual({
    ...{ code: 4, stdout: '' },
    stderr: 'keys: this login has ended\nhint: keys auth login -p work --user <name>\n',
  });
});

test('a wrong password exits 4 and keeps nothing; what cannot be a login exits 2', async () => {
  const { keys, login, passwordFile } = await erinsHome();
  expect(await keys(`${login} --password-file -`, { stdin: 'not-the-password\n' })).toMatchObject({
    ...{ code: 4, stderr: expect.stringContaining('the user or the password is wrong') },
  });
  expect((await keys('profile list -o name')).stdout).toBe('local\n');
  for (const argv of [
    login,
    `${login} --with-token`,
    `${login.replace('file', 'none')} --password-file ${passwordFile}`,
    `${login.replace(' --user erin', '')} --password-file ${passwordFile}`,
  ]) {
    expect((await keys(argv)).code).toBe(2);
  }
  const foreign = await keys(`${login} --driver ververica --password-file ${passwordFile}`);
  expect(foreign).toMatchObject({ code: 6, stderr: expect.stringContaining('takes no --user') });
});
