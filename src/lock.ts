/**
 * One process at a time. The lock is SQLite's own on an empty database, which is the operating system's lock on that
 * file: it ends with the process that holds it, however that ends, so there is no dead owner to recognise, no file to
 * take over, and no gap in which two processes take over at once.
 */
import { accessSync, closeSync, constants, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { codeOf, KeysError } from './errors.ts';
import { makePrivateDirectory } from './files.ts';

const sqliteBusy = 5;

/** A lock that nothing refers to would be collected as garbage, and be free. */
const held = new Set<DatabaseSync>();

export interface LockOptions {
  readonly signal: AbortSignal;
  /** How long to wait for whoever holds it, in milliseconds. */
  readonly waitMs?: number;
}

/**
 * Does `work` while no other process, and nobody else in this one, holds the lock file at `path`. The file stays, empty.
 * Throws `unavailable` when the lock stays taken, and the signal's reason.
 */
export async function withLock<T>(path: string, options: LockOptions, work: () => Promise<T>): Promise<T> {
  await makePrivateDirectory(dirname(path));
  const database = openLockFile(path);
  try {
    await acquire(database, path, options);
    held.add(database);
    return await work();
  } finally {
    held.delete(database);
    database.close();
  }
}

function openLockFile(path: string): DatabaseSync {
  try {
    // Only a file that is new is opened here: closing any descriptor of a file drops this process's locks on it.
    closeSync(openSync(path, 'wx', 0o600));
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
    // One that another user has left, as sudo does: SQLite would not say which file it is, nor why.
    accessSync(path, constants.R_OK | constants.W_OK);
  }
  return new DatabaseSync(path, { timeout: 0 });
}

async function acquire(database: DatabaseSync, path: string, { signal, waitMs = 10_000 }: LockOptions) {
  const deadline = performance.now() + waitMs;
  for (;;) {
    signal.throwIfAborted();
    if (tryAcquire(database)) return;
    if (performance.now() > deadline) {
      throw new KeysError('unavailable', `another process keeps ${path} locked`, {
        hint: 'wait for the other keys command to end, then try again',
      });
    }
    await sleep(10 + Math.random() * 20);
  }
}

function tryAcquire(database: DatabaseSync): boolean {
  try {
    // Nothing is ever written, so no journal has to lie beside the file.
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
    return true;
  } catch (error) {
    if ((error as { errcode?: number }).errcode === sqliteBusy) return false;
    throw error;
  }
}
