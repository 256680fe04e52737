import { describe, expect, test } from 'vitest';
import type { Key, Verification } from '../../src/keys.ts';
import { type Home, newHome } from '../run.ts';

async function minted(): Promise<{ home: Home; secret: string; key: Key }> {
  const home = newHome();
  return { home, ...(await home.json<{ secret: string; key: Key }>('create demo')) };
}

test('a good secret exits 0 and shows its key', async () => {
  const { home, secret, key } = await minted();
  const found = await home.json<Verification>('verify', { stdin: `${secret}\n` });
  expect(found).toMatchObject({ valid: true, reason: null, key: { id: key.id } });
});

describe('a secret that is not good exits 9, with the reason', () => {
  test.each([
    ['disable demo', 'disabled'],
    ['revoke demo -y', 'revoked'],
  ])('after %s', async (argv, reason) => {
    const { home, secret } = await minted();
    await home.keys(argv);
    const found = await home.json<Verification>('verify', { stdin: secret, code: 9 });
    expect(found).toMatchObject({ valid: false, reason, key: { name: 'demo' } });
  });

  test('after its expiry', async () => {
    const home = newHome();
    const { stdout } = await home.keys('create demo -q --expires 1d');
    const later = Date.now() + 2 * 86_400_000;
    const found = await home.json<Verification>('verify', { stdin: stdout, now: later, code: 9 });
    expect(found.reason).toBe('expired');
  });

  test('the old one after regenerate', async () => {
    const { home, secret } = await minted();
    const { stdout } = await home.keys('regenerate demo -y -q');
    expect((await home.keys('verify', { stdin: secret })).code).toBe(9);
    expect((await home.keys('verify', { stdin: stdout })).code).toBe(0);
  });

  test('the old one works during the grace of a regenerate', async () => {
    const { home, secret } = await minted();
    await home.keys('regenerate demo -y -q --grace 1h');
    expect((await home.keys('verify', { stdin: secret })).code).toBe(0);
    const later = Date.now() + 2 * 3_600_000;
    expect((await home.keys('verify', { stdin: secret, now: later })).code).toBe(9);
  });

  test('one that was never issued', async () => {
    const found = await newHome().json<Verification>('verify', { stdin: 'nonsense', code: 9 });
    expect(found).toEqual({ valid: false, reason: 'unknown', key: null });
  });
});

test('a terminal asks for the secret, hidden, and answers in words', async () => {
  const { home, secret, key } = await minted();
  const terminal = { terminal: true, answers: [{ asked: 'Secret', answer: secret }] };
  const { code, stdout } = await home.keys('verify', terminal);
  expect({ code, stdout }).toEqual({ code: 0, stdout: `valid: demo (${key.id}), never expires\n` });
  await home.keys('disable demo');
  const refused = await home.keys('verify', terminal);
  expect(refused).toEqual({
    code: 9,
    stdout: '',
    stderr: `keys: the secret is not valid: its key demo (${key.id}) is disabled\n`,
  });
});

test('a pipe gets one line of tabs', async () => {
  const { home, secret, key } = await minted();
  expect((await home.keys('verify', { stdin: secret })).stdout).toBe(`true\t\t${key.id}\tdemo\n`);
  expect((await home.keys('verify', { stdin: 'x' })).stdout).toBe('false\tunknown\t\t\n');
});

test.each([
  ['nothing on standard input', ''],
  ['two lines on standard input', 'one\ntwo\n'],
])('%s exits 2', async (_case, stdin) => {
  expect((await newHome().keys('verify', { stdin })).code).toBe(2);
});

test('a secret as an argument is refused with the reason, and not repeated', async () => {
  const { home, secret } = await minted();
  for (const argv of [`verify ${secret}`, `verify ${secret} --debug`, `verify ${secret} -o json`]) {
    const { code, stdout, stderr } = await home.keys(argv);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain('a secret is never an argument');
    expect(stderr).not.toContain(secret);
  }
});

test('a terminal with --no-input exits 2', async () => {
  const { code } = await newHome().keys('verify --no-input', { terminal: true });
  expect(code).toBe(2);
});

test('verify of a secret that was replaced does not call its key revoked', async () => {
  const home = newHome();
  const { stdout: old } = await home.keys('create demo -q');
  await home.keys('regenerate demo -y -q');
  const { code, stderr } = await home.keys('verify', { stdin: old });
  expect(code).toBe(9);
  expect(stderr).toMatch(/it has been replaced; its key is demo \(key_/);
});

test('blanks around a secret that was pasted are not part of it', async () => {
  const { home, secret } = await minted();
  const answers = [{ asked: 'Secret', answer: `  ${secret} ` }];
  expect((await home.keys('verify', { terminal: true, answers })).code).toBe(0);
  const two = [{ asked: 'Secret', answer: `${secret} ${secret}` }];
  expect(await home.keys('verify', { terminal: true, answers: two })).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('a space'),
  });
});
