/** Who leaves a session ends it at the service, and is rid of it whatever the service says. */
import { cpSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { withLock } from '../../../src/lock.ts';
import { Secret } from '../../../src/secret.ts';
import { listeningService } from '../../fakes/server.ts';
import { json, type Reply, scriptedService } from '../../fakes/wire.ts';
import { type Home, newHome, type Setup } from '../../run.ts';

const password = 'correct horse battery';
const worksThere = 'still works there until it ends: ';
const asEver = 'the secret itself still works until it is revoked or expires';

/** A home with a session in its file store; `copy` has the same one in another place, as a thief would. */
async function erinLoggedIn() {
  const service = await listeningService();
  await service.admin.users.create({ name: 'erin', password: new Secret(password) });
  const home = newHome();
  const passphrase = join(home.path, 'passphrase');
  writeFileSync(passphrase, 'a passphrase\n');
  const env = { KEYS_PASSPHRASE_FILE: passphrase };
  const login = `auth login -p work --url ${service.url} --store file --user erin --password-file -`;
  const begun = await home.keys(login, { env, stdin: `${password}\n` });
  if (begun.code !== 0) throw new Error(begun.stderr);
  const thief = newHome();
  for (const part of ['config', 'data']) {
    cpSync(join(home.path, part), join(thief.path, part), { recursive: true });
  }
  const actions = async () => (await service.admin.audit.list({})).entries.map(({ action }) => action);
  return {
    ...{ ...service, home, actions },
    keys: (argv: string, setup: Setup = {}) => home.keys(argv, { env, ...setup }),
    copy: (argv: string, setup: Setup = {}) => thief.keys(argv, { env, ...setup }),
  };
}

/** When an access token has ended, and a refresh token is what is left. */
function later(): Setup {
  return { now: Date.now() + 60 * 60_000 };
}

function kept(home: Home): string[] {
  const path = join(home.path, 'data', 'credentials');
  return existsSync(path) ? readdirSync(path) : [];
}

test('after logout the service refuses the access token and the refresh token', async () => {
  const { keys, copy, home, actions } = await erinLoggedIn();
  expect(await copy('auth status')).toMatchObject({ code: 0 });
  expect(await keys('auth logout')).toMatchObject({
    ...{ code: 0, stdout: '', stderr: expect.stringContaining('any more; its session has ended\n') },
  });
  expect(await actions()).toContain('logout');
  expect(await copy('list')).toMatchObject({ code: 4, stderr: expect.stringContaining('has ended') });
  expect(await copy('list', later())).toMatchObject({ code: 4 });
  expect(kept(home)).toEqual([]);
});

test('a session whose access token has run out is ended too, and what it was renewed to is not kept', async () => {
  const { keys, copy, home, actions } = await erinLoggedIn();
  const { code, stderr } = await keys('auth logout --debug', later());
  expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining('its session has ended') });
  expect(stderr).not.toMatch(/keys[sr]_/);
  expect(kept(home)).toEqual([]);
  expect(await actions()).toEqual(expect.arrayContaining(['session.renew', 'logout']));
  expect(await copy('list')).toMatchObject({ code: 4 });
});

test('twice is as good as once', async () => {
  const { keys, actions } = await erinLoggedIn();
  expect(await keys('auth logout')).toMatchObject({ code: 0 });
  expect(await keys('auth logout')).toMatchObject({
    ...{ code: 0, stderr: 'profile work has no credential to remove\n' },
  });
  expect((await actions()).filter((action) => action === 'logout')).toHaveLength(1);
});

test('that a session has ended already is no news', async () => {
  const { keys, admin } = await erinLoggedIn();
  await admin.users.disable('erin');
  const { code, stderr } = await keys('auth logout');
  expect([code, stderr.endsWith('; its session has ended\n')]).toEqual([0, true]);
});

