/** How destinations say what went wrong. */
import { dirname } from 'node:path';
import { codeOf, type ErrorCode, KeysError } from '../errors.ts';
import { shellWord } from '../text.ts';
import type { DestinationKind } from './index.ts';

export function invalidTarget({ syntax, example }: DestinationKind, message: string): KeysError {
  return new KeysError('invalid', message, { hint: `write it as ${syntax}, for example: ${example}` });
}

/** Runs a delivery: whatever fails in it, the secret has not arrived for certain, and the exit code says so. */
export async function failing<T>(place: string, delivery: () => Promise<T>): Promise<T> {
  try {
    return await delivery();
  } catch (error) {
    const hint = error instanceof KeysError ? error.hint : null;
    throw new KeysError('undelivered', `the secret could not be delivered to ${place}: ${reasonOf(error)}`, {
      cause: error,
      hint,
    });
  }
}

const reasons: Readonly<Record<string, readonly [ErrorCode, string]>> = {
  ENOENT: ['invalid', 'its directory does not exist'],
  ENOTDIR: ['invalid', 'a part of its path is not a directory'],
  EISDIR: ['invalid', 'it is a directory'],
  ENAMETOOLONG: ['invalid', 'its name is too long'],
  ELOOP: ['invalid', 'it is a symbolic link'],
  EEXIST: ['conflict', 'there is a file already'],
  EACCES: ['forbidden', 'permission denied'],
  EPERM: ['forbidden', 'operation not permitted'],
  EROFS: ['forbidden', 'the file system is read-only'],
  ENOSPC: ['unavailable', 'no space left'],
  EDQUOT: ['unavailable', 'the disk quota is used up'],
};

const hints: Readonly<Record<string, (path: string) => string>> = {
  ENOENT: (path) => `mkdir -p ${shellWord(dirname(path))}`,
  EPERM: () => 'it would not stay with its owner and group: run this as its owner, or name another file',
};

/** A failure of the file system before anything was minted. */
export function fileError(error: unknown, path: string): KeysError {
  if (error instanceof KeysError) return error;
  const [code = 'unavailable'] = reasons[codeOf(error)] ?? [];
  const hint = hints[codeOf(error)]?.(path) ?? null;
  return new KeysError(code, `cannot write ${path}: ${reasonOf(error)}`, { cause: error, hint });
}

function reasonOf(error: unknown): string {
  const [, reason] = reasons[codeOf(error)] ?? [];
  return reason ?? (error instanceof Error ? error.message : String(error));
}
