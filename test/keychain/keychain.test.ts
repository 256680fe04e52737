import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import type { Env } from '../../src/env.ts';
import { Secret } from '../../src/secret.ts';
import { listeningService } from '../fakes/server.ts';
import { json, type ScriptedService, scriptedService } from '../fakes/wire.ts';
import { type Home, newHome, type Result } from '../run.ts';
import { built, holdsText, homeEnvironment, missingPrograms, startDeafBus, startSession } from './session.ts';

const secret = 'keys_aCredentialForTheKeychain';
const identity = { id: 'key_1', name: 'laptop', owner: 'alice', namespace: 'default', roles: ['owner'] };
const why = missingPrograms();

let home: Home;
let service: ScriptedService;
beforeEach(async () => {
  home = newHome();
  service = await scriptedService((response, asked) => {
    if (asked.headers.authorization === `Bearer ${secret}`) {
      const body = asked.url === '/v1/whoami' ? identity : { keys: [], nextCursor: null };
      return json(200, body)(response, asked);
    }
    json(401, { code: 'unauthenticated', detail: 'this takes the secret of a key' })(response, asked);
  });
});

type Run = (words: string, env: Env, stdin?: string) => Promise<Result>;
const ways: [string, Run][] = [
  ['in this process', (words, env, stdin) => home.keys(words, { env, stdin })],
  ['as the built command', (words, env, stdin) => built(words.split(' '), env, stdin)],
];

function loginWords(): string {
  return `auth login -p prod --url ${service.url} --with-token`;
}

function config(): string {
  const path = join(home.path, 'config', 'config.yaml');
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
}

/** Exit 11 within 3.5 seconds, with words that help, and the secret nowhere on the disk. */
async function expectUnavailable(run: Run, words: string, env: Env, stdin?: string): Promise<void> {
  const start = performance.now();
  const { code, stdout, stderr } = await run(words, env, stdin);
  const seconds = (performance.now() - start) / 1_000;
  expect({ code, stdout, stderr }).toEqual({
    code: 11,
    stdout: '',
    stderr: expect.stringContaining('keychain'),
  });
  expect(stderr).toMatch(/^hint: .*(--store file|keys auth login)/m);
  expect(stderr).not.toContain(secret);
  expect(seconds).toBeLessThan(3.5);
  expect(holdsText(home, secret)).toBe(false);
}

