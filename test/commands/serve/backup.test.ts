/** `keys serve backup` and `restore`. */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { beforeEach, expect, test } from 'vitest';
import type { IssuedKey, Key, KeyService } from '../../../src/keys.ts';
import { Secret } from '../../../src/secret.ts';
import { migrations } from '../../../src/service/migrations/index.ts';
import { createService, type Service } from '../../../src/service/service.ts';
import { openSqlite } from '../../../src/service/sqlite.ts';
import { newDatabasePath } from '../../fakes/database.ts';
import { machineAdmin } from '../../fakes/key-service.ts';
import { serverProcess } from '../../fakes/server.ts';
import { type Home, newHome } from '../../run.ts';

let home: Home;
let database: string;
let copy: string;

beforeEach(() => {
  home = newHome();
  database = newDatabasePath();
  copy = join(home.path, 'keys.backup');
});

/** Works on the database as a service does, which ends unless `work` leaves it open. */
async function during<T>(work: (admin: KeyService, service: Service) => Promise<T>): Promise<T> {
  const service = createService({ store: await openSqlite(database), now: Date.now });
  try {
    return await work(service.as(machineAdmin), service);
  } finally {
    await service.close();
  }
}

const backup = (...more: string[]) => home.keys(['serve', 'backup', copy, '--database', database, ...more]);
const restore = (...more: string[]) => home.keys(['serve', 'restore', copy, '--database', database, ...more]);
const namesIn = (directory: string) => readdirSync(directory).sort();

test('a backup of a running service holds all that was acknowledged, is private, and is one file', async () => {
  const server = await serverProcess([], database);
  const headers = { authorization: `Bearer ${server.secret}`, 'content-type': 'application/json' };
  const create = async (name: string) => {
    const answer = await fetch(`${server.url}/v1/keys`, {
      method: 'POST',
      headers,
      body: JSON.stringify({ name }),
    });
    expect(answer.status).toBe(201);
  };
  await create('before');
  const writing = Promise.all(Array.from({ length: 20 }, (_, n) => create(`meanwhile-${n}`)));
  const { code, stdout } = await backup('--json');
  await writing;
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ database, path: copy, bytes: statSync(copy).size });
  expect(statSync(copy).mode & 0o777).toBe(0o600);
  expect(namesIn(home.path)).toEqual(['keys.backup']);
  expect(await server.stop()).toBe(0);
  const db = new DatabaseSync(copy, { readOnly: true });
  expect(db.prepare('PRAGMA integrity_check').get()).toEqual({ integrity_check: 'ok' });
  // One in WAL mode makes files beside it when it is read.
  expect(db.prepare('PRAGMA journal_mode').get()).toEqual({ journal_mode: 'delete' });
  expect(db.prepare("SELECT 1 AS one FROM keys WHERE name = 'before'").get()).toEqual({ one: 1 });
  db.close();
});

test('a backup that is there is not replaced without --force: exit 5', async () => {
  await during((admin) => admin.create({ name: 'one' }));
  writeFileSync(copy, 'precious');
  expect(await backup()).toMatchObject({ code: 5, stdout: '', stderr: expect.stringContaining('--force') });
  expect(readFileSync(copy, 'utf8')).toBe('precious');
  expect(await backup('--force')).toMatchObject({ code: 0 });
  expect(readFileSync(copy, 'utf8')).toMatch(/^SQLite format 3/);
  expect(statSync(copy).mode & 0o777).toBe(0o600);
  rmSync(copy);
  symlinkSync('nowhere', copy);
  expect((await backup()).code).toBe(5);
  expect(lstatSync(copy).isSymbolicLink()).toBe(true);
});

