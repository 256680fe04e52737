import { execFileSync } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { OperationJson } from '../../commands/operation-noun.ts';
import type { Sink } from '../../src/io.ts';
import { WriteError } from '../../src/io.ts';
import type { IssuedKey, Key } from '../../src/keys.ts';
import { withLock } from '../../src/lock.ts';
import { canMount, smallDisk } from '../fakes/small-disk.ts';
import { type Home, newHome } from '../run.ts';

/** A standard output on a full disk. */
const full: Sink = {
  isTerminal: false,
  isNull: false,
  write: async () => {
    throw new WriteError('standard output', Object.assign(new Error(), { code: 'ENOSPC' }));
  },
};

const minute = 60_000;
const operations = (home: Home) => join(home.path, 'state', 'operations');

/** A create whose secret could not be written; the id of its operation. */
async function undelivered(home: Home, name = 'ci'): Promise<string> {
  const { code, stderr } = await home.keys(`create ${name}`, { stdout: full });
  expect(code).toBe(10);
  return /keys recover (op_[0-9a-f]{16})/.exec(stderr)?.[1] ?? '';
}

async function valid(home: Home, secret: string): Promise<boolean> {
  return (await home.keys('verify', { stdin: secret })).code === 0;
}

test('lists what is unfinished, with the fields of the contract', async () => {
  const home = newHome();
  const id = await undelivered(home);
  const { id: keyId } = await home.json<Key>('show ci');
  const listed = await home.json<OperationJson[]>('recover');
  expect(listed).toEqual([
    {
      id,
      command: 'create',
      profile: 'local',
      key: { id: keyId, name: 'ci' },
      state: 'minted',
      startedAt: expect.stringMatching(/Z$/),
      destinations: ['stdout'],
      next: 'deliver the secret',
    },
  ]);
});

test('there is nothing to recover: an empty list', async () => {
  expect(await newHome().json('recover')).toEqual([]);
});

test('where the journal cannot be read or written, nothing is minted, and no list says that all is well', async () => {
  const home = newHome();
  const env = { KEYS_STATE_DIR: join(home.path, 'file') };
  writeFileSync(env.KEYS_STATE_DIR, '');
  for (const line of ['create ci', 'recover']) {
    const { code, stdout, stderr } = await home.keys(line, { env });
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/^keys: cannot (read|write) the journal in .+\nhint: .*KEYS_STATE_DIR\n$/);
  }
  expect(await home.json('list')).toEqual([]);
});

test.runIf(canMount)('a journal on a full disk: nothing is minted, exit 7', async () => {
  const home = newHome();
  const disk = smallDisk(64);
  disk.fill();
  const { code, stdout, stderr } = await home.keys('create ci', { env: { KEYS_STATE_DIR: disk.path } });
  expect({ code, stdout }).toEqual({ code: 7, stdout: '' });
  expect(stderr).toContain('make room');
  expect(await home.json('list')).toEqual([]);
});

test('one operation is finished with the secret that was minted, once', async () => {
  const home = newHome();
  const id = await undelivered(home);
  const path = join(home.path, 'token');
  const { code } = await home.keys(`recover ${id} --to file:${path}`);
  expect(code).toBe(0);
  expect(await valid(home, readFileSync(path, 'utf8'))).toBe(true);
  expect((await home.json<Key>('show ci')).rotatedAt).toBeNull();
  const again = await home.keys(`recover ${id}`);
  expect(again.code).toBe(3);
  expect(again.stderr).toContain('keys recover lists them');
});

test('whatever a key was asked to be made with, recover asks for the same key and delivers the secret that was minted', async () => {
  const home = newHome();
  expect(await home.keys('user create alice')).toMatchObject({ code: 0 });
  const options =
    'create ci --description d --type manage --role viewer --permission dashboards.read --api-version 2026-11-01 ' +
    '--expires 90d --owner alice --label a=b --rate-limit 60/1m -n default';
  const { code, stderr } = await home.keys(options, { stdout: full });
  expect({ code, stderr }).toMatchObject({ code: 10 });
  const { lastFour } = await home.json<Key>('show ci');
  const recovered = await home.keys('recover --all');
  expect(recovered).toMatchObject({ code: 0, stdout: expect.stringMatching(`${lastFour}\n$`) });
  expect(await valid(home, recovered.stdout)).toBe(true);
});

test('an operation with a field that this version does not know is left alone, for the version that wrote it', async () => {
  const home = newHome();
  const id = await undelivered(home);
  const file = join(operations(home), `${id}.json`);
  const written = JSON.parse(readFileSync(file, 'utf8'));
  written.request.key.colour = 'blue';
  writeFileSync(file, JSON.stringify(written));
  const { code, stderr } = await home.keys(`recover ${id}`);
  expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringContaining('newer keys') });
  expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual(written);
});

