import { describe, expect, test } from 'vitest';
import { blankKey, type Key } from '../../src/keys.ts';
import { openLocal } from '../../src/service/local.ts';
import { fakeKey, fakeService } from '../fakes/service.ts';
import { collectingSink, type Home, newHome } from '../run.ts';

const day = 86_400_000;
const start = Date.parse('2026-11-01T00:00:00Z');
const now = start + 20 * day;

async function homeWithKeys(): Promise<Home> {
  const home = newHome();
  const create = async (argv: string, ageDays = 20) => {
    const { code, stderr } = await home.keys(`create ${argv} -q`, { now: now - ageDays * day });
    expect(stderr).toBe('');
    expect(code).toBe(0);
  };
  const local = await openLocal({ url: `sqlite:${home.path}/data/keys.db`, now: () => start });
  await local.users?.create({ name: 'bob' });
  await local.close();
  await create('old --role viewer --owner bob --label env=prod --label team=a');
  await create('soon --expires 25d --type view --label env=test', 15);
  await create('later --expires 90d', 10);
  await create('gone --expires 1d', 5);
  await create('off', 4);
  await create('ended', 3);
  await home.keys('disable off', { now });
  await home.keys('revoke ended -y', { now });
  return home;
}

test('list of no keys prints nothing on stdout, and says so on a terminal, with how to make one where none is left out', async () => {
  const home = newHome();
  const none = (stderr: string) => ({ code: 0, stdout: '', stderr });
  const whole = none('no keys; keys create <name> makes one\n');
  expect(await home.keys('list', { terminal: true })).toEqual(whole);
  expect(await home.keys('list --role viewer', { terminal: true })).toEqual(none('no keys\n'));
  expect(await home.keys('list')).toEqual({ code: 0, stdout: '', stderr: '' });
  expect(await home.json('list')).toEqual([]);
});

test('list on a terminal is a table with whole ids and relative times', async () => {
  const home = await homeWithKeys();
  const { stdout } = await home.keys('list --no-color', { terminal: true, now, columns: 70 });
  const lines = stdout.split('\n');
  const ids = (await home.json<Key[]>('list', { now })).map(({ id }) => id);
  expect(lines[0]).toMatch(/^ID +NAME +STATUS +/);
  expect(lines.slice(1, -1).map((line) => line.split(' ')[0])).toEqual(ids);
  expect(stdout).toMatch(/soon .* in 10d/);
});

test('list in a pipe has tabs, exact times, no header and no colour', async () => {
  const home = await homeWithKeys();
  const { stdout } = await home.keys('list --name soon', { now });
  const [key] = await home.json<Key[]>('list --name soon', { now });
  expect(stdout).toBe(
    `${key?.id}\tsoon\tdefault\tactive\tview\t\t${key?.owner}\t${key?.lastFour}\t2026-12-01T00:00:00.000Z\t\t2026-11-06T00:00:00.000Z\n`,
  );
});

