/**
 * Master keys, under which secrets are stored that can be shown again. One a line, each 32 random bytes in base64; the last one
 * encrypts, the others still open what was encrypted with them. A key is named after itself, so that no two are ever mixed up.
 */
import { KeysError } from '../errors.ts';
import { nodeCrypto } from '../node-crypto.ts';
import { Secret } from '../secret.ts';

export interface MasterKey {
  /** The first 16 hexadecimal digits of a hash of the key. */
  readonly id: string;
  /** In base64. */
  readonly key: Secret;
}

const keyLength = 32;

/** `where` is the file or variable that the text is from. Oldest first. Throws `invalid`, without a word of the text. */
export function parseMasterKeys(text: string, where: string): MasterKey[] {
  const keys = text
    .replace(/^[ \t]*#.*/gm, '')
    .split(/[\n,]/)
    .map((line) => line.trim())
    .map((line, index) => (line === '' ? null : masterKey(line, where, index + 1)))
    .filter((key) => key !== null);
  const last = keys.at(-1);
  if (!last) throw noKey(`there is no master key in ${where}`);
  if (keys.slice(0, -1).some(({ id }) => id === last.id)) {
    throw noKey(`the last master key in ${where} is there twice; the last one is to be a new one`);
  }
  return keys;
}

export function masterKeyBytes({ key }: MasterKey): Uint8Array {
  return Buffer.from(key.reveal(), 'base64');
}

function masterKey(line: string, where: string, number: number): MasterKey {
  const bytes = /^[A-Za-z0-9+/]{43}=$/.test(line) ? Buffer.from(line, 'base64') : null;
  if (bytes?.length !== keyLength) throw noKey(`line ${number} of ${where} is not a master key`);
  if (bytes.every((byte) => byte === bytes[0])) throw noKey(`line ${number} of ${where} is not random`);
  const id = nodeCrypto()
    .hash('sha256', Buffer.concat([Buffer.from('keys master key v1\n'), bytes]), 'hex')
    .slice(0, 16);
  return { id, key: new Secret(line) };
}

function noKey(message: string): KeysError {
  return new KeysError('invalid', message, {
    hint: 'a master key is 32 random bytes in base64: openssl rand -base64 32',
  });
}
