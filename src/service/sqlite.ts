/** The store on one SQLite file, which several processes may have open. */
import type { DatabaseSync, SQLInputValue, SQLOutputValue, StatementSync } from 'node:sqlite';
import type { KeyType } from '../keys.ts';
import * as mints from './sqlite-mints.ts';
import { busyMs, databaseError, openDatabase, requireFullSync } from './sqlite-open.ts';
import { selectKeys } from './sqlite-select.ts';
import type { AuditRow, KeyRow, KeyStore, NewMint, NewSecret, Outcome, QuotaGuard } from './store.ts';

type Refusal = Extract<Outcome, { refused: string }>;

/** Ends a transaction that must leave nothing behind. */
class Refused extends Error {
  readonly refusal: Refusal;

  constructor(refusal: Refusal) {
    super(refusal.refused);
    this.refusal = refusal;
  }
}

const columns = {
  id: 'id',
  namespace: 'namespace',
  name: 'name',
  description: 'description',
  owner: 'owner',
  type: 'type',
  roles: 'roles',
  permissions: 'permissions',
  apiVersion: 'api_version',
  prefix: 'prefix',
  lastFour: 'last_four',
  labels: 'labels',
  createdAt: 'created_at',
  createdBy: 'created_by',
  expiresAt: 'expires_at',
  disabledAt: 'disabled_at',
  revokedAt: 'revoked_at',
  rotatedAt: 'rotated_at',
  lastUsedAt: 'last_used_at',
  version: 'version',
} as const satisfies Record<keyof KeyRow, string>;

/** Throws `unavailable` and `invalid` as `openDatabase`. */
export async function openSqlite(path: string): Promise<KeyStore> {
  return sqliteStore(await openDatabase(path), path);
}