test('after the seal is gone, a new secret of the same key is delivered', async () => {
  const home = newHome();
  const id = await undelivered(home);
  const { id: keyId } = await home.json<Key>('show ci');
  const path = join(home.path, 'token');
  const later = { now: Date.now() + 16 * minute };
  const { code, stderr } = await home.keys(`recover ${id} --to file:${path}`, later);
  expect({ code, stderr }).toMatchObject({ code: 0 });
  const { key } = JSON.parse(
    (await home.keys('verify -o json', { stdin: readFileSync(path, 'utf8'), ...later })).stdout,
  ) as IssuedKey;
  expect(key.id).toBe(keyId);
  expect(await home.json('recover', later)).toEqual([]);
});

test('--undo revokes what was minted', async () => {
  const home = newHome();
  const id = await undelivered(home);
  expect((await home.keys(`recover ${id} --undo`)).code).toBe(0);
  expect(await home.json('list')).toEqual([]);
  expect(await home.json('recover')).toEqual([]);
});

test('--undo of nothing in particular exits 2: it would list, and look like done', async () => {
  const { code, stdout, stderr } = await newHome().keys('recover --undo');
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toContain('--undo takes an operation, or --all');
});

test('--undo, and the end of a rotation whose test had failed, say where the revoked secret may be left', async () => {
  const home = newHome();
  const path = join(home.path, 'token');
  const created = await home.keys(`create ci --to file:${path} --to exec:/bin/false`);
  expect(created.code).toBe(10);
  const [{ id } = { id: '' }] = await home.json<OperationJson[]>('recover');
  const undone = await home.keys(`recover ${id} --undo`);
  const places = `file:${path}, exec:/bin/false may still have the revoked secret`;
  expect(undone).toMatchObject({ code: 0, stdout: '', stderr: `${id} is undone; ${places}\n` });

  await home.keys('create web');
  expect((await home.keys(`rotate web -y --force --to file:${path} --to exec:/bin/false`)).code).toBe(10);
  const [{ id: second } = { id: '' }] = await home.json<OperationJson[]>('recover');
  const journal = join(operations(home), `${second}.json`);
  writeFileSync(journal, readFileSync(journal, 'utf8').replace(/"state": ?"delivering"/, '"state":"failed"'));
  const ended = await home.keys(`recover ${second}`);
  expect(ended.code).toBe(0);
  expect(ended.stderr).toContain(`${second} is ended; nothing was minted in its place; ${places}`);
});

test('--all prints every secret, and does it again to no effect', async () => {
  const home = newHome();
  await undelivered(home, 'a');
  await undelivered(home, 'b');
  const { code, stdout } = await home.keys('recover --all');
  expect(code).toBe(0);
  const secrets = stdout.trim().split('\n');
  expect(await Promise.all(secrets.map((secret) => valid(home, secret)))).toEqual([true, true]);
  expect(await home.keys('recover --all')).toEqual({ code: 0, stdout: '', stderr: '' });
});

test('--all says of each operation that it cannot end what to do about it', async () => {
  const home = newHome();
  const { stderr } = await home.keys('create ci --to exec:/bin/false');
  const id = /op_[0-9a-f]{16}/.exec(stderr)?.[0];
  const all = await home.keys('recover --all', { now: Date.now() + 16 * minute });
  expect(all.code).toBe(8);
  expect(all.stderr).toMatch(
    new RegExp(`^not recovered: ${id}: .*\nhint: keys recover ${id} --arrived when`),
  );
});

test('--all -o json with a destination gives one result an operation', async () => {
  const home = newHome();
  const id = await undelivered(home);
  expect(await home.json(['recover', '--all', '--to', `file:${home.path}/token`])).toEqual([
    { id, name: 'ci', ok: true, error: null },
  ]);
});

test.each([
  ['is damaged', '{"schema":1,'],
  ['is of a newer version', '{"schema":2}'],
  ['is another operation under a name that is not its own', null],
])(
  'a file that %s is reported, fails the list and --all with exit 8, stays, and does not stop the others',
  async (_what, given) => {
    const home = newHome();
    const id = await undelivered(home);
    const text = given ?? readFileSync(join(operations(home), `${id}.json`), 'utf8');
    const file = join(operations(home), 'op_0123456789abcdef.json');
    writeFileSync(file, text);
    const { code, stderr } = await home.keys('recover --all');
    expect({ code, stderr }).toMatchObject({
      code: 8,
      stderr: expect.stringContaining(`${file} is damaged or`),
    });
    expect(stderr).toContain('1 of 2 operations could not be ended');
    expect(await home.json('recover --all', { code: 8 })).toMatchObject([
      { id: 'op_0123456789abcdef', name: null, ok: false, error: { code: 'invalid' } },
    ]);
    expect(await home.json('recover', { code: 8 })).toEqual([]);
    expect(readFileSync(file, 'utf8')).toBe(text);
    const named = await home.keys('recover op_0123456789abcdef');
    expect(named.code).toBe(2);
    expect(named.stderr).toContain('cannot be read');
  },
);

