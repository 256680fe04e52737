/** How a key is printed: its columns, for people and for programs. */
import type { Capabilities, Key } from '../src/keys.ts';
import type { Column, Noun, Tone } from '../src/output.ts';
import { rateLimitText } from '../src/rate-limit.ts';
import { terminalSafe } from '../src/text.ts';
import { relative } from '../src/time.ts';

const soonMs = 14 * 86_400_000;

function text(
  field: 'id' | 'name' | 'description' | 'namespace' | 'type' | 'apiVersion' | 'owner' | 'createdBy',
  title: string,
  rest: Partial<Column<Key>> = {},
): Column<Key> {
  return { field, title, value: (key) => key[field], ...rest };
}

function time(
  field: 'createdAt' | 'expiresAt' | 'lastUsedAt' | 'rotatedAt',
  title: string,
  rest: Partial<Column<Key>> = {},
): Column<Key> {
  return {
    field,
    title,
    value: (key) => key[field],
    human: (key, nowMs) => (key[field] === null ? null : relative(key[field], nowMs)),
    ...rest,
  };
}

const id = text('id', 'id');
const name = text('name', 'name', { shrinks: true });
const namespace = text('namespace', 'namespace', { dispensable: 8 });
const status: Column<Key> = {
  field: 'status',
  title: 'status',
  value: (key) => key.status,
  tone: statusTone,
};
const type = text('type', 'type', { dispensable: 6 });
const roles: Column<Key> = {
  field: 'roles',
  title: 'roles',
  value: (key) => key.roles.join(',') || null,
  dispensable: 5,
};
const owner = text('owner', 'owner', { dispensable: 7 });
const lastFour: Column<Key> = {
  field: 'lastFour',
  title: 'last four',
  value: (key) => key.lastFour,
  dispensable: 3,
};
const expires = time('expiresAt', 'expires', {
  human: (key, nowMs) => (key.expiresAt === null ? 'never' : relative(key.expiresAt, nowMs)),
  tone: expiryTone,
  dispensable: 1,
});
const lastUsed = time('lastUsedAt', 'last used', { dispensable: 2 });
const created = time('createdAt', 'created', { dispensable: 4 });

const details: Column<Key>[] = [
  id,
  name,
  text('description', 'description'),
  namespace,
  status,
  type,
  roles,
  { field: 'permissions', title: 'permissions', value: (key) => key.permissions.join(',') || null },
  text('apiVersion', 'API version'),
  owner,
  { field: 'prefix', title: 'prefix', value: (key) => key.prefix },
  lastFour,
  created,
  text('createdBy', 'created by'),
  expires,
  lastUsed,
  time('rotatedAt', 'regenerated'),
  { field: 'labels', title: 'labels', value: ({ labels }) => pairs(labels) },
  {
    field: 'rateLimit',
    title: 'rate limit',
    value: ({ rateLimit }) => rateLimit && rateLimitText(rateLimit),
  },
  {
    field: 'recoverable',
    title: 'recoverable',
    value: ({ recoverable }) => (recoverable ? 'true' : null),
  },
  { field: 'extra', title: 'more', value: ({ extra = {} }) => pairs(extra) },
];

function pairs(fields: Record<string, unknown>): string | null {
  const text = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value));
  return (
    Object.entries(fields)
      .map(([field, value]) => `${field}=${text(value)}`)
      .join(',') || null
  );
}

function statusTone(key: Key): Tone | null {
  return key.status === 'expired' || key.status === 'revoked' ? 'red' : null;
}

function expiryTone(key: Key, nowMs: number): Tone | null {
  if (key.expiresAt === null || key.status === 'revoked') return null;
  const leftMs = Date.parse(key.expiresAt) - nowMs;
  if (leftMs <= 0) return 'red';
  return leftMs <= soonMs ? 'amber' : null;
}

export const keyNoun: Noun<Key> = {
  columns: [id, name, namespace, status, type, roles, owner, lastFour, expires, lastUsed, created],
  details,
  name: nameOrId,
  tone: (key) => (key.status === 'disabled' ? 'dim' : null),
  none: 'no keys',
};

/** What a person recognises a key by before it is changed. */
export const keyGlance: Noun<Key> = {
  columns: [name, id, status, lastUsed],
  name: (key) => key.name,
  none: 'no keys',
};

/** What a command finds the key by again: its name, or its id where the name cannot be shown as it is. */
export function nameOrId({ id, name }: Pick<Key, 'id' | 'name'>): string {
  return terminalSafe(name) === name && name.trim() !== '' ? name : id;
}

/** Keys of a service: of one that never tells when a key expires, `never` would say more than is known. */
export function keyNounOf(capabilities: Capabilities): Noun<Key> {
  if (tellsExpiry(capabilities)) return keyNoun;
  const untold = (column: Column<Key>): Column<Key> =>
    column === expires ? { ...column, human: () => null } : column;
  return { ...keyNoun, columns: keyNoun.columns.map(untold), details: details.map(untold) };
}

/** Rows of several namespaces: a name means another key in another namespace, so that `-o name` gives ids. */
export function acrossNamespaces<T extends { readonly id: string }>(noun: Noun<T>): Noun<T> {
  return { ...noun, name: ({ id }) => id };
}

/** A key in a sentence: its name and its id. */
export function called(key: Pick<Key, 'id' | 'name'>): string {
  return `${terminalSafe(key.name)} (${terminalSafe(key.id)})`;
}

function tellsExpiry({ untold = [] }: Capabilities): boolean {
  return !untold.includes('expiresAt');
}

/** When a key expires; `null` where its service never tells. */
export function toldExpiry(capabilities: Capabilities, key: Key, nowMs: number): string | null {
  return tellsExpiry(capabilities) ? expiry(key, nowMs) : null;
}

export function expiry(key: Key, nowMs: number): string {
  if (key.expiresAt === null) return 'never expires';
  const when = relative(key.expiresAt, nowMs);
  return Date.parse(key.expiresAt) > nowMs
    ? `expires ${key.expiresAt.slice(0, 10)} (${when})`
    : `expired ${when}`;
}
