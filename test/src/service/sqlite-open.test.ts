import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, onTestFinished, test, vi } from 'vitest';
import { migrations } from '../../../src/service/migrations/index.ts';
import { databaseError, openDatabase, requireFullSync } from '../../../src/service/sqlite-open.ts';
import { refuses } from '../../contracts/key-service.ts';
import { newDatabasePath } from '../../fakes/database.ts';
import { canMount, smallDisk } from '../../fakes/small-disk.ts';

function withDatabase(work: (db: DatabaseSync) => void): string {
  const path = newDatabasePath();
  mkdirSync(dirname(path), { recursive: true });
  const db = new DatabaseSync(path);
  work(db);
  db.close();
  return path;
}

test('every connection waits for the disk, in WAL mode, with foreign keys', async () => {
  const path = newDatabasePath();
  for (const _ of ['first', 'second']) {
    const db = await openDatabase(path);
    const pragma = (name: string) => Object.values(db.prepare(`PRAGMA ${name}`).get() ?? {})[0];
    expect([pragma('synchronous'), pragma('journal_mode'), pragma('foreign_keys')]).toEqual([2, 'wal', 1]);
    expect(pragma('user_version')).toBe(migrations.length);
    // What another process does is waited for: fifteen seconds.
    expect(pragma('busy_timeout')).toBe(15_000);
    // Without it the log would grow without end.
    expect(pragma('wal_autocheckpoint')).toBe(4_000);
    db.exec('PRAGMA synchronous = NORMAL');
    expect(() => requireFullSync(db)).toThrow('does not wait for the disk');
    db.close();
  }
});

test('steps that would not wait for the disk are not taken', async () => {
  const path = newDatabasePath();
  const { exec } = DatabaseSync.prototype;
  const executed = vi.spyOn(DatabaseSync.prototype, 'exec').mockImplementation(function (
    this: DatabaseSync,
    sql,
  ) {
    exec.call(this, sql.replace('synchronous = FULL', 'synchronous = NORMAL'));
  });
  onTestFinished(() => executed.mockRestore());
  await expect(openDatabase(path)).rejects.toThrow('does not wait for the disk');
  executed.mockRestore();
  const db = new DatabaseSync(path);
  expect(db.prepare('SELECT name FROM sqlite_schema').all()).toEqual([]);
  db.close();
});

/** A new database that another connection is writing to; SQLite itself does not wait for that one before the switch to WAL. */
function busyDatabase(): { path: string; release: () => void } {
  const path = withDatabase(() => {});
  const db = new DatabaseSync(path);
  db.exec('BEGIN IMMEDIATE');
  return { path, release: () => db.close() };
}

test('a new database that another process is writing to is opened when that one is done', async () => {
  const { path, release } = busyDatabase();
  const opening = openDatabase(path);
  release();
  (await opening).close();
});

test('a new database that another process does not let go of is busy after fifteen seconds, and not before', async () => {
  const { path, release } = busyDatabase();
  onTestFinished(release);
  const now = vi.spyOn(Date, 'now').mockReturnValue(0);
  onTestFinished(() => now.mockRestore());
  const opening = openDatabase(path);
  now.mockClear();
  now.mockReturnValue(15_000);
  await vi.waitUntil(() => now.mock.calls.length >= 2, { timeout: 20_000 });
  now.mockReturnValue(15_001);
  await expect(opening).rejects.toMatchObject({
    code: 'unavailable',
    message: `the database ${path} is not usable: it is busy`,
  });
});

test('what was deleted is nowhere in the file', async () => {
  const path = newDatabasePath();
  const db = await openDatabase(path);
  const seal = 'a destroyed seal '.repeat(100);
  db.prepare('INSERT INTO namespaces (name, created_at) VALUES (?, 0)').run(seal);
  const holds = () => {
    db.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    return readFileSync(path).includes('a destroyed seal');
  };
  expect(holds()).toBe(true);
  db.prepare('DELETE FROM namespaces WHERE name = ?').run(seal);
  expect(holds()).toBe(false);
  db.close();
});

test('a database of a newer version is refused and left as it is', async () => {
  const path = newDatabasePath();
  (await openDatabase(path)).close();
  const db = new DatabaseSync(path);
  db.exec(`PRAGMA user_version = ${migrations.length + 1}`);
  db.close();
  const before = readFileSync(path);
  await expect(openDatabase(path)).rejects.toThrow('was written by a newer version of keys');
  expect(readFileSync(path).equals(before)).toBe(true);
});

