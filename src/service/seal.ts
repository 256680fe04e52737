/**
 * What an idempotency key does for the service: it is known by its hash, and what is sealed with it only it can open.
 * The service keeps the hash and the seal, and forgets the idempotency key with the request.
 */
import { KeysError } from '../errors.ts';
import { nodeCrypto } from '../node-crypto.ts';
import { decrypt, encrypt } from './aead.ts';

/** Throws `invalid` for a text that cannot hold 128 random bits. */
export function idempotencyKey(text: string): string {
  if (/^[A-Za-z0-9_-]{22,128}$/.test(text)) return text;
  throw new KeysError('invalid', 'the idempotency key is not one', {
    hint: '22 to 128 characters of A-Z a-z 0-9 _ -, at least 128 random bits',
  });
}

/** How a mint is found. */
export function mintHash(key: string): Uint8Array {
  return nodeCrypto().hash('sha256', `keys mint v1\n${key}`, 'buffer');
}

/** `bound` must be the same to open it again. */
export function seal(plain: string, key: string, bound: Uint8Array): Uint8Array {
  return encrypt(plain, sealingKey(key), bound);
}

/** Throws `unexpected` for a seal that was made with another key, bound to something else, or altered. */
export function unseal(sealed: Uint8Array, key: string, bound: Uint8Array): string {
  try {
    return decrypt(sealed, sealingKey(key), bound);
  } catch (cause) {
    throw new KeysError('unexpected', 'the sealed answer is damaged', {
      hint: 'the database was altered; end what was minted: keys recover <operation> --undo',
      cause,
    });
  }
}

function sealingKey(key: string): Uint8Array {
  return new Uint8Array(nodeCrypto().hkdfSync('sha256', key, '', 'keys seal v1', 32));
}
