/**
 * Passwords, kept as `scrypt$N$r$p$salt$hash`: what they cost is written beside them, so that it can be raised. To check
 * one takes as long for a user who is not there.
 */
import type { ScryptOptions } from 'node:crypto';
import { KeysError } from '../errors.ts';
import { nodeCrypto } from '../node-crypto.ts';
import type { Secret } from '../secret.ts';

/** 32 MiB and about 240 ms each: the least that OWASP advises (Password Storage Cheat Sheet). */
const cost = { N: 2 ** 15, r: 8, p: 3 };
const shortest = 8;
const longest = 256;

/** Throws `invalid` for one that is too short to be safe. */
export async function hashPassword(password: Secret): Promise<string> {
  const length = [...password.reveal()].length;
  if (length < shortest || length > longest) {
    throw new KeysError('invalid', `a password has ${shortest} to ${longest} characters, not ${length}`);
  }
  const salt = nodeCrypto().randomBytes(16);
  const { N, r, p } = cost;
  const hash = await derive(password, salt, cost);
  return ['scrypt', N, r, p, salt.toString('base64url'), hash.toString('base64url')].join('$');
}

/** `null` is the password of somebody who has none, or is not there: never right, and no faster. */
export async function isPassword(password: Secret, kept: string | null): Promise<boolean> {
  const [, N, r, p, salt = '', expected = ''] = (kept ?? nobody).split('$');
  const found = await derive(password, Buffer.from(salt, 'base64url'), {
    N: Number(N),
    r: Number(r),
    p: Number(p),
  });
  const hash = Buffer.from(expected, 'base64url');
  return nodeCrypto().timingSafeEqual(found, hash) && kept !== null;
}

const nobody = ['scrypt', cost.N, cost.r, cost.p, 'AAAA', Buffer.alloc(32).toString('base64url')].join('$');

function derive(password: Secret, salt: Buffer, { N, r, p }: typeof cost): Promise<Buffer> {
  const text = password
    .reveal()
    .normalize('NFC')
    .slice(0, 4 * longest);
  const options: ScryptOptions = { N, r, p, maxmem: 256 * N * r };
  return new Promise((resolve, reject) => {
    nodeCrypto().scrypt(text, salt, 32, options, (error, key) => (error ? reject(error) : resolve(key)));
  });
}