test.runIf(process.geteuid?.() === 0)('what another user has put into the journal is not done', async () => {
  const home = newHome();
  const id = await undelivered(home);
  chownSync(join(operations(home), `${id}.json`), 1, 1);
  const path = join(home.path, 'token');
  const all = await home.keys(`recover --all --to file:${path}`);
  expect(all).toMatchObject({ code: 8, stderr: expect.stringContaining('another user') });
  expect(await home.keys(`recover ${id} --to file:${path}`)).toMatchObject({ code: 2, stdout: '' });
  expect(existsSync(path)).toBe(false);
});

test.runIf(process.platform === 'linux')('a pipe in the journal keeps nobody waiting', async () => {
  const home = newHome();
  await home.keys('create ci');
  const path = join(operations(home), 'op_0123456789abcdef.json');
  execFileSync('mkfifo', [path]);
  expect((await home.keys('create other')).code).toBe(0);
  expect((await home.keys('recover')).stderr).toContain(path);
});

test('an operation that another process works on is a conflict, and stays', async () => {
  const home = newHome();
  const id = await undelivered(home);
  const { signal } = new AbortController();
  await withLock(join(operations(home), `${id}.lock`), { signal }, async () => {
    const { code, stderr } = await home.keys(`recover ${id}`);
    expect(code).toBe(5);
    expect(stderr).toContain(`another keys command is at work on ${id}`);
  });
  expect((await home.keys(`recover ${id}`)).code).toBe(0);
});

test('an operation of another service is not finished here', async () => {
  const home = newHome();
  const id = await undelivered(home);
  const env = { KEYS_DATA_DIR: join(home.path, 'elsewhere') };
  const { code, stderr } = await home.keys(`recover ${id}`, { env });
  expect(code).toBe(2);
  expect(stderr).toContain('was begun on sqlite:');
  expect(await home.json<unknown[]>('recover')).toHaveLength(1);
});

test('what was printed is no unfinished operation, and can be had again by its id for 15 minutes', async () => {
  const home = newHome();
  const { stdout: secret } = await home.keys('create ci');
  expect(await home.json('recover')).toEqual([]);
  const [name = ''] = readdirSync(operations(home)).filter((file) => file.endsWith('.json'));
  const id = name.replace('.json', '');
  expect((await home.keys(`recover ${id}`)).stdout).toBe(secret);
  expect((await home.keys(`recover ${id}`)).stdout).toBe(secret);
  expect((await home.keys(`recover ${id}`, { now: Date.now() + 16 * minute })).code).toBe(3);
  expect(readdirSync(operations(home))).not.toContain(name);
});

test('a printed secret that was used is not replaced', async () => {
  const home = newHome();
  const { stdout: secret } = await home.keys('create ci');
  expect(await valid(home, secret)).toBe(true);
  const [name = ''] = readdirSync(operations(home)).filter((file) => file.endsWith('.json'));
  const { code, stdout, stderr } = await home.keys(`recover ${name.replace('.json', '')}`);
  expect({ code, stdout }).toEqual({ code: 10, stdout: '' });
  expect(stderr).toContain('it has arrived');
  expect(await valid(home, secret)).toBe(true);
  expect(readdirSync(operations(home))).not.toContain(name);
});

test('the sweep takes nothing that is unfinished, however old', async () => {
  const home = newHome();
  const id = await undelivered(home);
  const later = { now: Date.now() + 365 * 24 * 60 * minute };
  await home.keys('create other', later);
  const listed = await home.json<OperationJson[]>('recover', later);
  expect(listed.map((operation) => operation.id)).toEqual([id]);
});

test('create --if-absent while an earlier create is unfinished is exit 10 and names the operation', async () => {
  const home = newHome();
  const id = await undelivered(home);
  const { code, stdout, stderr } = await home.keys('create ci --if-absent');
  expect({ code, stdout }).toEqual({ code: 10, stdout: '' });
  expect(stderr).toContain(`hint: keys recover ${id}`);
  await home.keys(`recover ${id} --to file:${home.path}/token`);
  expect((await home.keys('create ci --if-absent')).code).toBe(0);
});

test.each([
  ['--all and an operation', 'recover op_1 --all'],
  ['--undo and --to', 'recover op_1 --undo --to stdout'],
  ['--undo and --arrived', 'recover op_1 --undo --arrived'],
])('%s exclude each other: exit 2', async (_what, argv) => {
  expect((await newHome().keys(argv)).code).toBe(2);
});

test('--arrived without an operation exits 2, and says how to find one', async () => {
  const { code, stderr } = await newHome().keys('recover --arrived');
  expect(code).toBe(2);
  expect(stderr).toContain('hint: keys recover lists them');
});

test('a destination that has become a directory: exit is not 0, and the operation stays', async () => {
  const home = newHome();
  const path = join(home.path, 'token');
  const id = await undelivered(home);
  mkdirSync(path);
  expect((await home.keys(`recover ${id} --to file:${path}`)).code).toBe(2);
  rmSync(path, { recursive: true });
  expect((await home.keys(`recover ${id} --to file:${path}`)).code).toBe(0);
});