describe('filters', () => {
  test.each([
    ['', 'off gone later soon old'],
    ['--status active', 'later soon old'],
    ['--status disabled', 'off'],
    ['--status expired', 'gone'],
    ['--status revoked', 'ended'],
    ['--status all', 'ended off gone later soon old'],
    ['--owner bob', 'old'],
    ['--role viewer', 'old'],
    ['--type view', 'soon'],
    ['--label env=prod', 'old'],
    ['--label env=prod --label team=b', ''],
    ['--name *o*', 'off gone soon old'],
    ['--name ?????', 'later'],
    ['--expiring-within 14d', 'soon'],
    ['--expiring-within 100d', 'later soon'],
    ['--unused-for 12d', 'soon old'],
    ['--no-expiry', 'off old'],
    ['--no-expiry --status active', 'old'],
    ['--sort name', 'gone later off old soon'],
    ['--sort name:desc', 'soon old off later gone'],
    ['--sort expiresAt', 'gone soon later off old'],
    ['--sort expiresAt:desc --limit 2', 'later soon'],
    ['--limit 2', 'off gone'],
    ['--limit 100', 'off gone later soon old'],
    ['-n elsewhere', ''],
  ])('list %s', async (argv, expected) => {
    const home = await homeWithKeys();
    const { code, stdout } = await home.keys(`list ${argv} -o name`.replace('  ', ' '), { now });
    expect({ code, names: stdout.split('\n').join(' ').trim() }).toEqual({ code: 0, names: expected });
  });

  test('list --all-namespaces lists those of every namespace', async () => {
    const home = await homeWithKeys();
    await home.keys('create other -n team -q', { now });
    const names = (await home.json<Key[]>('list --all-namespaces', { now })).map(({ name }) => name);
    expect(names.join(' ')).toBe('other off gone later soon old');
  });

  test.each([
    '--status nonsense',
    '--type editor',
    '--label =x',
    '--label team=a --label team=b',
    '--expiring-within soon',
    '--unused-for 3',
    '--sort secret',
    '--sort name:up',
    '--limit 0',
    '--limit x',
  ])('list %s exits 2 and names the option', async (argv) => {
    const { code, stdout, stderr } = await newHome().keys(`list ${argv}`);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(argv.split(' ')[0]);
  });

  test('what the service does not filter is filtered over all of its pages', async () => {
    const keys = ['a1', 'b1', 'a2', 'b2', 'a3'].map((name) => fakeKey({ id: name, name }));
    const capabilities = { ...fakeService().capabilities, filters: [] };
    const service = fakeService(keys, { capabilities });
    const { stdout } = await newHome().keys('list --name a* -o name', { service });
    expect(stdout).toBe('a1\na2\na3\n');
  });
});

describe('--fail-if-any', () => {
  test('exits 9 when something matches, with the matches on stdout', async () => {
    const home = await homeWithKeys();
    const result = await home.keys('list --expiring-within 14d --fail-if-any -o name', { now });
    expect(result).toEqual({ code: 9, stdout: 'soon\n', stderr: 'keys: 1 key found\n' });
  });

  test('exits 0 when nothing does', async () => {
    const { code } = await newHome().keys('list --fail-if-any');
    expect(code).toBe(0);
  });

  test('exits 9 also when the reader of the pipe has left', async () => {
    const { WriteError } = await import('../../src/io.ts');
    const stdout = {
      ...collectingSink(),
      write: async () => {
        throw new WriteError('standard output', Object.assign(new Error(), { code: 'EPIPE' }));
      },
    };
    const { code } = await newHome().keys('list --fail-if-any', {
      service: fakeService([fakeKey()]),
      stdout,
    });
    expect(code).toBe(9);
  });
});

