/**
 * How a secret is written: a prefix that a scanner can recognise, 30 random base62 characters (178 bits), and the CRC-32
 * of both as 6 base62 characters. One wrong character and two swapped neighbours are always noticed, without asking anyone.
 */
import { crc32 } from 'node:zlib';
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
  for (;;) {
    const payload = prefix + randomBase62(randomLength);
    const text = payload + checksum(payload);
    if (!isSwapUnnoticed(text, payload.length)) return new Secret(text);
  }
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
  return base62(crc32(payload), checksumLength);
}

/** CRC-32 notices any swap within the payload, but not always one across the seam of payload and checksum. */
function isSwapUnnoticed(text: string, seam: number): boolean {
  const swapped = text.slice(0, seam - 1) + text[seam] + text[seam - 1] + text.slice(seam + 1);
  return swapped !== text && swapped.slice(seam) === checksum(swapped.slice(0, seam));
}
