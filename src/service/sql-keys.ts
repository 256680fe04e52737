/** Keys and their secrets. */
import type { KeyType, RateLimit } from '../keys.ts';
import {
  chunksOf,
  type Database,
  exists,
  get,
  Refused,
  type Row,
  run,
  send,
  type Value,
  type Work,
} from './sql.ts';
import { addAudit } from './sql-audit.ts';
import {
  addMint,
  destroySeals,
  endMints,
  hasMint,
  hasOpenOverlap,
  openOverlapOf,
  settleMint,
} from './sql-mints.ts';
import { addKept, destroyKept } from './sql-reveal.ts';
import { selectKeys } from './sql-select.ts';
import { membershipsOfUser, toOwner } from './sql-users.ts';
import type { KeyRow, KeyStore, NewMint, NewSecret, Outcome, OwnerRow, QuotaGuard } from './store.ts';

type Refusal = Extract<Outcome, { refused: string }>;

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
  rateLimit: 'rate_limit',
  recoverable: 'recoverable',
  createdAt: 'created_at',
  createdBy: 'created_by',
  expiresAt: 'expires_at',
  disabledAt: 'disabled_at',
  revokedAt: 'revoked_at',
  rotatedAt: 'rotated_at',
  lastUsedAt: 'last_used_at',
  version: 'version',
} as const satisfies Record<keyof KeyRow, string>;

export function keyStore({ dialect, read, lookup, transaction }: Database): KeyStore {
  const lookUpSecret = lookup(secretText);

  async function write(work: () => Work<KeyRow>): Promise<Outcome> {
    try {
      return { row: await transaction(work) };
    } catch (error) {
      if (error instanceof Refused) return error.refusal;
      throw error;
    }
  }

  /** A transaction on one key, which is there when it ends. */
  function change(id: string, work: () => Work<void>): Promise<Outcome> {
    return write(function* () {
      yield* work();
      const row = yield* find(id);
      if (!row) throw new Refused<Refusal>({ refused: 'changed' });
      return row;
    });
  }

  return {
    insertKey(row, secret, quota, audit, mint) {
      return write(function* () {
        const { namespace, createdAt } = row;
        const { isNew, ownQuota } = yield* requirePlace(row, mint);
        if (quota) yield* requireRoom(namespace, ownQuota, quota);
        if (isNew) {
          yield* send('INSERT INTO namespaces (name, created_at) VALUES (?, ?)', namespace, createdAt);
        }
        const fields = Object.keys(columns) as (keyof KeyRow)[];
        yield* send(
          `INSERT INTO keys (${fields.map((field) => columns[field]).join(', ')})
           VALUES (${fields.map(() => '?').join(', ')})`,
          ...fields.map((field) => toColumn(row[field])),
        );
        yield* addSecret(row.id, secret);
        if (mint) yield* addMint(mint, row.id, secret.hash);
        yield* addAudit(audit);
        return row;
      });
    },

    changeKey(id, version, changes, quota, audit) {
      return change(id, function* () {
        const row = yield* requireVersion(id, version);
        if (quota) yield* requireRoom(row.namespace, yield* quotaOf(row.namespace), quota);
        if (changes.name !== undefined) yield* requireFreeName({ ...row, name: changes.name });
        yield* update(id, version, changes);
        if (typeof changes.revokedAt === 'number') {
          yield* endMints(id);
          yield* destroyKept('key_id = ?', id);
        }
        yield* addAudit(audit);
      });
    },

    replaceSecret(id, version, secret, oldEndsAt, audit, mint) {
      return change(id, function* () {
        yield* requireFirst(mint);
        const before = yield* requireVersion(id, version);
        const overlaps = typeof oldEndsAt !== 'number';
        if (!overlaps) {
          yield* endSecrets('key_id = ?', id, oldEndsAt);
          yield* endMints(id);
          yield* destroyKept('key_id = ?', id);
        } else if (oldEndsAt === 'overlap') {
          if (yield* hasOpenOverlap(id)) throw new Refused<Refusal>({ refused: 'overlapping' });
        } else yield* leaveOverlap(id, oldEndsAt.takeOver);
        if (overlaps && !secret.kept) yield* destroyKept('key_id = ?', id);
        const old = overlaps ? { ...before, hash: yield* secretInForce(id) } : undefined;
        const { prefix, lastFour, createdAt } = secret;
        const recoverable = secret.kept !== null;
        yield* update(id, version, { prefix, lastFour, recoverable, rotatedAt: createdAt });
        yield* addSecret(id, secret);
        if (mint) yield* addMint(mint, id, secret.hash, old);
        yield* addAudit(audit);
      });
    },

    settleOverlap(mint, version, kept, endsAt, audit) {
      const { keyId, secretHash, old } = mint;
      return change(keyId, function* () {
        yield* requireVersion(keyId, version);
        if (!old || !(yield* settleMint(mint, kept))) throw new Refused<Refusal>({ refused: 'changed' });
        const { prefix, lastFour, rotatedAt } = old;
        if (kept === 'old') yield* update(keyId, version, { prefix, lastFour, rotatedAt });
        const ended = kept === 'old' ? secretHash : old.hash;
        yield* endSecrets('hash = ?', ended, endsAt);
        if (kept === 'new') yield* endEarlierSecrets(keyId, secretHash, endsAt);
        yield* destroyKept('hash = ?', ended);
        yield* destroySeals('expired', 'secret_hash = ?', ended);
        yield* addAudit(audit);
      });
    },

    touchKeys: (uses) =>
      transaction(
        function* () {
          for (const chunk of chunksOf(uses)) {
            const places = chunk.map(() => '(CAST(? AS TEXT), CAST(? AS BIGINT))').join(', ');
            yield* run(
              `WITH used (id, at) AS (VALUES ${places}) UPDATE keys SET last_used_at = used.at FROM used
               WHERE keys.id = used.id AND (keys.last_used_at IS NULL OR keys.last_used_at < used.at)`,
              ...chunk.flatMap(({ id, at }) => [id, at]),
            );
          }
        },
        { lasting: false },
      ),

    findKey: (id) =>
      read(function* () {
        const record = yield* get(
          `SELECT keys.*, ${ownerColumns} FROM keys ${joinOwner} WHERE keys.id = ?`,
          id,
        );
        return record ? { row: toRow(record), owner: ownerOf(record) } : null;
      }),

    async findSecret(hash) {
      const record = await lookUpSecret(hash);
      if (!record) return null;
      const { ends_at: endsAt, sealed } = record;
      return {
        row: toRow(record),
        owner: ownerOf(record),
        endsAt: endsAt as number | null,
        sealed: sealed === 1,
      };
    },

    listKeys: (selection) =>
      read(function* () {
        const { rows } = yield { ...selectKeys(selection, dialect), varied: true };
        return rows.map(toRow);
      }),
  };
}