describe('formats', () => {
  test('json, ndjson and yaml hold the same', async () => {
    const home = await homeWithKeys();
    const { parse } = await import('yaml');
    const json = await home.json('list', { now });
    const ndjson = (await home.keys('list -o ndjson', { now })).stdout.trimEnd().split('\n');
    const yaml = (await home.keys('list -o yaml', { now })).stdout;
    expect(ndjson.map((line) => JSON.parse(line))).toEqual(json);
    expect(parse(yaml)).toEqual(json);
  });

  test('csv has a header of field names and every field of a key but its version', async () => {
    const home = await homeWithKeys();
    const { stdout } = await home.keys('list --label env=prod -o csv', { now });
    const [head = '', row] = stdout.split('\n');
    const fields = new Set([...Object.keys(blankKey), 'extra']).difference(new Set(['version']));
    expect(new Set(head.split(','))).toEqual(fields);
    expect(head).toMatch(/^id,name,description,namespace,status,type,roles,permissions,apiVersion,owner,/);
    expect(row).toContain(',"env=prod,team=a",');
  });

  test('-o ndjson prints the first page before the second is asked for', async () => {
    const happened: string[] = [];
    const keys = Array.from({ length: 5 }, (_, index) => fakeKey({ id: `key_${index}` }));
    const inner = fakeService(keys);
    const list: typeof inner.list = async (query) => {
      happened.push(`asked ${query.cursor ?? 0}`);
      return inner.list(query);
    };
    const stdout = {
      ...collectingSink(),
      write: async (text: string) => {
        happened.push(`wrote ${text.split('\n').length - 1}`);
      },
    };
    await newHome().keys('list -o ndjson', { service: fakeService(keys, { list }), stdout });
    expect(happened).toEqual(['asked 0', 'wrote 2', 'asked 2', 'wrote 2', 'asked 4', 'wrote 1']);
  });

  test('--limit asks for no page that it does not need', async () => {
    const service = fakeService(Array.from({ length: 9 }, (_, index) => fakeKey({ id: `key_${index}` })));
    await newHome().keys('list --limit 2', { service });
    expect(service.calls).toEqual(['list 0']);
  });

  test('--query takes a part of the JSON, of each line with -o ndjson', async () => {
    const home = await homeWithKeys();
    const names = await home.json<string[]>(['list', '--query', "[?status=='active'].name"], { now });
    expect(names).toEqual(['later', 'soon', 'old']);
    const lines = await home.keys('list --query name -o ndjson --limit 2', { now });
    expect(lines.stdout).toBe('"off"\n"gone"\n');
  });

  test('KEYS_OUTPUT chooses the format, and a format that there is not exits 2', async () => {
    const home = newHome();
    expect((await home.keys('list', { env: { KEYS_OUTPUT: 'json' } })).stdout).toBe('[]\n');
    const { code, stderr } = await home.keys('list', { env: { KEYS_OUTPUT: 'xml' } });
    expect(code).toBe(2);
    expect(stderr).toContain("KEYS_OUTPUT is 'xml'");
  });
});

test('an interruption between two pages ends the list with 130', async () => {
  const controller = new AbortController();
  const keys = Array.from({ length: 5 }, (_, index) => fakeKey({ id: `key_${index}` }));
  const { KeysError } = await import('../../src/errors.ts');
  const stdout = {
    ...collectingSink(),
    write: async () => controller.abort(new KeysError('interrupted', 'interrupted')),
  };
  const service = fakeService(keys);
  const { code } = await newHome().keys('list', { service, stdout, signal: controller.signal });
  expect({ code, calls: service.calls }).toEqual({ code: 130, calls: ['list 0', 'list 2'] });
});

describe('what -o name prints means the key that it was printed for', () => {
  test.each(['list --all-namespaces --expiring-within 2d', 'report --all-namespaces --only expiring'])(
    '%s: also where a key of another namespace has the name',
    async (argv) => {
      const home = newHome();
      await home.keys('create twin -q', { now });
      const { key } = await home.json<{ key: Key }>('create twin -n team --expires 1d', { now });
      const { stdout } = await home.keys(`${argv} -o name`, { now });
      const [result] = await home.json<{ id: string }[]>('disable -', { now, stdin: stdout });
      expect(result?.id).toBe(key.id);
    },
  );

  test('also where a service has keys whose names differ in what is not shown', async () => {
    const service = fakeService([
      fakeKey({ id: 'key_1', name: 'prod' }),
      fakeKey({ id: 'key_2', name: 'prod\u200b' }),
      fakeKey({ id: 'key_3', name: '  ' }),
    ]);
    expect((await newHome().keys('list -o name', { service })).stdout).toBe('prod\nkey_2\nkey_3\n');
  });

  test('no key is given a name with the form of an id', async () => {
    const home = newHome();
    const { key } = await home.json<{ key: Key }>('create victim');
    for (const argv of [`create ${key.id}`, `edit victim --name ${key.id}`])
      expect(await home.keys(argv)).toMatchObject({
        code: 2,
        stderr: expect.stringContaining('form of an id'),
      });
  });
});
