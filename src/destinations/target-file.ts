/** A file that a secret is put into, for the destinations that are one. */
import { constants } from 'node:fs';
import { lstat, open, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { KeysError } from '../errors.ts';
import { isMissing } from '../files.ts';
import { requireHome } from '../paths.ts';

export interface FoundFile {
  readonly content: Buffer;
  /** Permission bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Changes whenever the file is written or replaced. */
  readonly version: string;
}

/** More is not read. */
export const maxBytes = 1_048_576;

/**
 * Absolute; a leading `~/`, which shells leave alone after a colon, is the home directory. Throws `invalid` where there is none, and for
 * what names a directory, be it there or not.
 */
export function absolutePath(path: string, env: NodeJS.ProcessEnv): string {
  if (/(^~|\/|(^|\/)\.\.?)$/.test(path)) throw notPlain(path, 'a directory', 'name a file in it');
  return path.startsWith('~/') ? join(requireHome(env), path.slice(2)) : resolve(path);
}

/** The file at `path`; `null` when there is none. Throws `invalid` for anything that is no plain file, and what the system says. */
export async function findFile(path: string): Promise<FoundFile | null> {
  const found = await lstat(path).catch((error: unknown) => {
    if (isMissing(error)) return null;
    throw error;
  });
  if (found === null) return null;
  if (found.isSymbolicLink()) throw notPlain(path, 'a symbolic link', 'name the file that it points to');
  if (found.isDirectory()) throw notPlain(path, 'a directory', 'name a file in it');
  if (!found.isFile()) throw notPlain(path, 'a device, a socket or a pipe', 'name a plain file');
  if (found.nlink > 1)
    throw notPlain(path, 'one of several hard links to a file', 'the others would keep the old content');
  if (await isMounted(path)) {
    throw notPlain(path, 'mounted on its own, so that it cannot be replaced', 'mount its directory instead');
  }
  if (found.size > maxBytes) throw new KeysError('invalid', `${path} is larger than ${maxBytes} bytes`);
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const { mode, uid, gid, ino, mtimeNs, ctimeNs, size } = await file.stat({ bigint: true });
    return {
      content: await file.readFile(),
      mode: Number(mode) & 0o7777,
      uid: Number(uid),
      gid: Number(gid),
      version: [ino, mtimeNs, ctimeNs, size].join(' '),
    };
  } finally {
    await file.close();
  }
}

/** Whose the new file must be so that whoever read the old one can read it too; nothing when that is us anyway. */
export function ownerToKeep(found: FoundFile | null): { uid: number; gid: number } | undefined {
  if (!found || !process.geteuid || !process.getegid) return undefined;
  const { uid, gid } = found;
  return uid === process.geteuid() && gid === process.getegid() ? undefined : { uid, gid };
}

/** As containers do with a single file. Only Linux tells. */
async function isMounted(path: string): Promise<boolean> {
  const table = await readFile('/proc/self/mountinfo', 'latin1').catch(() => '');
  const name = Buffer.from(path)
    .toString('latin1')
    .replace(/[ \t\n\\]/g, octalEscape);
  return table.split('\n').some((line) => line.split(' ')[4] === name);
}

function octalEscape(character: string): string {
  return `\\${character.charCodeAt(0).toString(8).padStart(3, '0')}`;
}

function notPlain(path: string, what: string, hint: string): KeysError {
  return new KeysError('invalid', `${path} is ${what}`, { hint });
}