/** Only a key without roles of its own needs to know what its owner is where. */
const ownerColumns = `users.role AS owner_role, users.disabled_at AS owner_disabled_at,
  CASE WHEN keys.roles = '[]' THEN ${membershipsOfUser} END AS owner_memberships`;
const joinOwner = 'LEFT JOIN users ON users.name = keys.owner';

/** Whose secret a hash is of. */
export const secretText = `SELECT keys.*, ${ownerColumns}, secrets.ends_at, CASE WHEN EXISTS (
    SELECT 1 FROM mints WHERE secret_hash = secrets.hash AND seal IS NOT NULL
  ) THEN 1 ELSE 0 END AS sealed
  FROM secrets JOIN keys ON keys.id = secrets.key_id ${joinOwner} WHERE hash = ?`;

function ownerOf(record: Row): OwnerRow | null {
  const { owner_role: role, owner_disabled_at: disabledAt, owner_memberships: memberships } = record;
  return role === null ? null : toOwner(role, disabledAt, memberships);
}

function* find(id: string): Work<KeyRow | null> {
  const record = yield* get('SELECT * FROM keys WHERE id = ?', id);
  return record ? toRow(record) : null;
}

function* update(id: string, version: number, changes: Partial<KeyRow>): Work<void> {
  const fields = Object.keys(changes) as (keyof KeyRow)[];
  const assignments = fields.map((field) => `${columns[field]} = ?`).join(', ');
  const changed = yield* run(
    `UPDATE keys SET ${assignments}, version = version + 1 WHERE id = ? AND version = ?`,
    ...fields.map((field) => toColumn(changes[field])),
    id,
    version,
  );
  if (changed !== 1) throw new Refused<Refusal>({ refused: 'changed' });
}

function* requireVersion(id: string, version: number): Work<KeyRow> {
  const row = yield* find(id);
  if (row?.version !== version) throw new Refused<Refusal>({ refused: 'changed' });
  return row;
}

function* requireFirst(mint: NewMint | null): Work<void> {
  if (mint && (yield* hasMint(mint.hash))) throw new Refused<Refusal>({ refused: 'minted' });
}

/** Whether a key may be made, but for the counts, is one question: other writers wait for the answer. */
function* requirePlace(row: KeyRow, mint: NewMint | null): Work<{ isNew: boolean; ownQuota: number | null }> {
  const { namespace, name } = row;
  const found = (yield* get(
    `SELECT (SELECT 1 FROM mints WHERE hash = ?) AS minted,
       (SELECT 1 FROM users WHERE name = ?) AS has_owner,
       (SELECT disabled_at FROM users WHERE name = ?) AS owner_disabled_at,
       (SELECT 1 FROM keys WHERE namespace = ? AND name = ? AND revoked_at IS NULL) AS taken,
       (SELECT 1 FROM namespaces WHERE name = ?) AS has_namespace,
       (SELECT quota FROM namespaces WHERE name = ?) AS own_quota`,
    ...[mint?.hash ?? null, row.owner, row.owner, namespace, name, namespace, namespace],
  )) as Row;
  if (found.minted !== null) throw new Refused<Refusal>({ refused: 'minted' });
  if (row.owner !== null && found.has_owner === null) throw new Refused<Refusal>({ refused: 'no_owner' });
  if (found.owner_disabled_at !== null) throw new Refused<Refusal>({ refused: 'owner_disabled' });
  if (found.taken !== null) throw new Refused<Refusal>({ refused: 'name_taken' });
  return { isNew: found.has_namespace === null, ownQuota: found.own_quota as number | null };
}

