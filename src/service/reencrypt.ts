/** After a new master key: what was stored under older ones is encrypted with it, a batch at a time, at any start. */
import { KeysError } from '../errors.ts';
import { keep, open } from './kept-secrets.ts';
import type { MasterKey } from './master-keys.ts';
import type { KeptSecret, KeptSecretRow, RevealStore } from './store.ts';

export interface Reencryption {
  /** How many secrets are encrypted with the newest master key now that were not before. */
  readonly done: number;
  /** How many are left that do not open, and the ids of the master keys they were stored under. */
  readonly left: number;
  readonly leftUnder: readonly string[];
}

const batch = 100;

/** Ended at any point it has done a part of its work, and does the rest when it is begun again. Throws `unavailable`. */
export async function reencrypt(
  store: RevealStore,
  masterKeys: readonly MasterKey[],
  isStopped: () => boolean,
): Promise<Reencryption> {
  const newest = masterKeys.at(-1);
  const leftUnder = new Set<string>();
  let done = 0;
  let left = 0;
  let after: Uint8Array | null = null;
  while (!isStopped()) {
    const rows: KeptSecretRow[] = await store.listKept(newest?.id ?? '', after, batch);
    if (rows.length === 0) break;
    after = rows.at(-1)?.hash ?? null;
    const changes: [KeptSecretRow, KeptSecret][] = [];
    for (const row of rows) {
      try {
        if (newest) changes.push([row, keep(open(row, masterKeys), row.keyId, newest)]);
        else open(row, masterKeys);
      } catch (error) {
        if (!(error instanceof KeysError)) throw error;
        left += 1;
        leftUnder.add(row.masterKey);
      }
    }
    await store.rekeep(changes);
    done += changes.length;
  }
  return { done, left, leftUnder: [...leftUnder] };
}
