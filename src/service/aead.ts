/** AES-256-GCM as everything here is encrypted: nonce, ciphertext, tag. */
import { nodeCrypto } from '../node-crypto.ts';

const nonceLength = 12;
const tagLength = 16;

/** `key` has 32 bytes; `bound` must be the same to open it again. */
export function encrypt(plain: string, key: Uint8Array, bound: Uint8Array): Uint8Array {
  const nonce = nodeCrypto().randomBytes(nonceLength);
  const cipher = nodeCrypto().createCipheriv('aes-256-gcm', key, nonce).setAAD(bound);
  return Buffer.concat([nonce, cipher.update(plain, 'utf8'), cipher.final(), cipher.getAuthTag()]);
}

/** Throws for what was encrypted with another key, bound to something else, or altered. */
export function decrypt(sealed: Uint8Array, key: Uint8Array, bound: Uint8Array): string {
  const nonce = sealed.subarray(0, nonceLength);
  const decipher = nodeCrypto().createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: tagLength });
  decipher.setAAD(bound).setAuthTag(sealed.subarray(-tagLength));
  const opened = decipher.update(sealed.subarray(nonceLength, -tagLength));
  return Buffer.concat([opened, decipher.final()]).toString('utf8');
}