/** Among the live keys of a namespace. */
function* requireFreeName({ id, namespace, name }: KeyRow): Work<void> {
  const taken = yield* exists(
    'SELECT 1 FROM keys WHERE namespace = ? AND name = ? AND revoked_at IS NULL AND id <> ?',
    ...[namespace, name, id],
  );
  if (taken) throw new Refused<Refusal>({ refused: 'name_taken' });
}

function* endSecrets(which: 'key_id = ?' | 'hash = ?', value: Value, endsAt: number): Work<void> {
  yield* run(
    `UPDATE secrets SET ends_at = ? WHERE ${which} AND (ends_at IS NULL OR ends_at > ?)`,
    ...[endsAt, value, endsAt],
  );
}

/** Those of rotations before, whose grace still runs; one that has no end yet is another matter. */
function* endEarlierSecrets(keyId: string, kept: Uint8Array, endsAt: number): Work<void> {
  yield* run(
    'UPDATE secrets SET ends_at = ? WHERE key_id = ? AND hash <> ? AND ends_at > ?',
    ...[endsAt, keyId, kept, endsAt],
  );
}

/** Ends an open overlap with both its secrets: the new one is in force then, and the old one works until `endsAt`. */
function* leaveOverlap(id: string, endsAt: number): Work<void> {
  const old = yield* openOverlapOf(id);
  if (!old) return;
  yield* endSecrets('hash = ?', old, endsAt);
  yield* destroyKept('hash = ?', old);
  yield* endMints(id);
}

/** The secret in force: outside an overlap, the only one without an end. */
function* secretInForce(id: string): Work<Uint8Array> {
  const record = yield* get('SELECT hash FROM secrets WHERE key_id = ? AND ends_at IS NULL', id);
  return record?.hash as Uint8Array;
}

function* quotaOf(namespace: string): Work<number | null> {
  const record = yield* get('SELECT quota FROM namespaces WHERE name = ?', namespace);
  return (record?.quota ?? null) as number | null;
}

function* requireRoom(
  namespace: string,
  ownQuota: number | null,
  { defaultQuota, totalQuota, now }: QuotaGuard,
): Work<void> {
  const quota = ownQuota ?? defaultQuota;
  if (quota !== null)
    yield* requireFewer('namespace', quota, `${activeKeys} AND namespace = ?`, now, namespace);
  if (totalQuota !== null) yield* requireFewer('service', totalQuota, activeKeys, now);
}

const activeKeys = `SELECT count(*) AS active FROM keys WHERE revoked_at IS NULL AND disabled_at IS NULL
  AND (expires_at IS NULL OR expires_at > ?)`;

function* requireFewer(
  of: 'namespace' | 'service',
  quota: number,
  counting: string,
  ...values: Value[]
): Work<void> {
  const active = Number((yield* get(counting, ...values))?.active);
  if (active >= quota) throw new Refused<Refusal>({ refused: 'quota', of, quota, active });
}

function* addSecret(id: string, { hash, createdAt, kept }: NewSecret): Work<void> {
  yield* send('INSERT INTO secrets (hash, key_id, created_at) VALUES (?, ?, ?)', hash, id, createdAt);
  if (kept) yield* addKept(hash, id, kept);
}

function toColumn(value: KeyRow[keyof KeyRow] | undefined): Value {
  if (value === undefined) return null;
  if (typeof value === 'boolean') return value ? 1 : 0;
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : value;
}

/** Most lists and labels are empty, and every request that comes with a secret reads some. */
function parsed<T>(json: Value | undefined, empty: '[]' | '{}', none: () => T): T {
  return json === empty ? none() : (JSON.parse(String(json)) as T);
}

/** Each field by its name as it stands, since one that is looked up by a text takes several times as long. */
function toRow(record: Row): KeyRow {
  return {
    id: record.id as string,
    namespace: record.namespace as string,
    name: record.name as string,
    description: record.description as string | null,
    owner: record.owner as string | null,
    type: record.type as KeyType,
    roles: parsed<string[]>(record.roles, '[]', () => []),
    permissions: parsed<string[]>(record.permissions, '[]', () => []),
    apiVersion: record.api_version as string,
    prefix: record.prefix as string | null,
    lastFour: record.last_four as string,
    labels: parsed<Record<string, string>>(record.labels, '{}', () => ({})),
    rateLimit: record.rate_limit === null ? null : (JSON.parse(String(record.rate_limit)) as RateLimit),
    recoverable: record.recoverable === 1,
    createdAt: record.created_at as number,
    createdBy: record.created_by as string,
    expiresAt: record.expires_at as number | null,
    disabledAt: record.disabled_at as number | null,
    revokedAt: record.revoked_at as number | null,
    rotatedAt: record.rotated_at as number | null,
    lastUsedAt: record.last_used_at as number | null,
    version: record.version as number,
  };
}