test('a database that is not at the step it says is refused as damaged and left as it is', async () => {
  for (const step of [-1, 0, 3]) {
    const path = newDatabasePath();
    (await openDatabase(path)).close();
    const db = new DatabaseSync(path);
    db.exec(`PRAGMA journal_mode = DELETE; PRAGMA user_version = ${step}`);
    db.close();
    await refuses('invalid', openDatabase(path), new RegExp(`says that it is at step ${step}`));
    const after = new DatabaseSync(path);
    expect(after.prepare('PRAGMA user_version').get()).toEqual({ user_version: step });
    after.close();
  }
});

test("another program's database is refused and left as it is", async () => {
  const path = withDatabase((db) => db.exec('CREATE TABLE recipes (name TEXT)'));
  const before = readFileSync(path);
  await expect(openDatabase(path)).rejects.toThrow('is a database of some other program');
  expect(readFileSync(path).equals(before)).toBe(true);
});

test('a file that is no database is refused and left as it is', async () => {
  const path = withDatabase(() => {});
  writeFileSync(path, 'Dear diary, '.repeat(1_000));
  await refuses('invalid', openDatabase(path));
  expect(readFileSync(path, 'utf8')).toBe('Dear diary, '.repeat(1_000));
});

test('a pipe, which would be waited for without end, and a directory are refused', async () => {
  const path = newDatabasePath();
  mkdirSync(dirname(path), { recursive: true });
  execFileSync('mkfifo', [path]);
  for (const place of [path, dirname(path)]) {
    await expect(openDatabase(place)).rejects.toMatchObject({
      code: 'invalid',
      message: `${place} is not a file`,
    });
  }
});

test('a path that cannot be a file is unavailable', async () => {
  const file = withDatabase(() => {});
  await expect(openDatabase(`${file}/keys.db`)).rejects.toMatchObject({
    code: 'unavailable',
    message: `the database ${file}/keys.db is not usable: a part of its path is not a directory`,
    hint: expect.stringContaining('KEYS_DATA_DIR'),
  });
});

test.runIf(canMount)('a disk without room for the index of the log is said to be full', async () => {
  const disk = smallDisk(512);
  const path = join(disk.path, 'keys.db');
  (await openDatabase(path)).close();
  disk.fill();
  await expect(openDatabase(path)).rejects.toThrow('is not usable: the disk is full');
});

/** Holds a database as a restore does until its parent has it open, and then puts another one in its place. */
const replacing = `
  const { readdirSync, readlinkSync, renameSync, realpathSync } = require('node:fs');
  const [path, other] = process.argv.slice(1);
  const db = new (require('node:sqlite').DatabaseSync)(path);
  db.exec('PRAGMA journal_mode = DELETE; BEGIN EXCLUSIVE');
  console.log('held');
  const fds = '/proc/' + process.ppid + '/fd/';
  const target = (fd) => { try { return readlinkSync(fds + fd); } catch {} };
  const waiting = setInterval(() => {
    if (!readdirSync(fds).some((fd) => target(fd) === realpathSync(path))) return;
    clearInterval(waiting);
    renameSync(other, path);
    db.close();
  }, 10);`;

test('whoever waits for a database that a restore replaces opens the one that is there then', async () => {
  const [path, restored] = [newDatabasePath(), newDatabasePath()];
  for (const each of [path, restored]) (await openDatabase(each)).close();
  const { ino } = statSync(restored);
  const restore = spawn(process.execPath, ['-e', replacing, path, restored]);
  await once(restore.stdout, 'data');
  const db = await openDatabase(path);
  onTestFinished(() => db.close());
  db.exec("INSERT INTO namespaces (name, created_at) VALUES ('kept', 0)");
  expect(statSync(path).ino).toBe(ino);
  const again = new DatabaseSync(path, { readOnly: true });
  expect(again.prepare("SELECT name FROM namespaces WHERE name = 'kept'").all()).toHaveLength(1);
  again.close();
});

test.each([
  [261, 'it is busy'],
  [779, 'it is damaged'],
  [2_570, 'the disk failed'],
  [1_032, 'it cannot be written'],
])('what SQLite says more exactly, as %i, is unavailable like what it is a case of: %s', (errcode, said) => {
  expect(databaseError('keys.db', Object.assign(new Error(), { errcode }))).toMatchObject({
    code: 'unavailable',
    message: `the database keys.db is not usable: ${said}`,
  });
});

test('a damaged database is unavailable', async () => {
  const path = newDatabasePath();
  (await openDatabase(path)).close();
  const bytes = readFileSync(path);
  bytes.fill(0xff, 100, 4_096);
  writeFileSync(path, bytes);
  await refuses('unavailable', openDatabase(path));
});
