/**
 * How a secret is written: a prefix that a scanner can recognise, 30 random base62 characters (178 bits), and the CRC-32
 * of both as 6 base62 characters. One wrong character and two swapped neighbours are always noticed, without asking anyone.
 */
import { KeysError } from '../errors.ts';
import { Secret } from '../secret.ts';
import { base62, randomBase62 } from './base62.ts';

export const defaultPrefix = 'keys_';

const randomLength = 30;
const checksumLength = 6;

/** `keys_` and its like. Throws `invalid`. */
export function secretPrefix(text: string): string {
  if (/^[A-Za-z][A-Za-z0-9]{0,14}_$/.test(text)) return text;
  throw new KeysError('invalid', `'${text}' cannot begin a secret`, {
    hint: 'a prefix is a letter, up to 14 more letters or digits, and an underscore: acme_',
  });
}

export function mintSecret(prefix: string): Secret {
  const payload = prefix + randomBase62(randomLength);
  return new Secret(payload + checksum(payload));
}

/** Whether a text is a secret of ours, typed without a mistake. */
export function isWellFormed(text: string, prefix: string): boolean {
  const payload = text.slice(0, prefix.length + randomLength);
  const random = payload.slice(prefix.length);
  return (
    text.startsWith(prefix) &&
    text.length === prefix.length + randomLength + checksumLength &&
    /^[0-9A-Za-z]*$/.test(random) &&
    text.slice(payload.length) === checksum(payload)
  );
}

function checksum(payload: string): string {
  // Loaded when a secret is at hand: a list has none, and compression takes 6 ms to load.
  return base62(process.getBuiltinModule('node:zlib').crc32(payload), checksumLength);
}
