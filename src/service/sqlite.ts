/** The store on one SQLite file, which several processes may have open. */
import type { DatabaseSync, SQLInputValue, SQLOutputValue, StatementSync } from 'node:sqlite';
import type { KeyType } from '../keys.ts';
import { databaseError, openDatabase, requireFullSync } from './sqlite-open.ts';
import { selectKeys } from './sqlite-select.ts';
import type { AuditRow, KeyRow, KeyStore, NewSecret, Outcome, QuotaGuard } from './store.ts';

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
  async function write(work: () => void, id: string): Promise<Outcome> {
    try {
      run('BEGIN IMMEDIATE');
      work();
      const row = find(id);
      if (!row) throw new Refused({ refused: 'changed' });
      if (!fullSync) requireFullSync(db);
      fullSync = true;
      run('COMMIT');
      return { row };
    } catch (error) {
      if (db.isTransaction) db.exec('ROLLBACK');
      if (error instanceof Refused) return error.refusal;
      if (isNameTaken(error)) return { refused: 'name_taken' };
      throw databaseError(path, error);
    }
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
    insertKey(row, secret, quota, audit) {
      return write(() => {
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
        addAudit(audit);
      }, row.id);
    },

    changeKey(id, version, changes, quota, audit) {
      return write(() => {
        const row = find(id);
        if (row?.version !== version) throw new Refused({ refused: 'changed' });
        if (quota) requireRoom(row.namespace, quota);
        update(id, version, changes);
        addAudit(audit);
      }, id);
    },

    replaceSecret(id, version, secret, oldEndsAt, audit) {
      return write(() => {
        const { prefix, lastFour, createdAt } = secret;
        update(id, version, { prefix, lastFour, rotatedAt: createdAt });
        run(
          'UPDATE secrets SET ends_at = ? WHERE key_id = ? AND (ends_at IS NULL OR ends_at > ?)',
          ...[oldEndsAt, id, oldEndsAt],
        );
        addSecret(id, secret);
        addAudit(audit);
      }, id);
    },

    async touchKeys(uses) {
      try {
        run('BEGIN IMMEDIATE');
        for (const [id, time] of uses) {
          run(
            'UPDATE keys SET last_used_at = ? WHERE id = ? AND (last_used_at IS NULL OR last_used_at < ?)',
            ...[time, id, time],
          );
        }
        run('COMMIT');
      } catch (error) {
        if (db.isTransaction) db.exec('ROLLBACK');
        throw databaseError(path, error);
      }
    },

    findKey: (id) => read(() => find(id)),

    findSecret: (hash) =>
      read(() => {
        const record = statement(
          'SELECT keys.*, secrets.ends_at FROM secrets JOIN keys ON keys.id = secrets.key_id WHERE hash = ?',
        ).get(hash);
        return record ? { row: toRow(record), endsAt: record.ends_at as number | null } : null;
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
