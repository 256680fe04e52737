import { chmodSync, chownSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { unescape as decoded } from 'node:querystring';
import { expect, test } from 'vitest';
import { withPassword } from '../../../src/service/postgres-password.ts';
import { refuses } from '../../contracts/refuses.ts';
import { temporaryDirectory } from '../../fakes/temporary.ts';

function passwordFile(content: string, mode = 0o600): string {
  const directory = temporaryDirectory();
  const path = join(directory, '.pgpass');
  writeFileSync(path, content);
  chmodSync(path, mode);
  return path;
}

const file = [
  '# comment',
  '',
  'too:few',
  'db.example.com:5432:keys:ann:exact',
  'db.example.com:*:keys:*:any user',
  'localhost:5433:o\\:dd:a\\\\b:p\\:a\\\\s s@/%?&+',
  '/run/db:5434:keys:ann:socket',
  '\\:\\:1:5432:keys:ann:over IPv6',
  'db.example.com:5435:dd:carl:of the environment\r',
  'localhost:5432:own:own:by default',
  '*:*:50%:50%:percent',
  '*:*:keys:keys:fallback',
].join('\n');

test.each([
  ['postgres://ann@db.example.com/keys', 'exact'],
  ['postgres://bob@db.example.com:6432/keys?sslmode=verify-full', 'any user'],
  ['postgres://a%5Cb@localhost:5433/o%3Add', 'p:a\\s s@/%?&+'],
  ['postgres:///keys?host=/run/db&port=5434&user=ann', 'socket'],
  ['postgres://ann@%2Frun%2Fdb:5434/keys', 'socket'],
  ['postgres://ann@[::1]/keys', 'over IPv6'],
  ['postgres://50%@127.0.0.1/50%', 'percent'],
  ['postgres://keys@127.0.0.1/keys', 'fallback'],
])('the password of %s is the first that fits in the file', async (address, password) => {
  const found = new URL(await withPassword(address, { PGPASSFILE: passwordFile(file) }));
  expect(found.searchParams.get('password')).toBe(password);
  found.searchParams.delete('password');
  expect(decoded(found.href)).toBe(decoded(address));
});

test('an address with a user and no host, which is no URL, gets its password, and stays one', async () => {
  const env = { PGPASSFILE: passwordFile(file) };
  expect(await withPassword('postgres://ann@/keys?host=/run/db&port=5434', env)).toBe(
    'postgres://ann@/keys?host=%2Frun%2Fdb&port=5434&password=socket',
  );
  expect(await withPassword('postgres://ann@/keys', { ...env, PGHOST: 'db.example.com' })).toBe(
    'postgres://ann@/keys?password=exact',
  );
  expect(await withPassword('postgres://own@/own', env)).toBe('postgres://own@/own?password=by+default');
  const given = 'postgres://ann:own@/keys?host=/run/db&port=5434';
  expect(await withPassword(given, env)).toBe(given);
});

test('what the address leaves out is what the environment says, or what PostgreSQL itself takes', async () => {
  const password = async (address: string, env: Record<string, string>) =>
    new URL(await withPassword(address, { PGPASSFILE: passwordFile(file), ...env })).searchParams.get(
      'password',
    );
  const env = { PGHOST: 'db.example.com', PGPORT: '5435', PGDATABASE: 'dd', PGUSER: 'carl' };
  expect(await password('postgres:///', env)).toBe('of the environment');
  expect(await password('postgres:///', { PGUSER: 'own' })).toBe('by default');
});

test('the address stays as it is where nothing fits, or the password is known otherwise', async () => {
  const env = { PGPASSFILE: passwordFile(file) };
  const given = 'postgres://keys:own@127.0.0.1/keys';
  expect(await withPassword(given, env)).toBe(given);
  const address = 'postgres://keys@127.0.0.1/keys';
  expect(await withPassword(address, { ...env, PGPASSWORD: 'x' })).toBe(address);
  expect(await withPassword(address, { HOME: '/nonexistent' })).toBe(address);
  const other = 'postgres://keys@127.0.0.1/other';
  expect(await withPassword(other, env)).toBe(other);
});

test('~/.pgpass is taken where PGPASSFILE names no other', async () => {
  const home = join(passwordFile(file), '..');
  expect(await withPassword('postgres://keys@h/keys', { HOME: home })).toContain('fallback');
  const none = { HOME: join(home, 'none'), PGPASSFILE: '' };
  expect(await withPassword('postgres://keys@h/keys', none)).toBe('postgres://keys@h/keys');
});

test('a file that is named and that others may read, that is not there or no file, is refused; one that is not named is left alone', async () => {
  const address = 'postgres://keys@h/keys';
  await refuses('invalid', withPassword(address, { PGPASSFILE: passwordFile(file, 0o644) }));
  const directory = join(passwordFile(file), '..');
  for (const PGPASSFILE of [join(directory, 'absent'), directory])
    await refuses('invalid', withPassword(address, { PGPASSFILE }));
  const home = join(passwordFile(file, 0o644), '..');
  expect(await withPassword(address, { HOME: home })).toBe(address);
});

test.skipIf(process.getuid?.() !== 0)(
  "root's file may be readable by its group and not written by it, another user's not (skipped unless root)",
  async () => {
    const PGPASSFILE = passwordFile(file, 0o640);
    expect(await withPassword('postgres://keys@h/keys', { PGPASSFILE })).toContain('fallback');
    chmodSync(PGPASSFILE, 0o660);
    await refuses('invalid', withPassword('postgres://keys@h/keys', { PGPASSFILE }));
    chmodSync(PGPASSFILE, 0o640);
    chownSync(PGPASSFILE, 12_345, -1);
    await refuses('invalid', withPassword('postgres://keys@h/keys', { PGPASSFILE }));
  },
);
