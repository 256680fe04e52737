/** Room for a file, taken before its content exists: a full disk or a closed directory shows while nothing can be lost yet. */
import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, link, lstat, open, readdir, rename, stat, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { codeOf, KeysError } from './errors.ts';
import { syncDirectory } from './files.ts';

export interface Reservation {
  /**
   * Puts `content` at the path: all of it, and durable, when this resolves. Works once. `last` runs just before, and prevents it by
   * throwing. Throws what the system says; then the path is as it was.
   */
  commit(content: Uint8Array, last?: () => Promise<void>): Promise<void>;
  /** Gives the room back; does nothing after `commit`. */
  release(): Promise<void>;
}

export interface ReserveOptions {
  /** How many bytes will be wanted. */
  readonly bytes: number;
  readonly mode: number;
  /** Whether `commit` may replace a file; without, it fails with `EEXIST`, also when the file appeared meanwhile. */
  readonly replace: boolean;
  /** Whose the new file is to be, when not our own. */
  readonly owner?: { readonly uid: number; readonly gid: number };
}

/** A temporary file of our own beside `path`, as large as will be needed and on the disk. Throws what the system says. */
export async function reserve(path: string, options: ReserveOptions): Promise<Reservation> {
  const temporary = join(
    dirname(path),
    `${temporaryPrefix(path)}${process.pid}-${randomBytes(6).toString('hex')}`,
  );
  const file = await open(temporary, 'wx', 0o600);
  const release = async () => {
    await file.close().catch(() => {});
    await unlink(temporary).catch(() => {});
  };
  try {
    if (options.owner) await file.chown(options.owner.uid, options.owner.gid);
    await file.chmod(options.mode);
    // Random, because a file system that compresses would store zeros for nothing.
    await writeWhole(file, randomBytes(options.bytes));
    await file.sync();
  } catch (error) {
    await release();
    throw error;
  }
  return {
    release,
    async commit(content, last) {
      try {
        await writeWhole(file, content);
        await file.truncate(content.length);
        await file.sync();
        await last?.();
        if (options.replace) await rename(temporary, path);
        else await linkNew(temporary, path);
      } catch (error) {
        await release();
        throw error;
      }
      await file.close();
      await syncDirectory(dirname(path));
    },
  };
}

/** Makes sure that a file which is there already will still be there after a power cut. */
export async function syncFile(path: string): Promise<void> {
  // Windows syncs only what is open for writing; there, it was synced when it was written.
  if (process.platform === 'win32') return;
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  await file.sync().finally(() => file.close());
  await syncDirectory(dirname(path));
}

async function writeWhole(file: FileHandle, content: Uint8Array): Promise<void> {
  let offset = 0;
  while (offset < content.length) {
    const { bytesWritten } = await file.write(content, offset, content.length - offset, offset);
    offset += bytesWritten;
  }
}

/** Gives the temporary file its name unless that is taken, which `rename` cannot do. */
async function linkNew(temporary: string, path: string): Promise<void> {
  try {
    await link(temporary, path);
  } catch (error) {
    // A file system without hard links, or where one costs what is used up, as an inode of a tmpfs. The check leaves an instant in
    // which somebody else's file could be replaced.
    if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'ENOSPC', 'EDQUOT'].includes(codeOf(error)))
      throw error;
    const taken = await lstat(path).then(
      () => true,
      () => false,
    );
    if (taken) throw Object.assign(new Error(`${path} exists`), { code: 'EEXIST' });
    return rename(temporary, path);
  }
  await unlink(temporary);
}

function temporaryPrefix(path: string): string {
  return `.${basename(path).slice(0, 40)}.keys-`;
}

const leftoverAfterMs = 3_600_000;

/**
 * Removes what a killed process left beside `path`: it could hold a secret, and be a second name of the file itself. Throws
 * `forbidden` for a directory that may not be read, and what the system says.
 */
export async function removeLeftovers(path: string): Promise<void> {
  const prefix = temporaryPrefix(path);
  const names = await readdir(dirname(path)).catch((error: unknown) => {
    if (codeOf(error) !== 'EACCES') throw error;
    // One that may be written and not read cannot be synced either: a name in it would not be certain to last.
    throw new KeysError('forbidden', `cannot write ${path}: you may not read its directory`, {
      cause: error,
    });
  });
  for (const name of names) {
    if (!name.startsWith(prefix)) continue;
    const pid = /^(\d+)-[0-9a-f]{12}$/.exec(name.slice(prefix.length))?.[1];
    if (pid === undefined) continue;
    const leftover = join(dirname(path), name);
    if (!isRunning(Number(pid)) || (await isOld(leftover))) await unlink(leftover).catch(() => {});
  }
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return codeOf(error) !== 'ESRCH';
  }
}

async function isOld(path: string): Promise<boolean> {
  return stat(path).then(
    ({ mtimeMs }) => Date.now() - mtimeMs > leftoverAfterMs,
    () => false,
  );
}