describe.skipIf(why)(`a real gnome-keyring${why ? ` (${why})` : ''}`, () => {
  test.each(ways)('unlocked: login, use, status and logout work, %s', async (_way, run) => {
    const { env } = await startSession(home, 'unlocked');
    const login = await run(loginWords(), env, `${secret}\n`);
    expect(login).toMatchObject({ code: 0, stdout: '', stderr: expect.stringContaining('in the keychain') });
    expect(config()).toContain('store: keychain');
    expect(await run('list -o json', env)).toMatchObject({ code: 0, stdout: '[]\n' });
    const status = await run('auth status -o json', env);
    expect(JSON.parse(status.stdout)).toEqual({
      profile: 'prod',
      url: service.url,
      driver: 'keys',
      store: 'keychain',
      source: 'keychain',
      authenticated: true,
      identity,
    });
    expect(holdsText(home, secret)).toBe(false);

    expect(await run('auth logout', env)).toMatchObject({ code: 0 });
    expect(await run('auth logout', env)).toMatchObject({ code: 0 });
    expect(await run('auth status', env)).toMatchObject({ code: 4 });
    const left = spawnSync('secret-tool', ['search', '--all', 'service', 'keys'], { env, encoding: 'utf8' });
    expect(left.stdout).toBe('');
  });

  test.each(ways)('a session in it ends at the service with logout, %s', async (_way, run) => {
    const { url, admin, ask } = await listeningService();
    await admin.users.create({ name: 'erin', password: new Secret('correct horse battery') });
    const { env } = await startSession(home, 'unlocked');
    const login = `auth login -p prod --url ${url} --user erin --password-file -`;
    expect(await run(login, env, 'correct horse battery\n')).toMatchObject({ code: 0 });
    const attributes = ['service', 'keys', 'username', `prod@${url}`];
    const lookup = () =>
      spawnSync('secret-tool', ['lookup', ...attributes], { env, encoding: 'utf8' }).stdout;
    const { accessToken, refreshToken } = JSON.parse(lookup()) as Record<string, string>;
    expect(await ask('GET /v1/whoami', { secret: accessToken })).toMatchObject({ status: 200 });

    const { code, stderr } = await run('auth logout', env);
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining('its session has ended') });
    expect(lookup()).toBe('');
    expect(await ask('GET /v1/whoami', { secret: accessToken })).toMatchObject({ status: 401 });
    const refresh = { secret: null, body: { refreshToken } };
    expect(await ask('POST /v1/sessions/refresh', refresh)).toMatchObject({ status: 401 });
  });

  test('an entry that cannot be read is removed all the same', async () => {
    const { env } = await startSession(home, 'unlocked');
    await home.keys(loginWords(), { env, stdin: secret });
    const attributes = ['service', 'keys', 'username', `prod@${service.url}`];
    const label = `keyring:prod@${service.url}@keys`;
    const input = Buffer.from([0xff, 0xfe, 0xfd]);
    spawnSync('secret-tool', ['store', '--label', label, ...attributes], { env, input });
    expect(await home.keys('list', { env })).toMatchObject({ code: 11 });
    expect(await home.keys('auth logout', { env })).toMatchObject({ code: 0 });
    const left = spawnSync('secret-tool', ['search', '--all', 'service', 'keys'], { env, encoding: 'utf8' });
    expect(left.stdout).toBe('');
  });

  test('the entry is named after the profile and the full origin', async () => {
    const { env } = await startSession(home, 'unlocked');
    await home.keys(loginWords(), { env, stdin: secret });
    const attributes = ['service', 'keys', 'username', `prod@${service.url}`];
    const found = spawnSync('secret-tool', ['lookup', ...attributes], { env, encoding: 'utf8' });
    expect(found.stdout).toBe(secret);
  });

  test('a credential that the service refuses is not kept: exit 4', async () => {
    const { env } = await startSession(home, 'unlocked');
    expect(await home.keys(loginWords(), { env, stdin: 'keys_bad' })).toMatchObject({ code: 4 });
    const left = spawnSync('secret-tool', ['search', '--all', 'service', 'keys'], { env, encoding: 'utf8' });
    expect([left.stdout, config()]).toEqual(['', '']);
  });

  test.each(ways)('an entry that has vanished exits 11, %s', async (_way, run) => {
    const { env } = await startSession(home, 'unlocked');
    await run(loginWords(), env, secret);
    spawnSync('secret-tool', ['clear', 'service', 'keys'], { env });
    await expectUnavailable(run, 'list', env);
    await expectUnavailable(run, 'auth status', env);
  });

  test('an entry that was altered into something unusable exits 11 and is not repeated', async () => {
    const { env } = await startSession(home, 'unlocked');
    await home.keys(loginWords(), { env, stdin: secret });
    const attributes = ['service', 'keys', 'username', `prod@${service.url}`];
    const label = `keyring:prod@${service.url}@keys`;
    spawnSync('secret-tool', ['store', '--label', label, ...attributes], { env, input: `${secret}\n\u0007` });
    await expectUnavailable(ways[0]![1], 'list', env);
  });

  test.each(ways)('locked: login and use exit 11, %s', async (_way, run) => {
    const before = await startSession(home, 'unlocked');
    expect(await run(loginWords(), before.env, secret)).toMatchObject({ code: 0 });
    await before.end();
    const { env } = await startSession(home, 'locked');
    const configBefore = config();
    await expectUnavailable(run, 'list', env);
    await expectUnavailable(run, loginWords(), env, secret);
    await expectUnavailable(run, `${loginWords()} -p second`, env, secret);
    await expectUnavailable(run, 'auth logout', env);
    expect(config()).toBe(configBefore);
  });

  test.each(ways)('a session without a keyring service: login exits 11, %s', async (_way, run) => {
    const { env } = await startSession(home, 'none');
    await expectUnavailable(run, loginWords(), env, secret);
    expect(config()).toBe('');
  });

  test('a value that is too long for a keychain is refused before it is sent there', async () => {
    const { env } = await startSession(home, 'unlocked');
    const long = `keys_${'x'.repeat(1_275)}`;
    const free = await scriptedService(json(200, identity));
    const words = `auth login -p prod --url ${free.url} --with-token`;
    expect(await home.keys(words, { env, stdin: long })).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--store file'),
    });
    expect(await home.keys(words, { env, stdin: long.slice(1) })).toMatchObject({ code: 0 });
  });
});

test.each(ways)('no D-Bus: login exits 11, %s', async (_way, run) => {
  await expectUnavailable(run, loginWords(), homeEnvironment(home), secret);
  expect([config(), service.asked]).toEqual(['', []]);
});

test('what something else prints in the process that asks is no answer, and is not repeated: exit 11', async () => {
  await home.keys(['profile', 'add', 'work', '--url', service.url]);
  writeFileSync(join(home.path, 'config', 'config.yaml'), `${config()}    store: keychain\n`);
  const noisy = join(home.path, 'noisy.cjs');
  writeFileSync(noisy, "console.log('a preload')");
  const env = { ...homeEnvironment(home), NODE_OPTIONS: `--require=${noisy}` };
  const { code, stderr } = await home.keys('list -p work', { env });
  expect({ code, stderr }).toEqual({ code: 11, stderr: expect.stringContaining('what is no answer') });
  expect(stderr).not.toContain('preload');
});

test.each(ways)('a D-Bus that never answers: login, use and logout exit 11, %s', async (_way, run) => {
  const env = await startDeafBus(home);
  await expectUnavailable(run, loginWords(), env, secret);
  expect(config()).toBe('');
  await home.keys(['profile', 'add', 'hung', '--url', service.url]);
  const path = join(home.path, 'config', 'config.yaml');

  writeFileSync(path, `${config()}    store: keychain\n`);
  await expectUnavailable(run, 'list -p hung', env);
  await expectUnavailable(run, 'auth logout -p hung', env);
});