function sqliteStore(db: DatabaseSync, path: string): KeyStore {
  const statements = new Map<string, StatementSync>();
  let fullSync = false;
  /** Destroyed seals may still be in the log. */
  let traces = true;
  const sql: mints.Sql = { run, get: (text, ...values) => statement(text).get(...values) };

  function statement(sql: string): StatementSync {
    const known = statements.get(sql);
    if (known) return known;
    const fresh = db.prepare(sql);
    statements.set(sql, fresh);
    return fresh;
  }

  function run(sql: string, ...values: SQLInputValue[]): number {
    return Number(statement(sql).run(...values).changes);
  }

  /** All of `work` or nothing of it, alone in the database meanwhile. */
  function transaction<T>(work: () => T): T {
    try {
      run('BEGIN IMMEDIATE');
      const result = work();
      if (!fullSync) requireFullSync(db);
      fullSync = true;
      run('COMMIT');
      return result;
    } catch (error) {
      if (db.isTransaction) db.exec('ROLLBACK');
      throw error instanceof Refused ? error : databaseError(path, error);
    }
  }

  /** A transaction on one key, which is there when it ends. */
  async function write(work: () => void, id: string): Promise<Outcome> {
    try {
      return transaction(() => {
        work();
        const row = find(id);
        if (!row) throw new Refused({ refused: 'changed' });
        return { row };
      });
    } catch (error) {
      if (error instanceof Refused) return error.refusal;
      if (isNameTaken(error)) return { refused: 'name_taken' };
      throw error;
    }
  }

  function destroySeals(...which: mints.Seals): void {
    if (mints.destroySeals(sql, ...which) > 0) traces = true;
  }

  /** Whatever was minted for a key before cannot be had again, and nothing of it is left to settle. */
  function endMints(keyId: string): void {
    destroySeals('expired', 'key_id = ?', keyId);
    mints.endOverlap(sql, keyId);
  }

  function read<T>(work: () => T): Promise<T> {
    try {
      return Promise.resolve(work());
    } catch (error) {
      return Promise.reject(databaseError(path, error));
    }
  }

  function find(id: string): KeyRow | null {
    const record = statement('SELECT * FROM keys WHERE id = ?').get(id);
    return record ? toRow(record) : null;
  }

  function update(id: string, version: number, changes: Partial<KeyRow>): void {
    const fields = Object.keys(changes) as (keyof KeyRow)[];
    const assignments = fields.map((field) => `${columns[field]} = ?`).join(', ');
    const changed = run(
      `UPDATE keys SET ${assignments}, version = version + 1 WHERE id = ? AND version = ?`,
      ...fields.map((field) => toColumn(changes[field])),
      id,
      version,
    );
    if (changed !== 1) throw new Refused({ refused: 'changed' });
  }

  function requireVersion(id: string, version: number): KeyRow {
    const row = find(id);
    if (row?.version !== version) throw new Refused({ refused: 'changed' });
    return row;
  }

  function requireFirst(mint: NewMint | null): void {
    if (mint && mints.hasMint(sql, mint.hash)) throw new Refused({ refused: 'minted' });
  }

  function endSecrets(which: 'key_id = ?' | 'hash = ?', value: SQLInputValue, endsAt: number): void {
    run(
      `UPDATE secrets SET ends_at = ? WHERE ${which} AND (ends_at IS NULL OR ends_at > ?)`,
      ...[endsAt, value, endsAt],
    );
  }

  /** Those of rotations before, whose grace still runs; one that has no end yet is another matter. */
  function endEarlierSecrets(keyId: string, kept: Uint8Array, endsAt: number): void {
    run(
      'UPDATE secrets SET ends_at = ? WHERE key_id = ? AND hash <> ? AND ends_at > ?',
      ...[endsAt, keyId, kept, endsAt],
    );
  }

  /** The secret in force: outside an overlap, the only one without an end. */
  function secretInForce(id: string): Uint8Array {
    return statement('SELECT hash FROM secrets WHERE key_id = ? AND ends_at IS NULL').get(id)
      ?.hash as Uint8Array;
  }

  function requireRoom(namespace: string, { defaultQuota, now }: QuotaGuard): void {
    const own = statement('SELECT quota FROM namespaces WHERE name = ?').get(namespace)?.quota;
    const quota = typeof own === 'number' ? own : defaultQuota;
    if (quota === null) return;
    const counted = statement(
      `SELECT count(*) AS active FROM keys WHERE namespace = ? AND revoked_at IS NULL AND disabled_at IS NULL
       AND (expires_at IS NULL OR expires_at > ?)`,
    ).get(namespace, now);
    const active = Number(counted?.active);
    if (active >= quota) throw new Refused({ refused: 'quota', quota, active });
  }

  function addSecret(id: string, { hash, createdAt }: NewSecret): void {
    run('INSERT INTO secrets (hash, key_id, created_at) VALUES (?, ?, ?)', hash, id, createdAt);
  }

  function addAudit({ time, actor, agent, action, target, requestId, details }: AuditRow): void {
    run(
      `INSERT INTO audit (time, actor, agent, action, target, outcome, request_id, details)
       VALUES (?, ?, ?, ?, ?, 'done', ?, ?)`,
      ...[time, actor, agent, action, target, requestId, JSON.stringify(details)],
    );
  }

  return {
    insertKey(row, secret, quota, audit, mint) {
      return write(() => {
        requireFirst(mint);
        run(
          'INSERT INTO namespaces (name, created_at) VALUES (?, ?) ON CONFLICT DO NOTHING',
          row.namespace,
          row.createdAt,
        );
        requireRoom(row.namespace, quota);
        const fields = Object.keys(columns) as (keyof KeyRow)[];
        run(
          `INSERT INTO keys (${fields.map((field) => columns[field]).join(', ')})
           VALUES (${fields.map(() => '?').join(', ')})`,
          ...fields.map((field) => toColumn(row[field])),
        );
        addSecret(row.id, secret);
        if (mint) mints.addMint(sql, mint, row.id, secret.hash);
        addAudit(audit);
      }, row.id);
    },

    changeKey(id, version, changes, quota, audit) {
      return write(() => {
        const row = requireVersion(id, version);
        if (quota) requireRoom(row.namespace, quota);
        update(id, version, changes);
        if (typeof changes.revokedAt === 'number') endMints(id);
        addAudit(audit);
      }, id);
    },

    replaceSecret(id, version, secret, oldEndsAt, audit, mint) {
      return write(() => {
        requireFirst(mint);
        const before = requireVersion(id, version);
        const old = { ...before, hash: secretInForce(id) };
        if (oldEndsAt === 'overlap') {
          if (mints.hasOpenOverlap(sql, id)) throw new Refused({ refused: 'overlapping' });
        } else {
          endSecrets('key_id = ?', id, oldEndsAt);
          endMints(id);
        }
        const { prefix, lastFour, createdAt } = secret;
        update(id, version, { prefix, lastFour, rotatedAt: createdAt });
        addSecret(id, secret);
        if (mint) mints.addMint(sql, mint, id, secret.hash, oldEndsAt === 'overlap' ? old : undefined);
        addAudit(audit);
      }, id);
    },

    settleOverlap(mint, version, kept, endsAt, audit) {
      const { keyId, secretHash, old } = mint;
      return write(() => {
        requireVersion(keyId, version);
        if (!old || !mints.settleMint(sql, mint, kept)) throw new Refused({ refused: 'changed' });
        const { prefix, lastFour, rotatedAt } = old;
        if (kept === 'old') update(keyId, version, { prefix, lastFour, rotatedAt });
        const ended = kept === 'old' ? secretHash : old.hash;
        endSecrets('hash = ?', ended, endsAt);
        if (kept === 'new') endEarlierSecrets(keyId, secretHash, endsAt);
        destroySeals('expired', 'secret_hash = ?', ended);
        addAudit(audit);
      }, keyId);
    },

    findMint: (hash) => read(() => mints.findMint(sql, hash)),

    async cancelMint(row) {
      return transaction(() => {
        mints.cancelMint(sql, row);
        return mints.findMint(sql, row.hash) ?? row;
      });
    },

    async acknowledgeMint(hash) {
      transaction(() => destroySeals('acknowledged', 'hash = ?', hash));
    },

    async useMint(secretHash) {
      transaction(() => destroySeals('used', 'secret_hash = ?', secretHash));
    },

    async sweepMints(sealedBefore, madeBefore) {
      if (!(await read(() => mints.hasOldMints(sql, sealedBefore, madeBefore)))) return;
      transaction(() => {
        destroySeals('expired', 'created_at <= ?', sealedBefore);
        mints.forgetMints(sql, madeBefore);
      });
    },

    async scrub() {
      if (!traces) return;
      // Whoever reads or writes at this moment is not waited for; the next time will do.
      db.exec('PRAGMA busy_timeout = 0');
      try {
        traces = db.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get()?.busy !== 0;
      } finally {
        db.exec(`PRAGMA busy_timeout = ${busyMs}`);
      }
    },

    async touchKeys(uses) {
      transaction(() => {
        for (const [id, time] of uses) {
          run(
            'UPDATE keys SET last_used_at = ? WHERE id = ? AND (last_used_at IS NULL OR last_used_at < ?)',
            ...[time, id, time],
          );
        }
      });
    },

    findKey: (id) => read(() => find(id)),

    findSecret: (hash) =>
      read(() => {
        const record = statement(
          `SELECT keys.*, secrets.ends_at,
             EXISTS (SELECT 1 FROM mints WHERE secret_hash = secrets.hash AND seal IS NOT NULL) AS sealed
           FROM secrets JOIN keys ON keys.id = secrets.key_id WHERE hash = ?`,
        ).get(hash);
        if (!record) return null;
        const { ends_at: endsAt, sealed } = record;
        return { row: toRow(record), endsAt: endsAt as number | null, sealed: sealed === 1 };
      }),

    listKeys: (selection) =>
      read(() => {
        const { sql, values } = selectKeys(selection);
        return statement(sql)
          .all(...values)
          .map(toRow);
      }),

    async close() {
      statements.clear();
      if (db.isOpen) db.close();
    },
  };
}

