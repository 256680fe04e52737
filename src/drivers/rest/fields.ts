/** The fields of a key as a service says and takes them. */
import { createHash } from 'node:crypto';
import { KeysError } from '../../errors.ts';
import { blankKey, type Key, keyStatuses, keyTypes, type NewKey } from '../../keys.ts';
import { durationText, parseDuration } from '../../time.ts';
import { requireFuture, requirePlainName, statusByExpiry } from '../foreign.ts';
import { optionOf } from './capabilities.ts';
import { find, textOf } from './expression.ts';
import type { Mapping } from './mapping.ts';
import type { Values } from './template.ts';
import { readTime, type TimeFormat, writeTime } from './times.ts';

type KeyMapping = Mapping['key'];

/** A field as the long form says it, whichever form the file has. */
export interface Field {
  readonly from?: string;
  readonly constant?: unknown;
  readonly values?: Readonly<Record<string, unknown>>;
  readonly time?: TimeFormat;
  readonly never?: unknown;
  readonly send?: TimeFormat;
  readonly choices?: readonly string[];
  readonly maxLength?: number;
  readonly pattern?: string;
  readonly isSecret?: boolean;
}

export function fieldOf(key: KeyMapping, name: Exclude<keyof KeyMapping, 'extra'>): Field {
  const field = key[name];
  return typeof field === 'string' ? { from: field } : ((field ?? {}) as Field);
}

/** What the service says of a field, before it is understood. */
export function rawValue({ from, constant = null }: Field, wire: unknown): unknown {
  return (from === undefined ? null : find(from, wire)) ?? constant;
}

/** What a person calls a key whose id must not be seen. */
export function hashedId(secret: string): string {
  return createHash('sha256').update(secret).digest('hex').slice(0, 32);
}

/** The id as the service has it; `null` when there is none. */
export function wireId(key: KeyMapping, wire: unknown): string | null {
  return textOf(rawValue(fieldOf(key, 'id'), wire));
}

/** A key, its `id` as users see it. Whatever cannot be understood is absent: no odd field loses a key, or its secret. */
export function toKey(mapping: KeyMapping, wire: unknown, id: string, nowMs: number): Key {
  const field = (name: Exclude<keyof KeyMapping, 'extra'>) => fieldOf(mapping, name);
  const text = (name: Exclude<keyof KeyMapping, 'extra'>) => textOf(rawValue(field(name), wire));
  const words = (name: 'roles' | 'permissions') => wordsIn(field(name), rawValue(field(name), wire));
  const word = (name: 'type' | 'status') => wordsIn(field(name), rawValue(field(name), wire))[0];
  const time = (name: 'createdAt' | 'expiresAt' | 'lastUsedAt' | 'rotatedAt') =>
    timeIn(field(name), wire, nowMs);
  const expiresAt = time('expiresAt');
  return {
    ...blankKey,
    id,
    name: text('name') ?? id,
    description: text('description'),
    namespace: text('namespace'),
    owner: text('owner'),
    type: keyTypes.find((type) => type === word('type')) ?? null,
    roles: words('roles'),
    permissions: words('permissions'),
    apiVersion: text('apiVersion'),
    status: statusOf(field('status'), word('status'), expiresAt, nowMs),
    prefix: text('prefix'),
    lastFour: text('lastFour'),
    createdAt: time('createdAt'),
    createdBy: text('createdBy'),
    expiresAt,
    lastUsedAt: time('lastUsedAt'),
    rotatedAt: time('rotatedAt'),
    labels: labelsIn(rawValue(field('labels'), wire)),
    version: text('version'),
    ...(mapping.extra && {
      extra: Object.fromEntries(
        Object.entries(mapping.extra).map(([name, from]) => [name, find(from, wire)]),
      ),
    }),
  };
}

function statusOf(
  field: Field,
  word: string | undefined,
  expiresAt: string | null,
  nowMs: number,
): Key['status'] {
  const byExpiry = statusByExpiry(expiresAt, nowMs);
  if (field.from === undefined && field.constant === undefined) return byExpiry;
  const status = keyStatuses.find((each) => each === word) ?? null;
  return status === 'active' ? byExpiry : status;
}

/** What keys calls each value; a value that the mapping does not know stays as it is. */
export function wordsIn({ values }: Field, value: unknown): string[] {
  const texts = [value]
    .flat()
    .map(textOf)
    .filter((text) => text !== null);
  return texts.map((text) => {
    const known = Object.entries(values ?? {}).find(([, theirs]) =>
      [theirs].flat().map(String).includes(text),
    );
    return known?.[0] ?? text;
  });
}

