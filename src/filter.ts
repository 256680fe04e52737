/** Filters and sorting over keys, for whatever a service does not do itself. */
import { KeysError } from './errors.ts';
import type { Key, KeyFilter, KeyStatus } from './keys.ts';
import { globToRegExp } from './text.ts';

/** Whether a key can still be used, now or after something has been done about it. */
export function isLive(status: KeyStatus | null): boolean {
  return status !== 'revoked';
}

/** Whether a key meets every condition given. What a service cannot tell about a key does not match a condition on it. */
export function keyMatcher(filter: KeyFilter, nowMs: number): (key: Key) => boolean {
  const conditions: ((key: Key) => boolean)[] = [];
  const { statuses, owner, role, type, labels, nameGlob, expiresBefore, unusedSince, noExpiry, namespace } =
    filter;
  if (statuses) conditions.push((key) => key.status !== null && statuses.includes(key.status));
  else conditions.push((key) => isLive(key.status));
  if (namespace) conditions.push((key) => key.namespace === null || key.namespace === namespace);
  if (owner !== undefined) conditions.push((key) => key.owner === owner);
  if (role !== undefined) conditions.push((key) => key.roles.includes(role));
  if (type !== undefined) conditions.push((key) => key.type === type);
  for (const [name, value] of Object.entries(labels ?? {}))
    conditions.push((key) => key.labels[name] === value);
  if (nameGlob !== undefined) {
    const pattern = globToRegExp(nameGlob);
    conditions.push((key) => pattern.test(key.name));
  }
  if (expiresBefore !== undefined) {
    const limit = Date.parse(expiresBefore);
    conditions.push(
      (key) => key.expiresAt !== null && expiresWithin(Date.parse(key.expiresAt), nowMs, limit),
    );
  }
  if (unusedSince !== undefined) {
    const limit = Date.parse(unusedSince);
    conditions.push((key) => Date.parse(key.lastUsedAt ?? key.createdAt ?? '') < limit);
  }
  if (noExpiry) conditions.push((key) => key.expiresAt === null);
  return (key) => conditions.every((holds) => holds(key));
}

function expiresWithin(expiresMs: number, nowMs: number, limitMs: number): boolean {
  return expiresMs > nowMs && expiresMs <= limitMs;
}

export const sortFields = [
  'id',
  'name',
  'namespace',
  'owner',
  'type',
  'status',
  'createdAt',
  'expiresAt',
  'lastUsedAt',
  'rotatedAt',
] as const satisfies readonly (keyof Key)[];

/** Compares by one field, `field:desc` for descending; keys without a value come last either way. Throws `invalid`. */
export function keyOrder(sort: string): (a: Key, b: Key) => number {
  const [name, direction = 'asc', ...rest] = sort.split(':');
  const field = sortFields.find((candidate) => candidate === name);
  if (!field || !['asc', 'desc'].includes(direction) || rest.length > 0) {
    throw new KeysError('invalid', `cannot sort by '${sort}'`, {
      hint: `one of ${sortFields.join(', ')}, and createdAt:desc for newest first`,
    });
  }
  return (a, b) => {
    const [left, right] = [a[field], b[field]];
    if (left === right) return 0;
    if (left === null) return 1;
    if (right === null) return -1;
    return left < right === (direction === 'asc') ? -1 : 1;
  };
}
