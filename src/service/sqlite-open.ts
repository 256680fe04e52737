/** Opens the database file: private, durable, at the latest step, also when several processes open it first at once. */
import { closeSync, existsSync, mkdirSync, openSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { codeOf, KeysError } from '../errors.ts';
import { migrations } from './migrations/index.ts';
import { sqliteDialect } from './sqlite-dialect.ts';

/** How long one process waits for another; each holds the file for milliseconds. */
export const busyMs = 15_000;

/** How much of the file a process keeps in memory, at most. */
const cacheKib = 32_768;

/** After how many pages the log is copied into the file: 16 MB. The same few pages change again and again, and are copied once. */
const logPages = 4_000;

/** Marks a file as ours in its header: "keys" in ASCII. */
const applicationId = 0x6b657973;

/** SQLite's result codes; `error` stands for a table or a column that is not there, or there already. */
export const sqlite = { error: 1, busy: 5, locked: 6, corrupt: 11, notADatabase: 26 };

/** The file that a database's address stands for, itself a path or `sqlite:PATH`; `null` for PostgreSQL. Throws `invalid`. */
export function sqliteFile(address: string): string | null {
  if (/^postgres(?:ql)?:/i.test(address)) return null;
  // What SQLite calls :memory: would be gone with the process.
  return /^(?:[a-z][a-z0-9+.-]+)?:/i.test(address) ? databasePath(address) : address;
}

/** The path in `sqlite:PATH`. Throws `invalid`. */
export function databasePath(url: string): string {
  // Two slashes and a name would be another machine's, were there such a thing.
  const path = /^sqlite:(?:\/\/(?=\/))?(.+)$/.exec(url)?.[1];
  if (path && !/^(?::|\/\/)/.test(path)) return path;
  throw new KeysError('invalid', `'${url}' is not a database`, { hint: 'write it as sqlite:PATH' });
}

/** Throws `unavailable` when the file cannot be opened, `invalid` when it is not a database of ours or a newer one. */
export async function openDatabase(path: string): Promise<DatabaseSync> {
  const deadline = Date.now() + busyMs;
  for (;;) {
    requireFile(path);
    try {
      createPrivately(path);
    } catch (error) {
      throw databaseError(path, error, placeHint);
    }
    const file = inodeOf(path);
    // A restore may put another file here while this waits for the one that was.
    const isReplaced = () => inodeOf(path) !== file;
    const db = connect(path);
    try {
      prepare(db, path);
      if (!isReplaced()) return db;
      db.close();
    } catch (error) {
      db.close();
      // The switch to WAL does not wait for other processes as everything else does.
      const isPassing = primaryCode(error) === sqlite.busy || isReplaced();
      if (!isPassing || Date.now() > deadline) throw databaseError(path, error);
    }
    await sleep(10);
  }
}

function inodeOf(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.ino;
}

/** In the place of a device or a directory nothing is put, not even by root; and a pipe is no database. */
export function requireFile(path: string): void {
  const found = existsSync(path) ? statSync(path) : null;
  if (!found || found.isFile()) return;
  throw new KeysError('invalid', `${path} is not a file`, { hint: 'name another file' });
}

function createPrivately(path: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  closeSync(openSync(path, 'a', 0o600));
}

function connect(path: string): DatabaseSync {
  try {
    return new DatabaseSync(path, { timeout: busyMs, enableForeignKeyConstraints: true });
  } catch (error) {
    throw databaseError(path, error);
  }
}

function prepare(db: DatabaseSync, path: string): void {
  const step = requireKnown(db, path);
  if (pragma(db, 'application_id') !== applicationId) refuseForeign(db, path);
  db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON');
  // What is deleted is overwritten with zeros: a destroyed seal must not lie in a free page.
  db.exec('PRAGMA secure_delete = ON');
  // Secrets lie all over the file; SQLite's own 2 MB would be read again and again.
  db.exec(`PRAGMA cache_size = -${cacheKib}; PRAGMA wal_autocheckpoint = ${logPages}`);
  if (step === migrations.length) return;
  // What fails from here on is undone when the connection is closed.
  db.exec('BEGIN IMMEDIATE');
  // Asked again: another process may have been here between.
  for (const sql of migrations.slice(stepOf(db))) migrate(db, path, sql(sqliteDialect));
  db.exec(`PRAGMA application_id = ${applicationId}; PRAGMA user_version = ${migrations.length}`);
  requireFullSync(db);
  db.exec('COMMIT');
}

/** Throws `invalid` for a database that is not at the step it says. */
function migrate(db: DatabaseSync, path: string, sql: string): void {
  try {
    db.exec(sql);
  } catch (cause) {
    if (primaryCode(cause) !== sqlite.error) throw cause;
    throw new KeysError(
      'invalid',
      `the database ${path} says that it is at step ${stepOf(db)}, and is not: it is damaged`,
      { cause, hint: 'go back to a backup: keys serve restore <path>' },
    );
  }
}

/** The step of the database. Throws `invalid` for one that this version does not know. */
function requireKnown(db: DatabaseSync, path: string): number {
  const step = stepOf(db);
  if (step < 0) {
    throw new KeysError('invalid', `the database ${path} says that it is at step ${step}: it is damaged`, {
      hint: 'go back to a backup: keys serve restore <path>',
    });
  }
  if (step <= migrations.length) return step;
  throw new KeysError('invalid', `the database ${path} was written by a newer version of keys`, {
    hint: `install that version; this one knows the database up to step ${migrations.length}, it is at ${step}`,
  });
}

/** Throws `invalid` for what this version of keys has not written, nor an older one. */
export function requireOurs(db: DatabaseSync, path: string): void {
  if (pragma(db, 'application_id') !== applicationId) {
    throw new KeysError('invalid', `${path} is not a database of keys`);
  }
  requireKnown(db, path);
}

/** Only an empty file becomes ours. Between the two questions another process may have made it so. */
function refuseForeign(db: DatabaseSync, path: string): void {
  const tables = db.prepare('SELECT count(*) AS amount FROM sqlite_schema').get()?.amount;
  if (tables === 0 || pragma(db, 'application_id') === applicationId) return;
  throw new KeysError('invalid', `${path} is a database of some other program`, {
    hint: 'choose another path for the database',
  });
}

/** After a write: in WAL mode SQLite can answer FULL before and still run at NORMAL, which forgets commits in a power cut. */
export function requireFullSync(db: DatabaseSync): void {
  if (pragma(db, 'synchronous') === 2) return;
  throw new KeysError('unavailable', 'the database does not wait for the disk; nothing was changed');
}

export function stepOf(db: DatabaseSync): number {
  return pragma(db, 'user_version');
}

function pragma(db: DatabaseSync, name: 'application_id' | 'synchronous' | 'user_version'): number {
  return Number(db.prepare(`PRAGMA ${name}`).get()?.[name]);
}

/** SQLite's result code without its extension, or `null` for an error that is not SQLite's. */
export function primaryCode(error: unknown): number | null {
  const code = extendedCode(error);
  return code === null ? null : code & 0xff;
}

function extendedCode(error: unknown): number | null {
  return error instanceof Error && 'errcode' in error ? Number(error.errcode) : null;
}

/** By SQLite's result code, and by the file system's where a place for the file is made. */
const troubles: Record<number | string, string> = {
  3: 'permission denied',
  5: 'it is busy',
  8: 'it cannot be written',
  10: 'the disk failed',
  11: 'it is damaged',
  13: 'the disk is full',
  14: 'it cannot be opened',
  // The index of the log, a file of its own, cannot grow.
  4874: 'the disk is full',
  EACCES: 'permission denied',
  EDQUOT: 'the disk quota is used up',
  // Of a file system that is read-only, Node says the same.
  ENOENT: 'its directory is not there and cannot be made',
  ENOSPC: 'the disk is full',
  EEXIST: 'a part of its path is not a directory',
  ENOTDIR: 'a part of its path is not a directory',
  EROFS: 'the file system is read-only',
};

const placeHint =
  'make it your own, or name another directory in KEYS_DATA_DIR; for keys serve, another database';

/** SQLite's and the file system's errors in our words, of the latter with the hint; others as they are. */
export function databaseError(path: string, error: unknown, hint: string | null = null): unknown {
  const code = primaryCode(error);
  if (code === sqlite.notADatabase) {
    return new KeysError('invalid', `${path} is not a database`, {
      cause: error,
      hint: 'choose another path for the database',
    });
  }
  if (code !== null) {
    const trouble = troubles[extendedCode(error) ?? code] ?? troubles[code];
    return trouble === undefined ? error : notUsable(path, trouble, error);
  }
  if (!(error instanceof Error && 'syscall' in error && 'code' in error)) return error;
  return notUsable(path, troubles[codeOf(error)] ?? codeOf(error), error, hint);
}

function notUsable(path: string, trouble: string, cause: unknown, hint: string | null = null): KeysError {
  return new KeysError('unavailable', `the database ${path} is not usable: ${trouble}`, { cause, hint });
}