test('there is no backup of a damaged database: exit 7, and nothing is left behind', async () => {
  await during((admin) => admin.create({ name: 'one' }));
  const bytes = readFileSync(database);
  writeFileSync(
    database,
    bytes.map((byte, at) => (at > 4_096 && at % 97 === 0 ? byte ^ 0xff : byte)),
  );
  expect(await backup()).toMatchObject({ code: 7, stderr: expect.stringContaining('is damaged') });
  writeFileSync(database, bytes);
  const db = new DatabaseSync(database, { enableForeignKeyConstraints: false });
  db.exec('DELETE FROM keys');
  db.close();
  expect(await backup()).toMatchObject({ code: 7, stderr: expect.stringContaining('a row is missing') });
  expect(namesIn(home.path)).toEqual([]);
});

test('neither a backup nor a restore takes the database itself for the backup, under whatever name and with --force', async () => {
  await during((admin) => admin.create({ name: 'one' }));
  const link = join(home.path, 'link.db');
  symlinkSync(database, link);
  const before = readFileSync(database);
  for (const path of [database, join(dirname(database), '.', basename(database)), link]) {
    const refused = await home.keys(['serve', 'backup', path, '--database', database, '--force']);
    expect(refused).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringContaining('is the database itself'),
    });
  }
  const restored = await home.keys(['serve', 'restore', link, '--database', database, '--yes']);
  expect(restored).toMatchObject({
    code: 2,
    stdout: '',
    stderr: expect.stringContaining('is the database itself'),
  });
  expect(readFileSync(database)).toEqual(before);
  expect(lstatSync(link).isSymbolicLink()).toBe(true);
});

test('neither a backup nor a restore puts a file in the place of what is none, nor reads from it', async () => {
  await during((admin) => admin.create({ name: 'first' }));
  const directory = join(home.path, 'directory');
  mkdirSync(directory);
  const pipe = join(home.path, 'pipe');
  execFileSync('mkfifo', [pipe]);
  const device = join(home.path, 'device');
  symlinkSync('/dev/null', device);
  for (const path of [directory, pipe, device]) {
    const before = lstatSync(path);
    for (const argv of [
      ['backup', path, '--force', '--database', database],
      ['restore', path, '--yes', '--database', database],
      ['restore', database, '--yes', '--database', path],
    ]) {
      const { code, stderr } = await home.keys(['serve', ...argv]);
      expect([code, stderr]).toEqual([2, expect.stringContaining(`${path} is not a file`)]);
    }
    expect(lstatSync(path)).toMatchObject({ ino: before.ino, mode: before.mode });
  }
  copy = join(database, 'beneath-a-file');
  expect((await backup()).code).toBe(7);
});

test('there is no backup of a database that is missing, foreign, newer or PostgreSQL', async () => {
  expect(await backup()).toMatchObject({ code: 2, stderr: expect.stringContaining('there is no database') });
  mkdirSync(dirname(database), { recursive: true });
  const foreign = new DatabaseSync(database);
  foreign.exec('CREATE TABLE recipes (name TEXT)');
  foreign.close();
  expect(await backup()).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('not a database of keys'),
  });
  rmSync(database);
  await during(async () => {});
  raiseStep(database);
  expect(await backup()).toMatchObject({ code: 2, stderr: expect.stringContaining('newer version of keys') });
  const env = { KEYS_SERVE_DATABASE: 'postgres://keys:hunter2@db.example.com/keys' };
  const postgres = await home.keys(['serve', 'backup', copy], { env });
  expect(postgres).toEqual({
    code: 6,
    stdout: '',
    stderr: `keys: the database is PostgreSQL, which has programs of its own for this\nhint: pg_dump --format=custom --file='${copy}' 'postgres://keys@db.example.com/keys'\n`,
  });
  expect((await home.keys(['serve', 'restore', copy], { env })).stderr).toContain(
    `pg_restore --clean --if-exists --single-transaction --dbname='postgres://keys@db.example.com/keys' '${copy}'`,
  );
  const hostless = { KEYS_SERVE_DATABASE: 'postgres://keys:hunter2@/keys?host=/run/postgresql' };
  const socket = await home.keys(['serve', 'backup', copy], { env: hostless });
  expect(socket).toMatchObject({ code: 6, stderr: expect.stringContaining('postgres://USER@HOST/DATABASE') });
  expect(existsSync(copy)).toBe(false);
});

