/** Users, the namespaces they work in, and the roles they have there. */
import type { Membership, UserRole } from '../users.ts';
import { all, type Database, exists, get, Refused, type Row, run, type Value, type Work } from './sql.ts';
import { addAudit } from './sql-audit.ts';
import type {
  AuditRow,
  CountedNamespace,
  NamespaceRowChanges,
  OwnerRow,
  UserOutcome,
  UserRow,
  UserRowChanges,
  UserStore,
} from './store.ts';

type Refusal = Extract<UserOutcome, { refused: string }>;

/** The memberships of `users.name` as one text, which neither a namespace nor a role can be mistaken in. */
export const membershipsOfUser = `(
  SELECT string_agg(memberships.namespace || ' ' || memberships.role, ',')
  FROM memberships WHERE memberships.user_name = users.name
)`;

const selectUsers = `SELECT users.*, ${membershipsOfUser} AS memberships FROM users`;

export function userStore({ read, transaction }: Database): UserStore {
  async function write(name: string, work: () => Work<void>): Promise<UserOutcome> {
    try {
      return await transaction(function* () {
        yield* work();
        const row = yield* find(name);
        if (!row) throw new Refused<Refusal>({ refused: 'changed' });
        return { row };
      });
    } catch (error) {
      if (error instanceof Refused) return error.refusal;
      throw error;
    }
  }

  /** A change of at most one row, recorded when there was one to change. */
  function change(text: string, values: readonly Value[], audit: AuditRow): Promise<boolean> {
    return transaction(function* () {
      if ((yield* run(text, ...values)) !== 1) return false;
      yield* addAudit(audit);
      return true;
    });
  }

  return {
    listUsers: () =>
      read(function* () {
        return (yield* all(selectUsers)).map(toUser).sort(byName);
      }),

    findUser: (name) => read(() => find(name)),

    insertUser(row, audit) {
      const { name, role, password, disabledAt, createdAt, version, memberships } = row;
      return write(name, function* () {
        const added = yield* run(
          `INSERT INTO users (name, role, password, disabled_at, created_at, version)
           VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
          ...[name, role, password, disabledAt, createdAt, version],
        );
        if (added !== 1) throw new Refused<Refusal>({ refused: 'name_taken' });
        for (const membership of memberships) yield* join(name, membership);
        yield* addAudit(audit);
      });
    },

    changeUser(name, version, changes, now, audit) {
      return write(name, function* () {
        const before = yield* find(name);
        yield* update(name, version, changes);
        if (isActiveAdmin(before)) yield* requireAdmin();
        if (typeof changes.disabledAt === 'number' || changes.password !== undefined) {
          yield* run('UPDATE sessions SET ended_at = ? WHERE user_name = ? AND ended_at IS NULL', now, name);
        }
        yield* addAudit(audit);
      });
    },

    setMembership(name, namespace, role, audit) {
      return write(name, function* () {
        if ((yield* run('UPDATE users SET version = version + 1 WHERE name = ?', name)) !== 1) {
          throw new Refused<Refusal>({ refused: 'changed' });
        }
        yield* run('DELETE FROM memberships WHERE user_name = ? AND namespace = ?', name, namespace);
        if (role !== null) yield* join(name, { namespace, role });
        yield* addAudit(audit);
      });
    },

    listNamespaces: (now) =>
      read(function* () {
        const rows = yield* all(
          `SELECT namespaces.*, (
             SELECT count(*) FROM keys WHERE keys.namespace = namespaces.name AND revoked_at IS NULL
             AND disabled_at IS NULL AND (expires_at IS NULL OR expires_at > ?)
           ) AS active FROM namespaces`,
          now,
        );
        return rows.map(toNamespace).sort(byName);
      }),

    insertNamespace: ({ name, quota, recoverable, createdAt }, audit) =>
      change(
        'INSERT INTO namespaces (name, quota, recoverable, created_at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING',
        [name, quota, Number(recoverable), createdAt],
        audit,
      ),

    changeNamespace(name, changes, audit) {
      const { text, values } = assignments(changes);
      return change(`UPDATE namespaces SET ${text} WHERE name = ?`, [...values, name], audit);
    },

    listRoles: () =>
      read(function* () {
        const rows = yield* all('SELECT name, permissions FROM roles ORDER BY name');
        return rows.map(({ name, permissions }) => ({
          name: name as string,
          permissions: JSON.parse(permissions as string) as string[],
        }));
      }),

    insertRole: ({ name, permissions }, createdAt, audit) =>
      change(
        'INSERT INTO roles (name, permissions, created_at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING',
        [name, JSON.stringify(permissions), createdAt],
        audit,
      ),

    changeRole: ({ name, permissions }, audit) =>
      change('UPDATE roles SET permissions = ? WHERE name = ?', [JSON.stringify(permissions), name], audit),
  };
}

/** In the same order whatever the database thinks of letters. */
function byName(a: { readonly name: string }, b: { readonly name: string }): number {
  return a.name < b.name ? -1 : 1;
}

function* find(name: string): Work<UserRow | null> {
  const record = yield* get(`${selectUsers} WHERE users.name = ?`, name);
  return record ? toUser(record) : null;
}

function* update(name: string, version: number, { role, password, disabledAt }: UserRowChanges): Work<void> {
  const { text, values } = assignments({ role, password, disabled_at: disabledAt });
  const changed = yield* run(
    `UPDATE users SET ${text}, version = version + 1 WHERE name = ? AND version = ?`,
    ...[...values, name, version],
  );
  if (changed !== 1) throw new Refused<Refusal>({ refused: 'changed' });
}

function isActiveAdmin(row: UserRow | null): boolean {
  return row?.role === 'admin' && row.disabledAt === null;
}

function* requireAdmin(): Work<void> {
  const left = yield* exists(`SELECT 1 FROM users WHERE role = 'admin' AND disabled_at IS NULL`);
  if (!left) throw new Refused<Refusal>({ refused: 'last_admin' });
}

function* join(name: string, { namespace, role }: Membership): Work<void> {
  if (!(yield* exists('SELECT 1 FROM namespaces WHERE name = ?', namespace)))
    throw new Refused<Refusal>({ refused: 'no_namespace', namespace });
  yield* run('INSERT INTO memberships (user_name, namespace, role) VALUES (?, ?, ?)', name, namespace, role);
}

function assignments(changes: Readonly<Record<string, Value | boolean | undefined>> | NamespaceRowChanges) {
  const given = Object.entries(changes).filter(([, value]) => value !== undefined);
  return {
    text: given.map(([column]) => `${column} = ?`).join(', '),
    values: given.map(([, value]) => (typeof value === 'boolean' ? Number(value) : (value as Value))),
  };
}

function toUser(record: Row): UserRow {
  return {
    ...toOwner(record.role, record.disabled_at, record.memberships),
    name: record.name as string,
    password: record.password as string | null,
    createdAt: record.created_at as number,
    version: record.version as number,
  };
}

export function toOwner(
  role: Value | undefined,
  disabledAt: Value | undefined,
  memberships: Value | undefined,
): OwnerRow {
  return {
    role: role as UserRole,
    disabledAt: disabledAt as number | null,
    memberships: toMemberships(memberships as string | null),
  };
}

function toMemberships(text: string | null): Membership[] {
  if (!text) return [];
  return text
    .split(',')
    .sort()
    .map((each) => {
      const [namespace = '', role = ''] = each.split(' ');
      return { namespace, role };
    });
}

function toNamespace(record: Row): CountedNamespace {
  return {
    name: record.name as string,
    quota: record.quota as number | null,
    recoverable: record.recoverable === 1,
    createdAt: record.created_at as number,
    active: Number(record.active),
  };
}
