/** From a secret to what the store knows of it. */
import { nodeCrypto } from '../node-crypto.ts';
import type { Secret } from '../secret.ts';
import { isWellFormed } from './secret-format.ts';
import { statusOf } from './status.ts';
import type { FoundKey, FoundSecret, KeyStore, NewSecret } from './store.ts';

/** Longer texts are no secrets of ours and not worth hashing. */
const longestSecret = 1_024;

export async function findSecret(store: KeyStore, secret: Secret): Promise<FoundSecret | null> {
  return secret.reveal().length > longestSecret ? null : store.findSecret(hashOf(secret));
}

/** Whether a secret stopped working while its key may live on with another one. */
export function isEnded({ endsAt }: FoundSecret, now: number): boolean {
  return endsAt !== null && endsAt <= now;
}

/** A key that is active, of a user who is. */
export function isUsable({ row, owner }: FoundKey, at: number): boolean {
  return statusOf(row, at) === 'active' && (owner === null || owner.disabledAt === null);
}

/** What is kept of a secret: its hash, and how a person recognises it. */
export function secretRow(secret: Secret, prefix: string, now: number): NewSecret {
  const text = secret.reveal();
  return {
    hash: hashOf(secret),
    prefix: isWellFormed(text, prefix) ? prefix : null,
    lastFour: text.slice(-4),
    createdAt: now,
    kept: null,
  };
}

export function hashOf(secret: Secret): Uint8Array {
  return nodeCrypto().hash('sha256', secret.reveal(), 'buffer');
}
