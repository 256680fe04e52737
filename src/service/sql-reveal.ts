/** Secrets that can be shown again. What is exported beside the store's part runs within a transaction of its caller. */
import { all, type Database, get, type Row, run, type Value, type Work } from './sql.ts';
import type { KeptSecret, KeptSecretRow, RevealStore } from './store.ts';

export function revealStore({ read, transaction }: Database): RevealStore {
  return {
    isRecoverable: (namespace) =>
      read(function* () {
        return (
          (yield* get('SELECT recoverable FROM namespaces WHERE name = ?', namespace))?.recoverable === 1
        );
      }),

    findKept: (keyId) =>
      read(function* () {
        const row = yield* get(
          `SELECT kept_secrets.* FROM kept_secrets JOIN secrets ON secrets.hash = kept_secrets.hash
           WHERE kept_secrets.key_id = ? AND secrets.ends_at IS NULL AND NOT EXISTS (
             SELECT 1 FROM mints WHERE old_hash = secrets.hash AND overlap = 'open'
           )`,
          keyId,
        );
        return row ? toKept(row) : null;
      }),

    listKept: (masterKey, after, limit) =>
      read(function* () {
        const rows = yield* all(
          `SELECT * FROM kept_secrets WHERE master_key <> ? ${after ? 'AND hash > ?' : ''} ORDER BY hash LIMIT ?`,
          ...[masterKey, ...(after ? [after] : []), limit],
        );
        return rows.map(toKept);
      }),

    rekeep: (changes) =>
      transaction(function* () {
        for (const [{ hash, masterKey }, { masterKey: next, sealed }] of changes) {
          yield* run(
            'UPDATE kept_secrets SET master_key = ?, sealed = ? WHERE hash = ? AND master_key = ?',
            ...[next, sealed, hash, masterKey],
          );
        }
      }),
  };
}

export function* addKept(hash: Uint8Array, keyId: string, { masterKey, sealed }: KeptSecret): Work<void> {
  yield* run(
    'INSERT INTO kept_secrets (hash, key_id, master_key, sealed) VALUES (?, ?, ?, ?)',
    ...[hash, keyId, masterKey, sealed],
  );
}

/** Nobody sees them again. */
export function* destroyKept(which: 'key_id = ?' | 'hash = ?', value: Value): Work<void> {
  yield* run(`DELETE FROM kept_secrets WHERE ${which}`, value);
}

function toKept(row: Row): KeptSecretRow {
  return {
    hash: row.hash as Uint8Array,
    keyId: row.key_id as string,
    masterKey: row.master_key as string,
    sealed: row.sealed as Uint8Array,
  };
}
