/** Ids of keys: `key_`, the time in milliseconds, and eight random characters, so that ids sort by age. */
import { KeysError } from '../errors.ts';
import { base62, randomBase62 } from './base62.ts';

export function newKeyId(nowMs: number): string {
  return `key_${base62(nowMs, 8)}${randomBase62(8)}`;
}

export function isKeyId(text: string): boolean {
  return /^key_[0-9A-Za-z]{16}$/.test(text);
}

/** The page that follows a key, newest first. */
export function cursorAfter(id: string): string {
  return Buffer.from(id).toString('base64url');
}

/** The id that a page begins below. Throws `invalid` for a cursor that is not ours. */
export function idOfCursor(cursor: string): string {
  const id = Buffer.from(cursor, 'base64url').toString();
  if (isKeyId(id)) return id;
  throw new KeysError('invalid', 'the cursor is not one that this service gave', {
    hint: 'leave it out to begin with the first page',
  });
}
