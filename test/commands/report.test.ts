import { execFileSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import type { Finding } from '../../src/advice.ts';
import type { Key } from '../../src/keys.ts';
import { ownCapabilities } from '../../src/own-capabilities.ts';
import { openLocal } from '../../src/service/local.ts';
import { fakeKey, fakeService } from '../fakes/service.ts';
import { type Home, newHome } from '../run.ts';

const day = 86_400_000;
const now = Date.parse('2026-11-21T00:00:00Z');

/** A key for each finding, and one that nothing is said of. */
async function homeWithKeys(): Promise<Home> {
  const home = newHome();
  const create = async (argv: string, ageDays = 1) => {
    const made = await home.keys(`create ${argv} -q`, { now: now - ageDays * day });
    expect(made).toMatchObject({ code: 0, stderr: '' });
    return made.stdout;
  };
  await create('fine --expires 60d');
  await create('gone --expires 1d', 5);
  await create('soon --expires 5d');
  await create('forever');
  await create('idle --expires 400d', 91);
  const stdin = await create('stale --expires 400d', 181);
  await home.keys('verify', { stdin, now: now - day });
  await create('off --expires 60d');
  await create('mighty --role owner --expires 60d');
  await create('ended');
  await home.keys('disable off', { now });
  await home.keys('revoke ended -y', { now });
  return home;
}

const briefly = (findings: Finding[]) => findings.map(({ finding, name }) => `${finding} ${name}`);

test('report names every key that does not follow the advice, what is most urgent first', async () => {
  const home = await homeWithKeys();
  const findings = await home.json<Finding[]>('report', { now });
  expect(briefly(findings)).toEqual([
    'expired gone',
    'expiring soon',
    'no-expiry forever',
    'unused idle',
    'old-secret stale',
    'disabled off',
    'broad mighty',
  ]);
  const [key] = await home.json<Key[]>('list --name soon', { now });
  expect(findings[1]).toEqual({
    finding: 'expiring',
    id: key?.id,
    name: 'soon',
    namespace: 'default',
    owner: key?.owner,
    time: key?.expiresAt,
    next: `keys edit --expires 90d ${key?.id}`,
  });
});

test('whoever types what report says, line by line, comes to where there is nothing to report', async () => {
  const home = await homeWithKeys();
  const typed: string[] = [];
  for (;;) {
    const [first] = await home.json<Finding[]>('report', { now });
    if (!first) break;
    const { finding, name, next } = first;
    expect(typed).not.toContain(`${finding} ${name}`);
    typed.push(`${finding} ${name}`);
    const to = finding === 'old-secret' ? ` --to file:${home.path}/secret` : '';
    const { code, stderr } = await home.keys(`${next.slice('keys '.length)} --yes${to}`, { now });
    expect({ next, code, stderr }).toMatchObject({ code: 0 });
  }
  expect(typed).toHaveLength(8);
});

test.each(['-Qx9', '--help', "it's $HOME", 'a b* c', '$(id)'])(
  'what report says reaches the key with the id %s as a shell takes the line',
  async (id) => {
    const keys = [
      fakeKey({ id, name: 'idle', createdAt: '2020-01-01T00:00:00.000Z', roles: ['owner'] }),
      fakeKey({ id: `${id}2`, name: 'off', status: 'disabled' }),
    ];
    const service = fakeService(keys);
    const home = newHome();
    const findings = await home.json<Finding[]>('report', { service, now });
    expect(briefly(findings)).toContain('old-secret idle');
    expect(findings).toHaveLength(5);
    for (const { id, next } of findings.reverse()) {
      const script = `keys() { printf '%s\\0' "$@"; }; ${next}`;
      const argv = execFileSync('sh', ['-c', script], { encoding: 'utf8' }).split('\0').slice(0, -1);
      const { code, stdout, stderr } = await home.keys(['--json', '-y', ...argv], { service, now });
      expect({ next, code, stderr }).toMatchObject({ code: 0 });
      expect(JSON.stringify(JSON.parse(stdout))).toContain(`"id":${JSON.stringify(id)}`);
    }
  },
);

test('report --fail-if-any is exit 9 with what was found on stdout, and 0 when nothing is', async () => {
  const home = await homeWithKeys();
  const found = await home.keys('report --only expired --only disabled --fail-if-any -o name', { now });
  expect(found).toEqual({ code: 9, stdout: 'gone\noff\n', stderr: 'keys: 2 findings on 2 of 8 keys\n' });
  expect((await home.keys('report --fail-if-any', { now })).code).toBe(9);
  expect((await newHome().keys('report --fail-if-any')).code).toBe(0);
});

test('report goes by the limits that are given', async () => {
  const home = await homeWithKeys();
  const names = async (argv: string) => briefly(await home.json<Finding[]>(`report ${argv}`, { now }));
  expect(await names('--only unused --unused-for 200d')).toEqual([]);
  expect(await names('--only expiring --expiring-within 4d')).toEqual(['expiring soon']);
  expect(await names('--only expiring --expiring-within 3d')).toEqual([]);
  expect(await names('--only old-secret --older-than 90d')).toEqual(['old-secret stale', 'old-secret idle']);
});

test('report looks at the keys of one user, or of every namespace, when that is asked', async () => {
  const home = newHome();
  const local = await openLocal({ url: `sqlite:${home.path}/data/keys.db`, now: () => now });
  await local.users?.create({ name: 'bob' });
  await local.namespaces?.create({ name: 'team' });
  await local.close();
  for (const argv of ['a', 'b --owner bob', 'c -n team']) await home.keys(`create ${argv} -q`, { now });
  const names = async (argv: string) =>
    (await home.json<Finding[]>(`report${argv}`, { now })).map(({ name }) => name).sort();
  expect(await names('')).toEqual(['a', 'b']);
  expect(await names(' --owner bob')).toEqual(['b']);
  expect(await names(' -n team')).toEqual(['c']);
  expect(await names(' --all-namespaces')).toEqual(['a', 'b', 'c']);
});

test('on a terminal report is a table with what to do, and says when there is nothing', async () => {
  const home = await homeWithKeys();
  const { stdout, stderr } = await home.keys('report --no-color', { terminal: true, now, columns: 120 });
  expect(stdout).toMatch(/^FINDING +ID +NAME +.*NEXT\n/);
  expect(stdout).toMatch(/expiring +key_\S+ +soon .*in 4d +keys edit --expires 90d key_\S+\n/);
  expect(stderr).toBe('7 findings on 7 of 8 keys\n');
  const narrow = await home.keys('report --no-color', { terminal: true, now, columns: 80 });
  expect(narrow.stdout).toMatch(/^expiring +soon +keys edit --expires 90d key_\S+$/m);
  const none = await newHome().keys('report', { terminal: true });
  expect(none).toEqual({ code: 0, stdout: '', stderr: 'nothing to report\n0 findings on 0 of 0 keys\n' });
});

describe('on a service that does not tell everything', () => {
  const service = fakeService([fakeKey({ roles: ['admin'], createdAt: '2020-01-01T00:00:00.000Z' })], {
    capabilities: {
      ...ownCapabilities,
      title: 'Reticent',
      verbs: ['create', 'list', 'get', 'revoke'],
      editable: [],
      untold: ['expiresAt', 'lastUsedAt'],
    },
  });

  test('report says what it cannot look for, and looks for the rest', async () => {
    const { code, stdout, stderr } = await newHome().keys('report', { service, now });
    expect(code).toBe(0);
    expect(stdout.split('\n').map((line) => line.split('\t')[0])).toEqual(['old-secret', 'broad', '']);
    expect(stderr).toBe(
      "Reticent does not tell when a key expires: 'expired' is not looked for\n" +
        "Reticent does not tell when a key expires: 'expiring' is not looked for\n" +
        "Reticent does not tell when a key expires: 'no-expiry' is not looked for\n" +
        "Reticent does not tell when a key was last used: 'unused' is not looked for\n" +
        '2 findings on 1 of 1 key\n',
    );
  });

  test('what was asked for by name and cannot be told exits 6, and nothing was said of any key', async () => {
    const { code, stdout } = await newHome().keys('report --only unused', { service, now });
    expect({ code, stdout }).toEqual({ code: 6, stdout: '' });
  });

  test('what to do is what that service can do', async () => {
    const { stdout } = await newHome().keys('report --only broad', { service, now });
    expect(stdout).toContain('keys create another one with a smaller role, then keys revoke key_1\n');
  });

  test('where roles have names of their own, none of ours is told to be given', async () => {
    const { nouns: _, ...capabilities } = ownCapabilities;
    const other = fakeService([fakeKey({ roles: ['Admin'] })], { capabilities });
    const { stdout } = await newHome().keys('report --only broad', { service: other, now });
    expect(stdout).toContain('keys edit with a smaller --role key_1\n');
  });
});
