/** A copy of the database while the service runs, and the way back. */
import { randomBytes } from 'node:crypto';
import { constants, existsSync, statSync } from 'node:fs';
import { chmod, copyFile, link, open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { backup, DatabaseSync } from 'node:sqlite';
import { codeOf, KeysError } from '../errors.ts';
import { isMissing, makePrivateDirectory, syncDirectory } from '../files.ts';
import { shellWord } from '../text.ts';
import { busyMs, databaseError, primaryCode, requireFile, requireOurs, sqlite } from './sqlite-open.ts';
import { type Undone, undoneBy } from './sqlite-undone.ts';

export interface Backup {
  readonly path: string;
  readonly bytes: number;
  /** How many keys are in it, revoked ones among them. */
  readonly keys: number;
}

/** What SQLite puts beside a database. */
const logs = ['-wal', '-shm', '-journal'];

/** All pages in one step: a copy in several begins anew whenever the service writes between. */
const allPages = 0x7fffffff;

/**
 * Copies the database at `from` to the new file `to`, which is there whole or not at all. Throws `invalid` when there is no
 * database of ours, `conflict` when `to` is taken and may not be replaced, `unavailable`.
 */
export async function backUp(from: string, to: string, replace: boolean): Promise<Backup> {
  if (!existsSync(from))
    throw new KeysError('invalid', `there is no database ${from}`, { hint: 'name it: --database <path>' });
  requireAnother(to, from);
  if (!replace && existsSync(to)) throw taken(to);
  requireFile(to);
  const copy = besides(to);
  try {
    await createPrivately(copy);
    await using(from, async (db) => {
      requireOurs(db, from);
      await backup(db, copy, { rate: allPages });
    });
    const keys = await using(copy, async (db) => {
      requireSound(db, from);
      return amountOfKeys(db);
    });
    await sync(copy);
    const bytes = statSync(copy).size;
    await (replace ? rename(copy, to) : publish(copy, to));
    await syncDirectory(dirname(to));
    return { path: to, bytes, keys };
  } catch (error) {
    throw fileError(to, error);
  } finally {
    // Where nothing could be written, there is nothing to remove either.
    await rm(copy, { force: true }).catch(() => {});
  }
}

/** A backup that has been checked and lies beside the database, which nobody else can open meanwhile. */
export interface Restore {
  readonly keys: number;
  /** `null` where there is no database, or none that can be read. */
  readonly undone: Undone | null;
  /** Whether a database is replaced. */
  readonly replaces: boolean;
  /** Puts the backup in the database's place; where the database before is kept. */
  apply(): Promise<string | null>;
  /** Ends it, applied or not. */
  close(): Promise<void>;
}

/**
 * Prepares to put a backup in the place of a database. Throws `invalid` for what is no whole backup of ours and for a place
 * that holds remains of another database, and `unavailable` while the database is in use.
 */
export async function prepareRestore(from: string, to: string, now: number): Promise<Restore> {
  for (const path of [from, to]) requireFile(path);
  requireAlone(from);
  requireAnother(from, to);
  await makePrivateDirectory(dirname(to));
  const copy = besides(to);
  let current = null as DatabaseSync | null;
  const close = async () => {
    if (current?.isOpen) current.close();
    await rm(copy, { force: true });
  };
  try {
    await copyFile(from, copy, constants.COPYFILE_EXCL);
    await chmod(copy, 0o600);
    const replaces = existsSync(to);
    if (!replaces) requireNoRemains(to);
    const { keys, undone } = await using(copy, async (db) => {
      requireOurs(db, from);
      requireSound(db, from);
      if (replaces) current = takeOver(to);
      return { keys: amountOfKeys(db), undone: current && undoneBy(db, current, now) };
    });
    await sync(copy);
    return {
      keys,
      undone,
      replaces,
      close,
      async apply() {
        const kept = replaces
          ? `${to}.replaced-${new Date(now).toISOString().replace(/[-:]|\.\d+/g, '')}`
          : null;
        try {
          if (kept !== null) {
            // Of a database that could not be opened; others have none by now.
            for (const end of logs.filter((each) => existsSync(to + each)))
              await rename(to + end, kept + end);
            await publish(to, kept, true);
          }
          await rename(copy, to);
          await syncDirectory(dirname(to));
        } catch (error) {
          throw fileError(to, error);
        }
        return kept;
      },
    };
  } catch (error) {
    await close();
    throw fileError(from, error);
  }
}

/** A service that runs would go on with a file that has no name any more. */
function requireAnother(backup: string, database: string): void {
  const [one, other] = [backup, database].map((path) =>
    statSync(path, { throwIfNoEntry: false, bigint: true }),
  );
  if (!one || one.ino !== other?.ino || one.dev !== other.dev) return;
  throw new KeysError('invalid', `${backup} is the database itself, not a backup`, {
    hint: 'name another file',
  });
}

/** A database with a log beside it lacks what is in the log. */
function requireAlone(path: string): void {
  if (!existsSync(path)) throw new KeysError('invalid', `there is no backup ${path}`);
  const log = ['-wal', '-journal'].map((end) => path + end).find((each) => sizeOf(each) > 0);
  if (!log) return;
  throw new KeysError('invalid', `${path} is no backup: ${basename(log)} beside it holds a part of it`, {
    hint: `make one of it: keys serve backup --database ${shellWord(path)} <path>`,
  });
}

/** A log that was left behind would be read as a part of the restored database. */
function requireNoRemains(path: string): void {
  const remains = logs.map((end) => path + end).find((each) => existsSync(each));
  if (!remains) return;
  throw new KeysError('invalid', `${remains} belongs to a database that is not there any more`, {
    hint: 'move it away; or move its database back, if you have it',
  });
}

/** Takes the log into the file and keeps everybody else out, or throws `unavailable`. */
function takeOver(path: string): DatabaseSync | null {
  const inUse = new KeysError('unavailable', `the database ${path} is in use`, {
    hint: 'stop the service first, on every machine that runs it',
  });
  const db = new DatabaseSync(path, { timeout: 500 });
  try {
    requireOurs(db, path);
    // Only who is alone may leave the mode of many readers.
    const mode = db.prepare('PRAGMA journal_mode = DELETE').get()?.journal_mode;
    if (mode !== 'delete' || existsSync(`${path}-wal`)) throw inUse;
    db.exec('BEGIN EXCLUSIVE');
    return db;
  } catch (error) {
    db.close();
    const code = primaryCode(error);
    if (code === sqlite.busy || code === sqlite.locked) throw inUse;
    // A damaged one is what backups are for.
    if (code === sqlite.corrupt || code === sqlite.notADatabase) return null;
    throw error;
  }
}

async function using<T>(path: string, work: (db: DatabaseSync) => Promise<T>): Promise<T> {
  const db = new DatabaseSync(path, { timeout: busyMs });
  try {
    return await work(db);
  } finally {
    if (db.isOpen) db.close();
  }
}

/** Every page, every index, every reference; and one file that needs none beside it. */
function requireSound(db: DatabaseSync, path: string): void {
  db.exec('PRAGMA journal_mode = DELETE');
  const said = db.prepare('PRAGMA integrity_check(1)').get()?.integrity_check;
  const dangling = db.prepare('PRAGMA foreign_key_check').get();
  if (said === 'ok' && !dangling) return;
  throw new KeysError(
    'unavailable',
    `the database ${path} is damaged: ${said === 'ok' ? 'a row is missing' : said}`,
    {
      hint: 'take an earlier backup',
    },
  );
}

function amountOfKeys(db: DatabaseSync): number {
  return Number(db.prepare('SELECT count(*) AS amount FROM keys').get()?.amount);
}

function besides(path: string): string {
  return join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}.tmp`);
}

async function createPrivately(path: string): Promise<void> {
  await (await open(path, 'wx', 0o600)).close();
}

async function sync(path: string): Promise<void> {
  const file = await open(path, 'r+');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Gives a file a second name, unless that is taken; where a file system knows no second names, a copy. */
async function publish(path: string, name: string, keepFirst = false): Promise<void> {
  try {
    await link(path, name);
  } catch (error) {
    if (!['EPERM', 'ENOTSUP', 'ENOSYS', 'EMLINK'].includes(codeOf(error))) throw error;
    await copyFile(path, name, constants.COPYFILE_EXCL);
    await chmod(name, 0o600);
    await sync(name);
  }
  if (!keepFirst) await rm(path, { force: true });
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

function taken(path: string): KeysError {
  return new KeysError('conflict', `there is a file ${path} already`, {
    hint: 'choose another name, or replace it with --force',
  });
}

function fileError(path: string, error: unknown): unknown {
  if (error instanceof KeysError) return error;
  if (codeOf(error) === 'EEXIST') return taken(path);
  if (isMissing(error))
    return new KeysError('invalid', `there is no directory ${dirname(path)}`, { cause: error });
  return databaseError(path, error);
}
