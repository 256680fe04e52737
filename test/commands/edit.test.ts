import { describe, expect, test } from 'vitest';
import type { Key } from '../../src/keys.ts';
import { fakeKey, fakeService } from '../fakes/service.ts';
import { type Home, newHome } from '../run.ts';

async function homeWithDemo(): Promise<Home> {
  const home = newHome();
  await home.keys(
    'create demo --role viewer --permission a.read --description d --expires 10d --label a=1 --label b=2',
  );
  return home;
}

describe('edit changes what is named and leaves the rest', () => {
  test.each<[string[], Partial<Key>]>([
    [['--name', 'other'], { name: 'other', description: 'd' }],
    [['--description', 'new text'], { description: 'new text', roles: ['viewer'] }],
    [['--description', ''], { description: null }],
    [['--no-description'], { description: null }],
    [['--role', 'editor', '--role', 'owner'], { roles: ['editor', 'owner'], permissions: ['a.read'] }],
    [['--no-roles'], { roles: [], permissions: ['a.read'] }],
    [['--permission', 'b.edit'], { permissions: ['b.edit'], roles: ['viewer'] }],
    [['--no-permissions'], { permissions: [] }],
    [['--expires', 'never'], { expiresAt: null }],
    [['--expires', '2037-12-31'], { expiresAt: '2038-01-01T00:00:00.000Z' }],
    [['--label', 'c=3', '--label', 'a=x'], { labels: { a: 'x', b: '2', c: '3' } }],
    [['--remove-label', 'a'], { labels: { b: '2' } }],
    [['--remove-label', 'a', '--remove-label', 'b'], { labels: {} }],
  ])('edit demo %j', async (options, changed) => {
    const home = await homeWithDemo();
    const before = await home.json<Key>('show demo');
    const after = await home.json<Key>(['edit', 'demo', ...options]);
    expect(after).toEqual({ ...before, ...changed, version: '2' });
    expect(await home.json(['show', before.id])).toEqual(after);
  });
});

test('edit prints the key: a record on a terminal, the line of list in a pipe', async () => {
  const home = await homeWithDemo();
  expect((await home.keys('edit demo --name x', { terminal: true })).stdout).toMatch(/name: .* x\n/);
  expect((await home.keys('update x --name y')).stdout).toBe((await home.keys('list')).stdout);
});

describe('refused before any request', () => {
  test.each([
    ['edit demo', 'nothing to change'],
    ['edit demo --role a --no-roles', 'cannot be used with'],
    ['edit demo --permission a --no-permissions', 'cannot be used with'],
    ['edit demo --expires yesterday', 'not an expiry'],
    ['edit --name x', 'which key?'],
  ])('keys %s exits 2', async (argv, message) => {
    const service = fakeService([fakeKey()]);
    const { code, stderr } = await newHome().keys(argv, { service });
    expect({ code, calls: service.calls }).toEqual({ code: 2, calls: [] });
    expect(stderr).toContain(message);
  });

  test('what the service cannot change exits 6', async () => {
    const capabilities = { ...fakeService().capabilities, title: 'Acme', editable: ['name' as const] };
    const service = fakeService([fakeKey()], { capabilities });
    const { code, stderr } = await newHome().keys('edit demo --label a=b', { service });
    expect({ code, calls: service.calls }).toEqual({ code: 6, calls: [] });
    expect(stderr).toContain('Acme cannot change the labels of a key');
  });
});

test('removing a label that is not there exits 2 and changes nothing', async () => {
  const home = await homeWithDemo();
  const { code, stderr } = await home.keys('edit demo --remove-label z --name other');
  expect(code).toBe(2);
  expect(stderr).toContain('hint: its labels: a, b\n');
  expect((await home.json<Key>('show demo')).version).toBe('1');
});

test('edit sends the version it read, so that no change of somebody else is overwritten', async () => {
  const versions: unknown[] = [];
  const service = fakeService([fakeKey({ version: '7' })], {
    edit: async (_id, _changes, version) => {
      versions.push(version);
      return fakeKey();
    },
  });
  await newHome().keys('edit demo --name x', { service });
  expect(versions).toEqual(['7']);
});
