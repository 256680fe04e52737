/** What an edit of a key comes to. */
import type { KeyChanges } from '../keys.ts';
import type { Roles } from './grants.ts';
import * as rules from './rules.ts';
import type { KeyRow, KeyRowChanges } from './store.ts';

/** What an edit really changes. Throws `invalid`. */
export function editOf(row: KeyRow, changes: KeyChanges, known: Roles, now: number): KeyRowChanges {
  const { name, roles, permissions, labels, description, expiresAt, rateLimit } = changes;
  const wanted: KeyRowChanges = {
    ...(name === undefined ? {} : { name: rules.keyName(name) }),
    ...(description === undefined ? {} : { description: rules.description(description) }),
    ...(roles === undefined ? {} : { roles: rules.roleNames(roles, known) }),
    ...(permissions === undefined ? {} : { permissions: rules.permissionNames(permissions) }),
    ...(labels === undefined ? {} : { labels: rules.labels(labels) }),
    ...(rateLimit === undefined ? {} : { rateLimit: rules.rateLimit(rateLimit, 'the rate limit') }),
  };
  const merged = { ...row, ...wanted };
  // Its own role may be gone, or do more than look by now: that is no reason not to change anything else.
  if (roles || permissions) {
    rules.requireFit(merged.type, merged.roles, merged.permissions, known);
  }
  const given = Object.entries(wanted).filter(
    ([field, value]) => JSON.stringify(value) !== JSON.stringify(row[field as keyof KeyRow]),
  );
  const ms = expiresAt === undefined ? row.expiresAt : expiryOf(expiresAt, row, now);
  return { ...Object.fromEntries(given), ...(ms === row.expiresAt ? {} : { expiresAt: ms }) };
}

/** The expiry a key has already may be sent back, also when it has passed. */
function expiryOf(time: string | null, row: KeyRow, now: number): number | null {
  if (time !== null && rules.timestamp(time, 'the expiry') === row.expiresAt) return row.expiresAt;
  return rules.expiry(time, now);
}

export function isEmpty(changes: KeyRowChanges): boolean {
  return Object.keys(changes).length === 0;
}
