/**
 * What an idempotency key does for the service: it is known by its hash, and what is sealed with it only it can open.
 * The service keeps the hash and the seal, and forgets the idempotency key with the request.
 */
import { createCipheriv, createDecipheriv, hash, hkdfSync, randomBytes } from 'node:crypto';
import { KeysError } from '../errors.ts';

const nonceLength = 12;
const tagLength = 16;

/** Throws `invalid` for a text that cannot hold 128 random bits. */
export function idempotencyKey(text: string): string {
  if (/^[A-Za-z0-9_-]{22,128}$/.test(text)) return text;
  throw new KeysError('invalid', 'the idempotency key is not one', {
    hint: '22 to 128 characters of A-Z a-z 0-9 _ -, at least 128 random bits',
  });
}

/** How a mint is found. */
export function mintHash(key: string): Uint8Array {
  return hash('sha256', `keys mint v1\n${key}`, 'buffer');
}

/** AES-256-GCM: nonce, ciphertext, tag. `bound` must be the same to open it again. */
export function seal(plain: string, key: string, bound: Uint8Array): Uint8Array {
  const nonce = randomBytes(nonceLength);
  const cipher = createCipheriv('aes-256-gcm', sealingKey(key), nonce).setAAD(bound);
  return Buffer.concat([nonce, cipher.update(plain, 'utf8'), cipher.final(), cipher.getAuthTag()]);
}

/** Throws `unexpected` for a seal that was made with another key, bound to something else, or altered. */
export function unseal(sealed: Uint8Array, key: string, bound: Uint8Array): string {
  const nonce = sealed.subarray(0, nonceLength);
  const tag = sealed.subarray(-tagLength);
  const decipher = createDecipheriv('aes-256-gcm', sealingKey(key), nonce, { authTagLength: tagLength });
  decipher.setAAD(bound).setAuthTag(tag);
  try {
    const opened = decipher.update(sealed.subarray(nonceLength, -tagLength));
    return Buffer.concat([opened, decipher.final()]).toString('utf8');
  } catch (cause) {
    throw new KeysError('unexpected', 'the sealed answer is damaged', {
      hint: 'the database was altered; end what was minted with keys recover --undo',
      cause,
    });
  }
}

function sealingKey(key: string): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', key, '', 'keys seal v1', 32));
}