function raiseStep(path: string): void {
  const db = new DatabaseSync(path);
  db.exec(`PRAGMA user_version = ${migrations.length + 1}`);
  db.close();
}

/** A backup, and then a revoked key, a disabled one, one with a new secret, and one that is new. */
async function lived(): Promise<Record<'revoked' | 'disabled' | 'renewed', IssuedKey>> {
  return during(async (admin) => {
    const keys = {
      revoked: await admin.create({ name: 'leaked' }),
      disabled: await admin.create({ name: 'paused' }),
      renewed: await admin.create({ name: 'renewed' }),
    };
    await admin.users?.create({ name: 'leaver' });
    const gone = await admin.create({ name: 'long-gone' });
    await admin.revoke(gone.key.id);
    expect((await backup()).code).toBe(0);
    await admin.revoke(keys.revoked.key.id);
    await admin.disable(keys.disabled.key.id);
    await admin.regenerate(keys.renewed.key.id);
    await admin.users?.disable('leaver');
    const fresh = await admin.create({ name: 'fresh' });
    await admin.revoke(fresh.key.id);
    return keys;
  });
}

test('restore tells what ended since the backup, asks while nobody else can write, and keeps the database before', async () => {
  const { revoked, disabled } = await lived();
  const no = await home.keys(['serve', 'restore', copy, '--database', database], {
    terminal: true,
    answers: [{ asked: `Replace ${database}?`, answer: false }],
    onQuestion() {
      const other = new DatabaseSync(database, { timeout: 0 });
      // What was written meanwhile would be lost.
      expect(() => other.exec('BEGIN IMMEDIATE')).toThrow('database is locked');
      other.close();
    },
  });
  expect(no).toMatchObject({ code: 130, stdout: '' });
  expect(no.stderr).toContain(
    'Newer than the backup: 1 revocation, 1 disabled key, 1 disabled user, 1 ended secret, 0 passwords, 0 ended sessions.',
  );
  expect(no.stderr).toContain(`revoked  ${revoked.key.id}  leaked  (default)`);
  expect(no.stderr).toContain('disabled user  leaver\n');
  expect(no.stderr).toContain(`disabled  ${disabled.key.id}  paused  (default)`);
  expect(await restore()).toMatchObject({ code: 2, stderr: expect.stringContaining('hint: add --yes') });
  expect(await during((admin) => admin.get(revoked.key.id))).toMatchObject({ status: 'revoked' });
  expect(namesIn(dirname(database))).toEqual(['keys.db']);

  const yes = await restore('--yes', '--json');
  expect(yes.code).toBe(0);
  const { replaced, undone } = JSON.parse(yes.stdout) as { replaced: string; undone: { revoked: Key[] } };
  expect(undone.revoked.map(({ id }) => id)).toEqual([revoked.key.id]);
  expect(yes.stderr).toContain(`keys revoke ${revoked.key.id}\n`);
  expect(await during((admin) => admin.verify(revoked.secret))).toMatchObject({ valid: true });
  expect(statSync(database).mode & 0o777).toBe(0o600);
  database = replaced;
  expect(await during((admin) => admin.get(revoked.key.id))).toMatchObject({ status: 'revoked' });
});

test('restore tells of passwords that were changed and sessions that ended since the backup: they would work again', async () => {
  const password = new Secret('correct horse battery');
  const context = { address: null, requestId: null };
  await during(async (admin, { sessions, authenticate }) => {
    for (const name of ['ann', 'bob', 'carol']) await admin.users?.create({ name, password });
    const [session] = await Promise.all(
      ['ann', 'bob', 'carol'].map((name) => sessions.open(name, password, context)),
    );
    await backup();
    const caller = await authenticate(session?.accessToken ?? password);
    if (caller) await sessions.end(caller, context);
    await admin.users?.edit('bob', { password: new Secret('another one entirely') });
  });
  const { stderr, stdout } = await restore('--yes', '--json');
  expect(stderr).toContain('0 ended secrets, 1 password, 2 ended sessions. What ended would work again.');
  expect(stderr).toContain('password of  bob\n');
  expect(JSON.parse(stdout)).toMatchObject({ undone: { passwords: ['bob'], sessions: 2, users: [] } });
  await during((_, { sessions }) => sessions.open('bob', password, context));
});

