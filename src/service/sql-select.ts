/** A selection of keys as SQL; the same conditions as `keyMatcher` in `src/filter.ts`. */
import type { KeyStatus } from '../keys.ts';
import type { Dialect, Query, Value } from './sql.ts';
import type { KeySelection } from './store.ts';

const statusConditions: Record<KeyStatus, string> = {
  revoked: 'revoked_at IS NOT NULL',
  disabled: '(revoked_at IS NULL AND disabled_at IS NOT NULL)',
  expired: '(revoked_at IS NULL AND disabled_at IS NULL AND expires_at <= ?)',
  active: '(revoked_at IS NULL AND disabled_at IS NULL AND (expires_at IS NULL OR expires_at > ?))',
};

export function selectKeys(selection: KeySelection, dialect: Dialect): Query {
  const { now, limit, below, namespace, visible, statuses, owner, role, type, labels, nameGlob } = selection;
  const { expiresBefore, unusedSince, noExpiry } = selection;
  const conditions: string[] = [];
  const values: Value[] = [];
  function where(condition: string, ...bound: Value[]): void {
    conditions.push(condition);
    values.push(...bound);
  }
  function whereAs({ text, values: bound }: Query): void {
    where(text, ...bound);
  }
  if (below !== null) where('id < ?', below);
  if (namespace !== null) where('namespace = ?', namespace);
  if (visible) {
    const { namespaces, owner: own } = visible;
    const some = namespaces.length > 0 ? `namespace IN (${namespaces.map(() => '?').join(', ')})` : null;
    const parts = [some, own === null ? null : 'owner = ?'].filter((part) => part !== null);
    where(
      parts.length > 0 ? `(${parts.join(' OR ')})` : 'FALSE',
      ...namespaces,
      ...(own === null ? [] : [own]),
    );
  }
  whereStatus(statuses, now, where);
  if (owner !== undefined) where('owner = ?', owner);
  if (role !== undefined) whereAs(dialect.hasElement('roles', role));
  if (type !== undefined) where('type = ?', type);
  for (const [name, value] of Object.entries(labels ?? {})) {
    whereAs(dialect.hasEntry('labels', name, value));
  }
  if (nameGlob !== undefined) whereAs(dialect.matches('name', nameGlob));
  if (expiresBefore !== undefined) where('expires_at > ? AND expires_at <= ?', now, expiresBefore);
  if (unusedSince !== undefined) where('coalesce(last_used_at, created_at) < ?', unusedSince);
  if (noExpiry) where('expires_at IS NULL');
  const all = conditions.length > 0 ? ` WHERE ${conditions.join(' AND ')}` : '';
  return { text: `SELECT * FROM keys${all} ORDER BY id DESC LIMIT ?`, values: [...values, limit] };
}

function whereStatus(
  statuses: readonly KeyStatus[],
  now: number,
  where: (condition: string, ...bound: Value[]) => void,
): void {
  const wanted = [...new Set(statuses)];
  if (wanted.length === 4) return;
  if (wanted.length === 3 && !wanted.includes('revoked')) {
    where('revoked_at IS NULL');
    return;
  }
  const parts = wanted.map((status) => statusConditions[status]);
  const bound = wanted.filter((status) => status === 'expired' || status === 'active').map(() => now);
  where(parts.length > 0 ? `(${parts.join(' OR ')})` : 'FALSE', ...bound);
}
