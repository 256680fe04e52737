/** The rows of mints. What is exported beside the store's part runs within a transaction of its caller. */
import type { SecretState } from '../keys.ts';
import { type Database, exists, get, type Row, run, send, type Value, type Work } from './sql.ts';
import { addAudit } from './sql-audit.ts';
import type { Kept, MadeMint, MintRow, MintStore, NewMint, OverlappedSecret } from './store.ts';

/** What becomes of seals, and of which ones. */
type Seals = readonly [
  state: Exclude<SecretState, 'sealed'>,
  which: 'hash = ?' | 'secret_hash = ?' | 'key_id = ?' | 'created_at <= ?',
  value: Value,
];

export function mintStore({ read, transaction }: Database): MintStore {
  return {
    findMint: (hash) => read(() => findMint(hash)),

    cancelMint: (row, audit) =>
      transaction(function* () {
        const { hash, caller, createdAt } = row;
        const kept = yield* run(
          `INSERT INTO mints (hash, caller, state, created_at) VALUES (?, ?, 'cancelled', ?) ON CONFLICT DO NOTHING`,
          ...[hash, caller, createdAt],
        );
        if (kept === 0) return yield* findMint(hash);
        yield* addAudit(audit);
        return null;
      }),

    acknowledgeMint: (hash, audit) =>
      transaction(function* () {
        if ((yield* destroySeals('acknowledged', 'hash = ?', hash)) === 0) return false;
        yield* addAudit(audit);
        return true;
      }),

    useMint: (secretHash, audit) =>
      transaction(function* () {
        if ((yield* destroySeals('used', 'secret_hash = ?', secretHash)) > 0) yield* addAudit(audit);
      }),

    async sweepMints(sealedBefore, madeBefore) {
      if (!(await read(() => hasOldMints(sealedBefore, madeBefore)))) return;
      await transaction(function* () {
        yield* destroySeals('expired', 'created_at <= ?', sealedBefore);
        yield* run(`DELETE FROM mints WHERE created_at <= ? AND overlap IS DISTINCT FROM 'open'`, madeBefore);
      });
    },
  };
}

function* findMint(hash: Uint8Array): Work<MintRow | null> {
  const record = yield* get(
    'SELECT mints.*, secrets.ends_at FROM mints LEFT JOIN secrets ON secrets.hash = old_hash WHERE mints.hash = ?',
    hash,
  );
  return record ? toMint(record) : null;
}

export function hasMint(hash: Uint8Array): Work<boolean> {
  return exists('SELECT 1 FROM mints WHERE hash = ?', hash);
}

/** What works beside the secret that this mint gave, when it opened an overlap. */
type Old = Omit<OverlappedSecret, 'endsAt'>;

export function* addMint(mint: NewMint, key: string, secret: Uint8Array, old?: Old): Work<void> {
  const { hash, requestHash, caller, seal, createdAt } = mint;
  yield* send(
    `INSERT INTO mints (hash, request_hash, caller, key_id, secret_hash, seal, state, created_at)
     VALUES (?, ?, ?, ?, ?, ?, 'sealed', ?)`,
    ...[hash, requestHash, caller, key, secret, seal, createdAt],
  );
  if (!old) return;
  yield* run(
    `UPDATE mints SET overlap = 'open', old_hash = ?, old_prefix = ?, old_last_four = ?, old_rotated_at = ?
     WHERE hash = ?`,
    ...[old.hash, old.prefix, old.lastFour, old.rotatedAt, hash],
  );
}

export function hasOpenOverlap(keyId: string): Work<boolean> {
  return exists(`SELECT 1 FROM mints WHERE key_id = ? AND overlap = 'open'`, keyId);
}

/** The old secret of the overlap that is open. */
export function* openOverlapOf(keyId: string): Work<Uint8Array | null> {
  const open = yield* get(`SELECT old_hash FROM mints WHERE key_id = ? AND overlap = 'open'`, keyId);
  return (open?.old_hash ?? null) as Uint8Array | null;
}

/** False when the overlap was ended in another way. */
export function* settleMint({ hash }: MadeMint, kept: Kept): Work<boolean> {
  const settled = yield* run(
    `UPDATE mints SET overlap = ? WHERE hash = ? AND overlap IN ('open', ?)`,
    ...[kept, hash, kept],
  );
  return settled === 1;
}

/** Whatever was minted for a key before cannot be had again, and nothing of it is left to settle. */
export function* endMints(keyId: string): Work<void> {
  yield* destroySeals('expired', 'key_id = ?', keyId);
  yield* run(`UPDATE mints SET overlap = 'ended' WHERE key_id = ? AND overlap = 'open'`, keyId);
}

/** How many seals were destroyed. */
export function destroySeals(...[state, which, value]: Seals): Work<number> {
  return run(`UPDATE mints SET seal = NULL, state = ? WHERE seal IS NOT NULL AND ${which}`, state, value);
}

/** Not with EXISTS: PostgreSQL would expect to find one at once, and go through all of them. */
function hasOldMints(sealedBefore: number, madeBefore: number): Work<boolean> {
  return exists(
    `SELECT 1 FROM mints WHERE seal IS NOT NULL AND created_at <= ?
     UNION ALL SELECT 1 FROM mints WHERE created_at <= ? AND overlap IS DISTINCT FROM 'open'`,
    ...[sealedBefore, madeBefore],
  );
}

function toMint(record: Row): MintRow {
  const hash = record.hash as Uint8Array;
  const caller = record.caller as string | null;
  const createdAt = record.created_at as number;
  if (record.state === 'cancelled') return { state: 'cancelled', hash, caller, createdAt };
  const oldHash = record.old_hash as Uint8Array | null;
  return {
    hash,
    caller,
    createdAt,
    state: record.state as SecretState,
    requestHash: record.request_hash as Uint8Array,
    keyId: record.key_id as string,
    secretHash: record.secret_hash as Uint8Array,
    seal: record.seal as Uint8Array | null,
    overlap: record.overlap as MadeMint['overlap'],
    old: oldHash && {
      hash: oldHash,
      endsAt: record.ends_at as number | null,
      prefix: record.old_prefix as string | null,
      lastFour: record.old_last_four as string,
      rotatedAt: record.old_rotated_at as number | null,
    },
  };
}
