import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Secret } from '../../src/secret.ts';
import { parseMasterKeys } from '../../src/service/master-keys.ts';
import { machineAdmin } from '../fakes/key-service.ts';
import { listeningService } from '../fakes/server.ts';
import { fakeKey, fakeService } from '../fakes/service.ts';
import { newHome } from '../run.ts';

const password = 'correct horse battery staple';

/** A home that works on a real service as ann: with an API key of hers, or with her session. */
async function homeOfAnn(credential: 'key' | 'session') {
  const masterKeys = parseMasterKeys(randomBytes(32).toString('base64'), 'the test');
  const { admin, service, url } = await listeningService({ masterKeys });
  await admin.namespaces.create({ name: 'open', recoverable: true });
  await admin.users.edit('ann', { password: new Secret(password) });
  await admin.users.join('ann', { namespace: 'open', role: 'owner' });
  const own = await admin.create({ name: 'ann-cli', namespace: 'open', owner: 'ann' });
  const context = { address: null, requestId: null };
  const token =
    credential === 'key'
      ? own.secret
      : (await service.sessions.open('ann', new Secret(password), context)).accessToken;
  const home = newHome();
  const env = { KEYS_URL: url, KEYS_DRIVER: 'keys', KEYS_TOKEN: token.reveal(), KEYS_NAMESPACE: 'open' };
  const keys = (argv: string, setup = {}) => home.keys(argv, { env, ...setup });
  return { home, keys, service };
}

for (const credential of ['key', 'session'] as const) {
  test(`reveal shows the secret once more after the password, logged in with a ${credential}`, async () => {
    const { keys, service } = await homeOfAnn(credential);
    const made = await keys('create demo --role viewer --recoverable -q');
    expect(made).toMatchObject({ code: 0, stderr: '' });
    const terminal = { terminal: true, answers: [{ asked: 'Your password', answer: password }] };
    const shown = await keys('reveal demo', terminal);
    expect(shown).toMatchObject({ code: 0, stdout: made.stdout });
    expect(shown.stderr).not.toContain(made.stdout.trim());
    const piped = await keys('reveal demo --with-password -o json', { stdin: `${password}\n` });
    expect(JSON.parse(piped.stdout)).toMatchObject({
      key: { name: 'demo', recoverable: true },
      secret: made.stdout.trim(),
      destinations: ['stdout'],
    });
    const traced = await keys('reveal demo --with-password --debug --to stdout', { stdin: password });
    expect(traced.stderr).not.toContain(password);
    expect(traced.stderr).not.toContain(made.stdout.trim());
    expect(traced.stderr).toContain('/v1/sessions/step-up');
    // A session that was opened for it is ended; only its own is left.
    const { entries } = await service.as(machineAdmin).audit.list({ action: 'logout' });
    expect(entries).toHaveLength(credential === 'key' ? 3 : 0);
  });
}

test('reveal delivers to a file, and prints nothing but where', async () => {
  const { keys, home } = await homeOfAnn('session');
  const { stdout } = await keys('create demo --role viewer --recoverable -q');
  const path = join(home.path, 'demo.secret');
  const {
    code,
    stdout: printed,
    stderr,
  } = await keys(`reveal demo --with-password --to file:${path}`, {
    stdin: password,
  });
  expect({ code, printed }).toEqual({ code: 0, printed: '' });
  expect(stderr).toContain(`is at file:${path}`);
  expect(readFileSync(path, 'utf8').trim()).toBe(stdout.trim());
});

test('a wrong password exits 4 and shows nothing', async () => {
  const { keys } = await homeOfAnn('session');
  await keys('create demo --role viewer --recoverable -q');
  expect(await keys('reveal demo --with-password', { stdin: 'wrong' })).toMatchObject({
    code: 4,
    stdout: '',
  });
});

test('a key that was not created recoverable exits 6, before any password is asked for', async () => {
  const { keys } = await homeOfAnn('session');
  await keys('create plain --role viewer -q');
  const { code, stdout, stderr } = await keys('reveal plain', { terminal: true });
  expect({ code, stdout }).toEqual({ code: 6, stdout: '' });
  expect(stderr).toContain('was not created recoverable');
  expect(stderr).toContain('keys rotate key_');
});

test('create --recoverable exits 6 where the namespace does not allow it', async () => {
  const { keys } = await homeOfAnn('session');
  const { code, stderr } = await keys('create demo --recoverable -n default', {});
  expect([code, stderr]).toEqual([
    expect.any(Number),
    expect.stringMatching(/may not create|allows no keys/),
  ]);
});

test('the embedded service reveals nothing and keeps nothing to reveal: exit 6, in its name', async () => {
  const home = newHome();
  await home.keys('create demo -q');
  expect(await home.keys('reveal demo')).toMatchObject({
    code: 6,
    stdout: '',
    stderr: expect.stringContaining('the embedded service cannot show a secret again'),
  });
  expect(await home.keys('create other --recoverable -q')).toMatchObject({ code: 6, stdout: '' });
});

test('without a terminal and without --with-password reveal exits 2 and names it', async () => {
  const service = fakeService([fakeKey({ recoverable: true })], {
    reveal: async () => ({ key: fakeKey(), secret: new Secret('never') }),
  });
  expect(await newHome().keys('reveal demo', { service })).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('--with-password'),
  });
  expect(await newHome().keys('reveal demo --with-password', { service, stdin: '\n' })).toMatchObject({
    code: 2,
  });
});
