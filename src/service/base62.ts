/** Base 62, digits before capitals before small letters: the order of ASCII, so that equally long texts sort like their numbers. */
import { nodeCrypto } from '../node-crypto.ts';

const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** A whole number, padded with zeros to `length` digits. */
export function base62(value: number, length: number): string {
  let text = '';
  for (let rest = value; text.length < length; rest = Math.floor(rest / 62))
    text = alphabet[rest % 62] + text;
  return text;
}

/** Every text of the length equally likely: bytes beyond the last multiple of 62 are thrown away. */
export function randomBase62(length: number): string {
  let text = '';
  while (text.length < length) {
    for (const byte of nodeCrypto().randomBytes(length - text.length))
      if (byte < 248) text += alphabet[byte % 62];
  }
  return text;
}
