/** What a backup knows nothing of. */
import type { DatabaseSync } from 'node:sqlite';

/** What ended after a backup was made, and would work again with it. */
export interface Undone {
  /** Whether the copy is an earlier state of the database, by its audit log; `null` where one of them has no chained one yet. */
  readonly earlier: boolean | null;
  readonly revoked: readonly KeyName[];
  readonly disabled: readonly KeyName[];
  /** Users who were disabled. */
  readonly users: readonly string[];
  /** Users whose role, or whose role in a namespace, is another one by now: they have those before again. */
  readonly roles: readonly string[];
  /** How many secrets that were replaced, or are in their grace. */
  readonly secrets: number;
  /** Users whose password was changed or taken away: they have the one before again. */
  readonly passwords: readonly string[];
  /** How many sessions that were ended: by their user, with a password or a user, or because somebody had a copy of a token. */
  readonly sessions: number;
}

export interface KeyName {
  readonly id: string;
  readonly name: string;
  readonly namespace: string;
}

/** By putting the copy in the place of the database as it is now. */
export function undoneBy(copy: DatabaseSync, current: DatabaseSync, now: number): Undone {
  const newer = (column: 'revoked_at' | 'disabled_at') => {
    const before = copy.prepare(`SELECT revoked_at, ${column} AS ended FROM keys WHERE id = ?`);
    const ended = current
      .prepare(`SELECT id, name, namespace FROM keys WHERE ${column} IS NOT NULL ORDER BY id`)
      .all();
    return ended
      .filter(({ id = null }) => {
        const row = before.get(id);
        return row && row.revoked_at === null && row.ended === null;
      })
      .map(({ id, name, namespace }) => ({
        id: String(id),
        name: String(name),
        namespace: String(namespace),
      }));
  };
  const revoked = newer('revoked_at');
  const ids = new Set(revoked.map(({ id }) => id));
  const before = copy.prepare('SELECT ends_at FROM secrets WHERE hash = ?');
  const secrets = current
    .prepare('SELECT hash, ends_at FROM secrets WHERE ends_at IS NOT NULL')
    .all()
    .filter(({ hash = null, ends_at }) => {
      const row = before.get(hash);
      return row && (row.ends_at === null || Number(row.ends_at) > Number(ends_at));
    }).length;
  const disabled = newer('disabled_at').filter(({ id }) => !ids.has(id));
  return { earlier: isEarlier(copy, current), revoked, disabled, secrets, ...ofUsers(copy, current, now) };
}

/** The last row of the copy's log is a row of the log as it is now. */
function isEarlier(copy: DatabaseSync, current: DatabaseSync): boolean | null {
  if (![copy, current].every((db) => hasTable(db, 'audit_log'))) return null;
  const { seq = null, hash = null } = copy.prepare('SELECT seq, hash FROM audit_head').get() ?? {};
  if (seq === 0 || hash === null) return null;
  const row = current.prepare('SELECT hash FROM audit_log WHERE seq = ?').get(seq);
  return row?.hash === hash;
}

/** A database of an older version has no users. */
function ofUsers(
  copy: DatabaseSync,
  current: DatabaseSync,
  now: number,
): Pick<Undone, 'users' | 'roles' | 'passwords' | 'sessions'> {
  if (![current, copy].every((db) => hasTable(db, 'users')))
    return { users: [], roles: [], passwords: [], sessions: 0 };
  const users = current.prepare('SELECT * FROM users ORDER BY name').all();
  const earlier = copy.prepare('SELECT * FROM users WHERE name = ?');
  const found = users.map((user) => ({ user, before: earlier.get(user.name ?? null) }));
  const disabled = found.filter(
    ({ user, before }) => user.disabled_at !== null && before?.disabled_at === null,
  );
  const rolesIn = (db: DatabaseSync, name: unknown) => {
    const rows = db.prepare('SELECT namespace, role FROM memberships WHERE user_name = ? ORDER BY namespace');
    return JSON.stringify(rows.all(String(name)));
  };
  const others = found.filter(
    ({ user, before }) =>
      before && (before.role !== user.role || rolesIn(copy, user.name) !== rolesIn(current, user.name)),
  );
  const changed = found.filter(({ user, before }) => before?.password && before.password !== user.password);
  const open = copy.prepare('SELECT 1 FROM sessions WHERE id = ? AND ended_at IS NULL AND expires_at > ?');
  const ended = current.prepare('SELECT id FROM sessions WHERE ended_at IS NOT NULL').all();
  return {
    users: disabled.map(({ user }) => String(user.name)),
    roles: others.map(({ user }) => String(user.name)),
    passwords: changed.map(({ user }) => String(user.name)),
    sessions: ended.filter(({ id = null }) => open.get(id, now)).length,
  };
}

function hasTable(db: DatabaseSync, name: string): boolean {
  return db.prepare('SELECT 1 FROM sqlite_schema WHERE name = ?').get(name) !== undefined;
}
