import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import type { Identity } from '../../src/keys.ts';
import { type Intent, openJournal } from '../../src/operations/journal.ts';
import { type ListeningService, listeningService } from '../fakes/server.ts';
import { canMount, smallDisk } from '../fakes/small-disk.ts';
import { type Home, newHome, type Setup } from '../run.ts';

let home: Home;
let service: ListeningService;
let mine: { id: string; secret: string };

beforeEach(async () => {
  home = newHome();
  service = await listeningService();
  mine = await service.mint({ name: 'laptop', roles: ['admin'] });
});

/** The passphrase of the file store. */
function env(): NonNullable<Setup['env']> {
  const path = join(home.path, 'passphrase');
  writeFileSync(path, 'correct horse\n', { mode: 0o600 });
  return { KEYS_PASSPHRASE_FILE: path };
}

async function login(profile = 'prod', { url } = service, { secret } = mine): Promise<void> {
  const argv = ['auth', 'login', '-p', profile, '--url', url, '--with-token', '--store', 'file'];
  const { code, stderr } = await home.keys(argv, { stdin: `${secret}\n`, env: env() });
  expect({ code, stderr }).toMatchObject({ code: 0 });
}

const status = () => home.json<{ authenticated: boolean; identity: Identity }>('auth status', { env: env() });

async function valid(secret: string): Promise<boolean> {
  const { body } = await service.ask('POST /v1/verify', { body: { secret } });
  return (body as { valid: boolean }).valid;
}

test('rotate --self swaps the credential in its store; the old one is dead, and nothing is printed', async () => {
  await login();
  const { code, stdout, stderr } = await home.keys('rotate --self -y', { env: env() });
  expect({ code, stdout, stderr }).toMatchObject({ code: 0, stdout: '' });
  expect(stderr).toContain('profile prod works with the new secret of laptop');
  expect(await valid(mine.secret)).toBe(false);
  expect(await status()).toMatchObject({ authenticated: true, identity: { id: mine.id } });
  expect(await home.json('recover', { env: env() })).toEqual([]);
});

test('rotate --self --grace leaves the old credential working for others meanwhile', async () => {
  await login();
  expect((await home.keys('rotate --self -y --grace 1h', { env: env() })).code).toBe(0);
  expect(await valid(mine.secret)).toBe(true);
  expect(await status()).toMatchObject({ authenticated: true });
});

test('rotate --self with a check that fails leaves a credential that works', async () => {
  await login();
  const { code } = await home.keys('rotate --self -y --check /bin/false', { env: env() });
  expect(code).toBe(1);
  expect(await valid(mine.secret)).toBe(true);
  expect(await status()).toMatchObject({ authenticated: true });
});

test.runIf(canMount)(
  'rotate --self with a store that cannot be written asks for no new secret: exit 11',
  async () => {
    const disk = smallDisk(64);
    const there = { env: { ...env(), KEYS_DATA_DIR: disk.path } };
    const argv = ['auth', 'login', '-p', 'prod', '--url', service.url, '--with-token', '--store', 'file'];
    expect(await home.keys(argv, { ...there, stdin: mine.secret })).toMatchObject({ code: 0 });
    disk.fill();
    const { code, stderr } = await home.keys('rotate --self -y', there);
    expect({ code, stderr }).toMatchObject({ code: 11, stderr: expect.stringContaining('cannot write') });
    expect(await home.json('recover', there)).toEqual([]);
    expect(await home.json('auth status', there)).toMatchObject({ authenticated: true });
  },
);

test('the new secret of an interrupted rotate --self is not kept for another service, which would be sent it', async () => {
  await login();
  const journal = openJournal(join(home.path, 'state'), new AbortController().signal);
  const intent: Intent = {
    ...{ command: 'rotate', profile: 'prod', origin: service.url, destinations: ['credential:prod'] },
    ...{ request: { kind: 'overlap', id: mine.id, version: null }, key: { id: mine.id, name: 'laptop' } },
    ...{ force: false, graceMs: 0, check: null, startedAt: new Date().toISOString() },
  };
  await journal.begin(intent, () => Promise.reject(new Error('cut'))).catch(() => {});
  const { id } = (await journal.list()).operations[0] ?? {};
  const elsewhere = await listeningService();
  const other = await elsewhere.mint({ name: 'other', roles: ['admin'] });
  await login('prod', elsewhere, other);
  await login('old');
  const { code, stderr } = await home.keys(`recover ${id} -p old`, { env: env() });
  expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringContaining('--undo') });
  expect(await status()).toMatchObject({ identity: { id: other.id } });
  expect(await home.keys(`recover ${id} -p old --undo`, { env: env() })).toMatchObject({ code: 0 });
  expect(await valid(mine.secret)).toBe(true);
});

test('a no is exit 130, and the credential is the same', async () => {
  await login();
  const answers = [{ asked: 'Exchange the credential of profile prod', answer: false }];
  expect((await home.keys('rotate --self', { env: env(), answers })).code).toBe(130);
  expect(await valid(mine.secret)).toBe(true);
});

test.each([
  ['other keys', ['laptop']],
  ['--to', ['--to', 'stdout']],
  ['--discard', ['--discard']],
])('rotate --self with %s is exit 2', async (_what, more) => {
  await login();
  expect((await home.keys(['rotate', '--self', '-y', ...more], { env: env() })).code).toBe(2);
});

test('a credential from a variable is not in a store that could be changed: exit 2 with what to type', async () => {
  const given = { KEYS_URL: service.url, KEYS_TOKEN: mine.secret };
  const { code, stderr } = await home.keys('rotate --self -y', { env: given });
  expect(code).toBe(2);
  expect(stderr).toContain('comes from KEYS_TOKEN');
  expect(await valid(mine.secret)).toBe(true);
});

test('the embedded service works without a credential: exit 6', async () => {
  expect((await home.keys('rotate --self -y')).code).toBe(6);
});

test('revoke of the key that the command works with needs --yes-this-is-me', async () => {
  await login();
  const { code, stderr } = await home.keys('revoke laptop -y', { env: env() });
  expect(code).toBe(5);
  expect(stderr).toContain('--yes-this-is-me');
  expect(await valid(mine.secret)).toBe(true);
  expect((await home.keys('revoke laptop -y --yes-this-is-me', { env: env() })).code).toBe(0);
  expect(await valid(mine.secret)).toBe(false);
});

test('disable of the key that the command works with, and other roles for it, exit 5: it could not undo them', async () => {
  await login();
  for (const argv of ['disable laptop', 'edit laptop --role viewer', 'edit laptop --no-permissions'])
    expect((await home.keys(argv, { env: env() })).code, argv).toBe(5);
  expect(await status()).toMatchObject({ authenticated: true, identity: { roles: ['admin'] } });
  await service.mint({ name: 'other' });
  for (const argv of ['disable other', 'edit laptop --description mine', 'edit other --role viewer'])
    expect((await home.keys(argv, { env: env() })).code, argv).toBe(0);
});

test('revoke of several keys with the own one among them revokes none', async () => {
  await login();
  const other = await service.mint({ name: 'other' });
  expect((await home.keys('revoke other laptop -y', { env: env() })).code).toBe(5);
  expect(await valid(other.secret)).toBe(true);
});