export function timeIn(field: Field, wire: unknown, nowMs: number): string | null {
  const value = rawValue(field, wire);
  if (value === null || (field.never !== undefined && String(value) === String(field.never))) return null;
  return readTime(value, field.time ?? 'rfc3339', nowMs);
}

function labelsIn(value: unknown): Record<string, string> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return {};
  const entries = Object.entries(value).map(([name, label]) => [
    name,
    textOf(label) ?? JSON.stringify(label),
  ]);
  return Object.fromEntries(entries);
}

/**
 * What is said of a key, as the service takes it, by the names that templates use. Throws `invalid` for what the service
 * has no word for, and for a name that no key should have.
 */
export function valuesOf(mapping: KeyMapping, said: Partial<NewKey>, title: string, nowMs: number): Values {
  const { name, roles, permissions, type, expiresAt } = said;
  if (name !== undefined) requireName(fieldOf(mapping, 'name'), name, title);
  const words = (field: 'roles' | 'permissions' | 'type', all: readonly string[] | undefined) =>
    all?.map((word) => wordFor(fieldOf(mapping, field), field, word, title));
  const wireRoles = words('roles', roles);
  return {
    ...said,
    type: type && words('type', [type])?.[0],
    roles: wireRoles,
    role: wireRoles?.[0],
    permissions: words('permissions', permissions),
    expiresAt:
      expiresAt === undefined ? undefined : expiryFor(fieldOf(mapping, 'expiresAt'), expiresAt, title, nowMs),
  };
}

/** What a key already is, as the service takes it; it is sent back as it came, whatever one thinks of it. */
export function keptValues(mapping: KeyMapping, key: Key, nowMs: number): Values {
  const { name, description, roles, permissions, expiresAt, labels } = key;
  const words = (field: 'roles' | 'permissions', all: readonly string[]) => {
    const { values = {} } = fieldOf(mapping, field);
    return all.map((word) => (Object.hasOwn(values, word) ? [values[word]].flat()[0] : word));
  };
  const { time = 'rfc3339', send = time, never = null } = fieldOf(mapping, 'expiresAt');
  return {
    name,
    description,
    labels,
    roles: words('roles', roles),
    role: words('roles', roles)[0],
    permissions: words('permissions', permissions),
    expiresAt: expiresAt === null ? never : writeTime(expiresAt, send, nowMs),
  };
}

function requireName({ maxLength = 128 }: Field, name: string, title: string): void {
  requirePlainName(name);
  if ([...name].length > maxLength)
    throw new KeysError('invalid', `the name of a key of ${title} has at most ${maxLength} characters`);
}

function wordFor(
  { values }: Field,
  field: 'roles' | 'permissions' | 'type',
  word: string,
  title: string,
): unknown {
  if (!values) return word;
  const wire = Object.hasOwn(values, word) ? [values[word]].flat()[0] : undefined;
  if (wire !== undefined) return wire;
  throw new KeysError(
    'invalid',
    `${title} has no ${field === 'type' ? 'type' : field.slice(0, -1)} '${word}'`,
    {
      hint: Object.keys(values)
        .map((known) => `${optionOf[field]} ${known}`)
        .join(', '),
    },
  );
}

function expiryFor(field: Field, expiresAt: string | null, title: string, nowMs: number): unknown {
  const { time = 'rfc3339', send = time, never = null, choices } = field;
  if (expiresAt === null) return never;
  requireFuture(expiresAt, nowMs);
  const chosen = choices ? lifetimeOf(choices, Date.parse(expiresAt) - nowMs, title) : null;
  const value = writeTime(chosen === null ? expiresAt : new Date(nowMs + chosen).toISOString(), send, nowMs);
  if (send.endsWith('-from-now') && Number(value) <= 0)
    throw new KeysError(
      'invalid',
      `${title} takes an expiry in whole ${send.split('-')[0]}, and less is left`,
      {
        hint: 'give a later expiry: --expires 1h',
      },
    );
  if (send === 'date' && Date.parse(String(value)) <= nowMs)
    throw new KeysError('invalid', `${title} ends keys at the beginning of a day, and ${value} has begun`, {
      hint: 'give a later day: --expires 2d',
    });
  return value;
}

/** What was asked for as a duration is a moment shorter by now. */
const slackMs = 60_000;

function lifetimeOf(choices: readonly string[], wantedMs: number, title: string): number {
  const lifetimes = choices.map(parseDuration);
  const found = lifetimes.find((ms) => Math.abs(ms - wantedMs) <= slackMs);
  if (found !== undefined) return found;
  throw new KeysError('invalid', `${title} does not take every expiry`, {
    hint: `one of: ${lifetimes.map((ms) => `--expires ${durationText(ms)}`).join(', ')}, --expires never`,
  });
}
