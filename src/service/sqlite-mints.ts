/** The rows of mints in SQLite. Every function but `findMint` runs within a transaction of its caller. */
import type { SQLInputValue, SQLOutputValue } from 'node:sqlite';
import type { SecretState } from '../keys.ts';
import type { CancelledMint, Kept, KeyRow, MadeMint, MintRow, NewMint, OverlappedSecret } from './store.ts';

/** The database, as far as this file needs it. */
export interface Sql {
  /** How many rows changed. */
  run(sql: string, ...values: SQLInputValue[]): number;
  get(sql: string, ...values: SQLInputValue[]): Record<string, SQLOutputValue> | undefined;
}

/** What becomes of seals, and of which ones. */
export type Seals = readonly [
  state: Exclude<SecretState, 'sealed'>,
  which: 'hash = ?' | 'secret_hash = ?' | 'key_id = ?' | 'created_at <= ?',
  value: SQLInputValue,
];

export function findMint({ get }: Sql, hash: Uint8Array): MintRow | null {
  const record = get(
    'SELECT mints.*, secrets.ends_at FROM mints LEFT JOIN secrets ON secrets.hash = old_hash WHERE mints.hash = ?',
    hash,
  );
  return record ? toMint(record) : null;
}

export function hasMint({ get }: Sql, hash: Uint8Array): boolean {
  return get('SELECT 1 FROM mints WHERE hash = ?', hash) !== undefined;
}

/** What works beside the secret that this mint gave, when it opened an overlap. */
type Old = Omit<OverlappedSecret, 'endsAt'>;

export function addMint({ run }: Sql, mint: NewMint, key: KeyRow['id'], secret: Uint8Array, old?: Old): void {
  const { hash, requestHash, caller, seal, createdAt } = mint;
  run(
    `INSERT INTO mints (hash, request_hash, caller, key_id, secret_hash, seal, state, created_at)
     VALUES (?, ?, ?, ?, ?, ?, 'sealed', ?)`,
    ...[hash, requestHash, caller, key, secret, seal, createdAt],
  );
  if (!old) return;
  run(
    `UPDATE mints SET overlap = 'open', old_hash = ?, old_prefix = ?, old_last_four = ?, old_rotated_at = ?
     WHERE hash = ?`,
    ...[old.hash, old.prefix, old.lastFour, old.rotatedAt, hash],
  );
}

export function hasOpenOverlap({ get }: Sql, keyId: string): boolean {
  return get(`SELECT 1 FROM mints WHERE key_id = ? AND overlap = 'open'`, keyId) !== undefined;
}

export function endOverlap({ run }: Sql, keyId: string): void {
  run(`UPDATE mints SET overlap = 'ended' WHERE key_id = ? AND overlap = 'open'`, keyId);
}

/** False when the overlap was ended in another way. */
export function settleMint({ run }: Sql, { hash }: MadeMint, kept: Kept): boolean {
  return (
    run(`UPDATE mints SET overlap = ? WHERE hash = ? AND overlap IN ('open', ?)`, kept, hash, kept) === 1
  );
}

/** How many seals were destroyed. */
export function destroySeals({ run }: Sql, ...[state, which, value]: Seals): number {
  return run(`UPDATE mints SET seal = NULL, state = ? WHERE seal IS NOT NULL AND ${which}`, state, value);
}

export function cancelMint({ run }: Sql, { hash, caller, createdAt }: CancelledMint): void {
  run(
    `INSERT INTO mints (hash, caller, state, created_at) VALUES (?, ?, 'cancelled', ?) ON CONFLICT DO NOTHING`,
    ...[hash, caller, createdAt],
  );
}

export function hasOldMints({ get }: Sql, sealedBefore: number, madeBefore: number): boolean {
  return (
    get('SELECT 1 FROM mints WHERE seal IS NOT NULL AND created_at <= ?', sealedBefore) !== undefined ||
    get(`SELECT 1 FROM mints WHERE created_at <= ? AND overlap IS NOT 'open'`, madeBefore) !== undefined
  );
}

export function forgetMints({ run }: Sql, madeBefore: number): void {
  run(`DELETE FROM mints WHERE created_at <= ? AND overlap IS NOT 'open'`, madeBefore);
}

function toMint(record: Record<string, SQLOutputValue>): MintRow {
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
