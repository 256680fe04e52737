/** From a row to the key that people see. */
import { isoTime } from '../iso-time.ts';
import type { Key, KeyStatus } from '../keys.ts';
import type { KeyRow } from './store.ts';

/** What was done on purpose comes before what time did. A key is good if and only if `now < expiresAt`. */
export function statusOf(
  row: Pick<KeyRow, 'revokedAt' | 'disabledAt' | 'expiresAt'>,
  now: number,
): KeyStatus {
  if (row.revokedAt !== null) return 'revoked';
  if (row.disabledAt !== null) return 'disabled';
  return row.expiresAt === null || now < row.expiresAt ? 'active' : 'expired';
}

export function toKey(row: KeyRow, now: number): Key {
  return {
    id: row.id,
    name: row.name,
    description: row.description,
    namespace: row.namespace,
    owner: row.owner,
    type: row.type,
    roles: [...row.roles],
    permissions: [...row.permissions],
    apiVersion: row.apiVersion,
    status: statusOf(row, now),
    prefix: row.prefix,
    lastFour: row.lastFour,
    createdAt: time(row.createdAt),
    createdBy: row.createdBy,
    expiresAt: time(row.expiresAt),
    lastUsedAt: time(row.lastUsedAt),
    rotatedAt: time(row.rotatedAt),
    labels: { ...row.labels },
    rateLimit: row.rateLimit,
    recoverable: row.recoverable,
    version: String(row.version),
  };
}

function time(ms: number): string;
function time(ms: number | null): string | null;
function time(ms: number | null): string | null {
  return ms === null ? null : isoTime(ms);
}
