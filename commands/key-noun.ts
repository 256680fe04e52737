/** How a key is printed: its columns, for people and for programs. */
import type { Key } from '../src/keys.ts';
import type { Column, Noun, Tone } from '../src/output.ts';
import { relative } from '../src/time.ts';

const soonMs = 14 * 86_400_000;

function time(
  field: 'createdAt' | 'expiresAt' | 'lastUsedAt' | 'rotatedAt',
  title: string,
  dispensable?: number,
): Column<Key> {
  return {
    field,
    title,
    dispensable,
    value: (key) => key[field],
    human: (key, nowMs) => (key[field] === null ? null : relative(key[field], nowMs)),
  };
}

const columns: Column<Key>[] = [
  { field: 'id', title: 'id', value: (key) => key.id },
  { field: 'name', title: 'name', value: (key) => key.name, shrinks: true },
  { field: 'namespace', title: 'namespace', value: (key) => key.namespace, dispensable: 8 },
  { field: 'status', title: 'status', value: (key) => key.status, tone: statusTone },
  { field: 'type', title: 'type', value: (key) => key.type, dispensable: 6 },
  { field: 'roles', title: 'roles', value: (key) => key.roles.join(',') || null, dispensable: 5 },
  { field: 'owner', title: 'owner', value: (key) => key.owner, dispensable: 7 },
  { field: 'lastFour', title: 'last four', value: (key) => key.lastFour, dispensable: 3 },
  { ...time('expiresAt', 'expires', 1), tone: expiryTone },
  time('lastUsedAt', 'last used', 2),
  time('createdAt', 'created', 4),
];

function statusTone(key: Key): Tone | null {
  if (key.status === 'expired' || key.status === 'revoked') return 'red';
  return null;
}

function expiryTone(key: Key, nowMs: number): Tone | null {
  if (key.expiresAt === null || key.status === 'revoked') return null;
  const leftMs = Date.parse(key.expiresAt) - nowMs;
  if (leftMs <= 0) return 'red';
  return leftMs <= soonMs ? 'amber' : null;
}

/** A row of a list. */
export const keyNoun: Noun<Key> = {
  columns,
  name: (key) => key.name,
  tone: (key) => (key.status === 'disabled' ? 'dim' : null),
  none: 'no keys',
};