test('while the service cannot be reached logout removes the credential, exits 0 and says that the session goes on', async () => {
  const { keys, home, server, url } = await erinLoggedIn();
  server.server.closeAllConnections();
  await server.close();
  const { code, stderr } = await keys('auth logout');
  const note = `${worksThere}cannot reach ${new URL(url).host}: connection refused\n`;
  expect([code, stderr.endsWith(note), kept(home)]).toEqual([0, true, []]);
  expect(await keys('list')).toMatchObject({ code: 4 });
});

const neverAnswers: Reply = () => {};
test.each<[string, Reply, RegExp]>([
  [
    'refuses',
    json(403, { code: 'forbidden', detail: 'not from there' }),
    /still works there.*not from there/,
  ],
  ['is overloaded', json(503, {}, { 'retry-after': '1' }), /may still work there/],
  ['fails', json(502, {}), /may still work there/],
  ['answers nothing', neverAnswers, /may still work there.*within 3/],
])('where the service %s, it is asked once and logout goes on without it', async (_what, reply, said) => {
  const tokens = { accessToken: 'keyss_a', refreshToken: 'keysr_b', expiresAt: '2999-01-01T00:00:00Z' };
  const service = await scriptedService([
    json(201, tokens),
    json(200, { id: null, name: 'erin', owner: 'erin', namespace: null, roles: [] }),
    reply,
  ]);
  const home = newHome();
  const passphrase = join(home.path, 'passphrase');
  writeFileSync(passphrase, 'pw');
  const env = { KEYS_PASSPHRASE_FILE: passphrase };
  const login = `auth login -p work --url ${service.url} --store file --user erin --password-file -`;
  expect(await home.keys(login, { env, stdin: password })).toMatchObject({ code: 0 });

  const { code, stderr } = await home.keys('auth logout', { env });
  expect([code, kept(home)]).toEqual([0, []]);
  expect(stderr).toMatch(said);
  expect(stderr.match(/\n/g)).toHaveLength(1);
  expect(service.asked.at(-1)).toMatchObject({ method: 'DELETE', url: '/v1/sessions/current' });
});

test('the secret of a key still works after logout', async () => {
  const { ask, mint, url, admin } = await listeningService();
  const { secret } = await mint();
  const home = newHome();
  const passphrase = join(home.path, 'passphrase');
  writeFileSync(passphrase, 'pw');
  const env = { KEYS_PASSPHRASE_FILE: passphrase };
  const login = `auth login -p work --url ${url} --store file --with-token`;
  expect(await home.keys(login, { env, stdin: secret })).toMatchObject({ code: 0 });
  expect(await home.keys('auth logout', { env })).toMatchObject({
    ...{ code: 0, stderr: expect.stringContaining(asEver) },
  });
  expect(await admin.audit.list({ action: 'logout' })).toMatchObject({ entries: [] });
  expect(await ask('GET /v1/whoami', { secret })).toMatchObject({ status: 200 });
});

test('the encrypted file without its passphrase, or with a wrong one, is removed without a question', async () => {
  const wrong = join(newHome().path, 'wrong');
  writeFileSync(wrong, 'not the passphrase\n');
  for (const env of [{}, { KEYS_PASSPHRASE_FILE: wrong }, { KEYS_PASSPHRASE_FILE: '' }]) {
    const { home, copy } = await erinLoggedIn();
    const questions: string[] = [];
    const onQuestion = (question: string) => void questions.push(question);
    const { code, stderr } = await home.keys('auth logout', {
      ...{ env, terminal: true, answers: [], onQuestion },
    });
    expect([code, stderr.includes(asEver), kept(home), questions]).toEqual([0, true, [], []]);
    expect(await copy('auth status')).toMatchObject({ code: 0 });
  }
});

test('a profile whose driver is not there any more can be logged out of', async () => {
  const { keys, home } = await erinLoggedIn();
  const path = join(home.path, 'config', 'config.yaml');
  writeFileSync(
    path,
    readFileSync(path, 'utf8').replace(/^( *)driver: .*$/m, '$1driver: /nowhere/driver.mjs'),
  );
  expect(await keys('auth logout')).toMatchObject({ code: 0, stderr: expect.stringContaining(asEver) });
  expect(kept(home)).toEqual([]);
});