function isNameTaken(error: unknown): boolean {
  return (
    error instanceof Error && error.message.includes('UNIQUE constraint failed: keys.namespace, keys.name')
  );
}

function toColumn(value: KeyRow[keyof KeyRow] | undefined): SQLInputValue {
  if (value === undefined) return null;
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : value;
}

function toRow(record: Record<string, SQLOutputValue>): KeyRow {
  const text = (name: string) => record[name] as string;
  const textOrNull = (name: string) => record[name] as string | null;
  const time = (name: string) => record[name] as number | null;
  return {
    id: text('id'),
    namespace: text('namespace'),
    name: text('name'),
    description: textOrNull('description'),
    owner: textOrNull('owner'),
    type: text('type') as KeyType,
    roles: JSON.parse(text('roles')) as string[],
    permissions: JSON.parse(text('permissions')) as string[],
    apiVersion: text('api_version'),
    prefix: textOrNull('prefix'),
    lastFour: text('last_four'),
    labels: JSON.parse(text('labels')) as Record<string, string>,
    createdAt: record.created_at as number,
    createdBy: text('created_by'),
    expiresAt: time('expires_at'),
    disabledAt: time('disabled_at'),
    revokedAt: time('revoked_at'),
    rotatedAt: time('rotated_at'),
    lastUsedAt: time('last_used_at'),
    version: record.version as number,
  };
}