test('a backup of another database is told from an earlier state of this one', async () => {
  await during((admin) => admin.create({ name: 'here' }));
  const own = database;
  database = newDatabasePath();
  await during((admin) => admin.create({ name: 'elsewhere' }));
  await backup();
  database = own;
  const { stderr, stdout } = await restore('--yes', '--json');
  expect(stderr).toContain('This backup is no earlier state of this database');
  expect(stderr).not.toContain('No key, secret');
  const { replaced, undone } = JSON.parse(stdout) as { replaced: string; undone: { earlier: boolean } };
  expect(undone.earlier).toBe(false);
  // It is named by the second, and the next restore may come within the same one.
  rmSync(replaced);
  await backup('--force');
  await during((admin) => admin.create({ name: 'later' }));
  const again = await restore('--yes', '--json');
  expect(again.stderr).toContain('No key, secret');
  expect(JSON.parse(again.stdout)).toMatchObject({ undone: { earlier: true } });
});

test('restore tells of users whose roles were changed since the backup: they have those before again', async () => {
  await during(async (admin) => {
    await admin.create({ name: 'first' });
    for (const name of ['ann', 'bob', 'carol']) await admin.users?.create({ name, role: 'admin' });
    await admin.users?.join('carol', { namespace: 'default', role: 'owner' });
    await backup();
    await admin.users?.edit('bob', { role: 'member' });
    await admin.users?.leave('carol', 'default');
  });
  const { stderr, stdout } = await restore('--yes', '--json');
  expect(stderr).toContain('roles of  bob\n  roles of  carol\n');
  expect(JSON.parse(stdout)).toMatchObject({ undone: { roles: ['bob', 'carol'] } });
});

test('restore to a place without a database asks nothing, and is private, whatever the backup was', async () => {
  await during((admin) => admin.create({ name: 'one' }));
  await backup();
  rmSync(database);
  expect(await restore()).toMatchObject({ code: 0, stdout: `${database}: 1 key\n`, stderr: '' });
  expect((await during((admin) => admin.list({}))).keys.map(({ name }) => name)).toEqual(['one']);
  database = join(home.path, 'new', 'keys.db');
  chmodSync(copy, 0o644);
  expect((await restore()).code).toBe(0);
  expect([dirname(database), database].map((path) => statSync(path).mode & 0o777)).toEqual([0o700, 0o600]);
});

test('restore is refused while a service has the database open, and changes nothing', async () => {
  const server = await serverProcess([], database);
  await backup();
  const refused = await restore('--yes');
  expect(refused).toMatchObject({ code: 7, stdout: '', stderr: expect.stringContaining('is in use') });
  const headers = { authorization: `Bearer ${server.secret}` };
  expect((await fetch(`${server.url}/v1/whoami`, { headers })).status).toBe(200);
  expect(await server.stop()).toBe(0);
  expect(namesIn(dirname(database))).toEqual(['keys.db']);
  expect(await restore('--yes')).toMatchObject({ code: 0 });
});

test('a service killed in mid-work leaves a log, and restore keeps what is in it', async () => {
  const server = await serverProcess([], database);
  await backup();
  const headers = { authorization: `Bearer ${server.secret}`, 'content-type': 'application/json' };
  await fetch(`${server.url}/v1/keys`, { method: 'POST', headers, body: '{"name":"in the log"}' });
  await server.stop('SIGKILL');
  expect(existsSync(`${database}-wal`)).toBe(true);
  const { replaced } = await home.json<{ replaced: string }>([
    ...['serve', 'restore', copy, '--database', database, '--yes'],
  ]);
  expect(namesIn(dirname(database))).toEqual(['keys.db', basename(replaced)]);
  const names = (keys: Key[]) => keys.map(({ name }) => name);
  expect(names((await during((admin) => admin.list({}))).keys)).toEqual(['admin']);
  database = replaced;
  expect(names((await during((admin) => admin.list({}))).keys)).toContain('in the log');
});