test('a profile that is removed takes its session along', async () => {
  const { keys, copy, home } = await erinLoggedIn();
  expect(await keys('profile remove work --yes')).toEqual({
    ...{ code: 0, stdout: '' },
    stderr: 'removed profile work; its session has ended; the current profile is now local\n',
  });
  expect(kept(home)).toEqual([]);
  expect(await copy('list')).toMatchObject({ code: 4 });
});

test('a profile that is removed without its credential leaves the session as it is', async () => {
  const { keys, copy } = await erinLoggedIn();
  const { code, stderr } = await keys('profile remove work --keep-credential --yes');
  expect([code, stderr]).toEqual([0, 'removed profile work; the current profile is now local\n']);
  expect(await copy('list')).toMatchObject({ code: 0 });
});

const again = 'auth login -p work --store file --user erin --password-file -';

test('a second login ends the session that it replaces, and not its own', async () => {
  const { keys, copy } = await erinLoggedIn();
  const { code, stderr } = await keys(again, { stdin: `${password}\n` });
  expect({ code, stderr }).toEqual({
    code: 0,
    stderr: expect.stringContaining('the former login of work: its session has ended\n'),
  });
  expect(await copy('list')).toMatchObject({ code: 4 });
  expect(await keys('list')).toMatchObject({ code: 0 });
});

test('a login waits for a command that renews the one before, which would be put back: exit 7, and nothing is replaced', async () => {
  const { keys, home, url } = await erinLoggedIn();
  const [path = ''] = kept(home).map((name) => join(home.path, 'data', 'credentials', name));
  const before = readFileSync(path, 'utf8');
  const again = `auth login -p work --url ${url} --user erin --password-file -`;
  const renewal = join(home.path, 'state', 'renewal.lock');
  await withLock(renewal, { signal: new AbortController().signal }, async () => {
    const refused = await keys(`${again} --timeout 2s`, { stdin: password });
    expect(refused).toMatchObject({ code: 7, stderr: expect.stringContaining('renewal.lock locked') });
  });
  expect(readFileSync(path, 'utf8')).toBe(before);
  expect(await keys(again, { stdin: password })).toMatchObject({ code: 0 });
});

test('a login that fails leaves the session that was', async () => {
  const { keys } = await erinLoggedIn();
  expect(await keys(again, { stdin: 'a wrong password\n' })).toMatchObject({ code: 4 });
  expect(await keys('list')).toMatchObject({ code: 0 });
});

test('a login that keeps its credential elsewhere ends the session that was', async () => {
  const { keys, copy, home, mint } = await erinLoggedIn();
  const file = join(home.path, 'secret');
  writeFileSync(file, (await mint()).secret);
  const { code, stderr } = await keys(`auth login -p work --credential-command -- cat ${file}`);
  expect({ code, stderr }).toEqual({
    code: 0,
    stderr: expect.stringContaining('the former login of work: its session has ended\n'),
  });
  expect(kept(home)).toEqual([]);
  expect(await copy('list')).toMatchObject({ code: 4 });
  expect(await keys('list')).toMatchObject({ code: 0 });
});

test('a login that replaces the secret of a key says nothing of it', async () => {
  const { keys, mint, ask } = await erinLoggedIn();
  const { secret } = await mint();
  const withToken = 'auth login -p work --store file --with-token';
  expect(await keys(withToken, { stdin: secret })).toMatchObject({ code: 0 });
  const { code, stderr } = await keys(withToken, { stdin: (await mint({ name: 'other' })).secret });
  expect([code, stderr.includes('former')]).toEqual([0, false]);
  expect(await ask('GET /v1/whoami', { secret })).toMatchObject({ status: 200 });
});