test("another database's log where the database was is refused, and so is a backup with a log beside it", async () => {
  await during((admin) => admin.create({ name: 'one' }));
  await backup();
  rmSync(database);
  for (const end of ['-wal', '-journal', '-shm']) {
    writeFileSync(database + end, 'pages of another database');
    expect(await restore('--yes')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(`${end} belongs to`),
    });
    expect(existsSync(database)).toBe(false);
    rmSync(database + end);
  }
  for (const end of ['-wal', '-journal']) {
    writeFileSync(copy + end, 'pages');
    expect(await restore('--yes')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('is no backup'),
    });
    expect(existsSync(database)).toBe(false);
    rmSync(copy + end);
  }
});

test("another program's database is not replaced, also with --yes: exit 2", async () => {
  await during((admin) => admin.create({ name: 'one' }));
  await backup();
  database = join(home.path, 'recipes.db');
  const foreign = new DatabaseSync(database);
  foreign.exec('CREATE TABLE recipes (name TEXT)');
  foreign.close();
  const before = readFileSync(database);
  expect(await restore('--yes')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('recipes.db is not a database of keys'),
  });
  expect(readFileSync(database).equals(before)).toBe(true);
});

test('a backup that is missing, damaged, foreign or newer is refused, and the database stays', async () => {
  await during((admin) => admin.create({ name: 'one' }));
  const before = readFileSync(database);
  expect((await restore('--yes')).stderr).toContain('there is no backup');
  await backup();
  const bytes = readFileSync(copy);
  writeFileSync(copy, bytes.subarray(0, 8_192));
  expect((await restore('--yes')).code).toBe(7);
  writeFileSync(
    copy,
    bytes.map((byte, at) => (at > 4_096 && at % 97 === 0 ? byte ^ 0xff : byte)),
  );
  expect((await restore('--yes')).code).toBe(7);
  writeFileSync(copy, 'Dear diary, '.repeat(1_000));
  expect((await restore('--yes')).code).toBe(2);
  writeFileSync(copy, bytes);
  raiseStep(copy);
  expect((await restore('--yes')).stderr).toContain('newer version of keys');
  expect(readFileSync(database).equals(before)).toBe(true);
  expect(namesIn(dirname(database))).toEqual(['keys.db']);
});

test.each([0, 100])('a database damaged from byte %i on can be replaced, and is kept', async (begin) => {
  await during((admin) => admin.create({ name: 'one' }));
  await backup();
  const damaged = readFileSync(database).fill(0xff, begin, 4_096);
  writeFileSync(database, damaged);
  const { code, stderr } = await restore('--yes');
  expect({ code, stderr }).toMatchObject({
    code: 0,
    stderr: expect.stringContaining('nobody can say what ended'),
  });
  const [kept = ''] = namesIn(dirname(database)).filter((name) => name.includes('.replaced-'));
  expect(readFileSync(join(dirname(database), kept)).equals(damaged)).toBe(true);
  expect((await during((admin) => admin.list({}))).keys.map(({ name }) => name)).toEqual(['one']);
});

test('a backup that cannot be written leaves nothing behind, and is not told to be another database', async () => {
  await during((admin) => admin.create({ name: 'one' }));
  copy = join(database, 'copy.db');
  const { code, stderr } = await backup();
  expect({ code, stderr }).toMatchObject({ code: 7, stderr: expect.stringContaining('not a directory') });
  expect(stderr).not.toContain('KEYS_DATA_DIR');
  copy = join(home.path, 'no', 'such', 'place');
  expect(await backup()).toMatchObject({ code: 2, stderr: expect.stringContaining('there is no directory') });
  copy = home.path;
  expect((await backup()).code).toBe(5);
  expect(namesIn(home.path)).toEqual([]);
});
