/** What the fields of a key may be. Each function returns the value to keep and throws `invalid`. */
import { KeysError } from '../errors.ts';
import { type KeyType, longestGraceMs, type RateLimit } from '../keys.ts';
import { terminalSafe } from '../text.ts';
import { parseTimestamp } from '../time.ts';
import type { Roles } from './grants.ts';
import { isKeyId } from './ids.ts';
import { isViewing, viewActions } from './permissions.ts';
import type { Settings } from './settings.ts';

export const limits = {
  name: 128,
  description: 1_000,
  namespace: 63,
  owner: 128,
  role: 63,
  roles: 32,
  permission: 128,
  permissions: 200,
  labels: 32,
  labelName: 63,
  labelValue: 255,
  glob: 256,
} as const;

export function keyName(text: string): string {
  const name = line(text, 'the name', limits.name);
  if (!isKeyId(name)) return name;
  throw new KeysError('invalid', `the name '${name}' has the form of an id, and would be taken for that key`);
}

export function ownerName(text: string): string {
  return line(text, 'the owner', limits.owner);
}

/** Of a new user; who is there already may be called otherwise. */
export function userName(text: string): string {
  if (/^[A-Za-z0-9][A-Za-z0-9._@+-]{0,127}$/.test(text)) return text;
  throw new KeysError('invalid', `'${text}' cannot be the name of a user`, {
    hint: `1 to ${limits.owner} letters, digits and . _ @ + -, a letter or digit first`,
  });
}

/** `null`: as many active keys as the service's settings say. */
export function quota(keys: number | null): number | null {
  if (keys === null || (Number.isSafeInteger(keys) && keys >= 0)) return keys;
  throw new KeysError('invalid', `'${keys}' is not a quota`, {
    hint: 'a whole number, 0 for no keys at all',
  });
}

/** Line breaks and tabs are welcome in a description; an empty one is none. */
export function description(text: string | null | undefined): string | null {
  const trimmed = text?.normalize('NFC').trim();
  if (!trimmed) return null;
  requireLength(trimmed, 'the description', limits.description);
  requireSafe(trimmed.replace(/[\t\r\n]/g, ' '), 'the description');
  return trimmed;
}

export function namespaceName(text: string): string {
  if (/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/.test(text)) return text;
  throw new KeysError('invalid', `'${text}' is not a namespace`, {
    hint: `1 to ${limits.namespace} small letters, digits and hyphens, with a letter or digit at both ends`,
  });
}

export function roleName(text: string): string {
  if (/^[a-z][a-z0-9_-]{0,62}$/.test(text)) return text;
  throw new KeysError('invalid', `'${text}' cannot be the name of a role`, {
    hint: `1 to ${limits.role} small letters, digits, hyphens and underscores, a letter first`,
  });
}

export function roleNames(names: readonly string[], known: Roles): string[] {
  const unique = distinct(names, 'roles', limits.roles);
  const unknown = unique.find((name) => !Object.hasOwn(known, name));
  if (unknown === undefined) return unique;
  throw new KeysError('invalid', `there is no role '${unknown}'`, {
    hint: `roles: ${Object.keys(known).join(', ')}`,
  });
}

export function permissionNames(names: readonly string[]): string[] {
  return permissions(names, /^[a-z0-9_-]+(?:\.[a-z0-9_-]+)+$/i, 'dashboards.view');
}

/** Of a role, where either side may be `*`. */
export function rolePermissions(names: readonly string[]): string[] {
  const pattern = /^(?:\*|(?:\*|[a-z0-9_-]+(?:\.[a-z0-9_-]+)*)\.(?:\*|[a-z0-9_-]+))$/i;
  return permissions(names, pattern, 'dashboards.view, dashboards.*, *.view');
}

function permissions(names: readonly string[], pattern: RegExp, example: string): string[] {
  const unique = distinct(names, 'permissions', limits.permissions);
  const wrong = unique.find((name) => name.length > limits.permission || !pattern.test(name));
  if (wrong === undefined) return unique;
  throw new KeysError('invalid', `'${wrong}' is not a permission`, {
    hint: `a permission is written resource.action: ${example}`,
  });
}

/** A View key holds view permissions only, whether its own or by a role. */
export function requireFit(
  type: KeyType,
  roles: readonly string[],
  permissions: readonly string[],
  known: Roles,
): void {
  if (type === 'manage') return;
  const hint = `a View key may ${viewActions.join(', ')}; for more create a Manage key`;
  const permission = permissions.find((name) => !isViewing(name));
  if (permission !== undefined) {
    throw new KeysError('invalid', `a View key cannot hold the permission '${permission}'`, { hint });
  }
  const role = roles.find((name) => !known[name]?.every(isViewing));
  if (role !== undefined)
    throw new KeysError('invalid', `a View key cannot hold the role '${role}'`, { hint });
}

export function apiVersion(version: string | undefined, { apiVersions }: Settings): string {
  const chosen = version ?? apiVersions.at(-1) ?? '';
  if (apiVersions.includes(chosen)) return chosen;
  throw new KeysError('invalid', `this service has no API version '${chosen}'`, {
    hint: `API versions: ${apiVersions.join(', ')}`,
  });
}

/** Milliseconds since 1970; `null` is never. */
export function expiry(time: string | null | undefined, now: number): number | null {
  if (time === null || time === undefined) return null;
  const ms = timestamp(time, 'the expiry');
  if (ms > now) return ms;
  throw new KeysError('invalid', `the expiry ${time} has already passed`);
}

export function timestamp(time: string, what: string): number {
  const ms = parseTimestamp(time);
  if (ms !== null) return ms;
  throw new KeysError('invalid', `${what} '${time}' is not a time`, {
    hint: 'RFC 3339: 2027-01-31T12:00:00Z',
  });
}

export function labels(given: Readonly<Record<string, string>>): Record<string, string> {
  const entries = Object.entries(given);
  if (entries.length > limits.labels) {
    throw new KeysError('invalid', `a key has at most ${limits.labels} labels, not ${entries.length}`);
  }
  for (const [name, value] of entries) {
    if (!/^[a-z0-9](?:[a-z0-9._/-]{0,62})$/i.test(name)) {
      throw new KeysError('invalid', `'${name}' cannot be the name of a label`, {
        hint: `1 to ${limits.labelName} letters, digits and . _ - /, a letter or digit first`,
      });
    }
    requireLength(value, `the label ${name}`, limits.labelValue);
    requireSafe(value, `the label ${name}`);
  }
  return Object.fromEntries(entries);
}

/** `what` says whose it is: `the rate limit`. */
export function rateLimit(limit: RateLimit | null | undefined, what: string): RateLimit | null {
  if (!limit) return null;
  const { requests, perSeconds } = limit;
  const fits = (value: number, most: number) => Number.isSafeInteger(value) && value >= 1 && value <= most;
  if (fits(requests, 999_999_999) && fits(perSeconds, 86_400)) return { requests, perSeconds };
  throw new KeysError('invalid', `${what} cannot be ${requests} requests in ${perSeconds} s`, {
    hint: 'requests from 1 to 999,999,999, perSeconds from 1 to 86,400, both whole numbers',
  });
}

export function nameGlob(glob: string): string {
  requireLength(glob, 'the name pattern', limits.glob);
  return glob;
}

export function requireGrace(graceMs: number): void {
  if (graceMs >= 0 && graceMs <= longestGraceMs) return;
  throw new KeysError('invalid', 'the grace of an old secret is at least 0 and at most 30 days');
}

/** The end of what ends now: over by every clock, also by one that is behind, or that is set back. */
export const endedByNow = 0;

/** When an old secret ends, in milliseconds since 1970: never after its own end, its key's expiry or the grace; never rounded up. */
export function graceEnd(
  endsAt: number | null,
  expiresAt: number | null,
  now: number,
  graceMs: number,
): number {
  const never = Number.POSITIVE_INFINITY;
  if (graceMs < 1) return endedByNow;
  return Math.min(endsAt ?? never, expiresAt ?? never, now + Math.floor(graceMs));
}

function line(text: string, what: string, longest: number): string {
  const trimmed = text.normalize('NFC').trim();
  if (trimmed === '') throw new KeysError('invalid', `${what} is empty`);
  requireLength(trimmed, what, longest);
  requireSafe(trimmed, what);
  return trimmed;
}

function requireLength(text: string, what: string, longest: number): void {
  const length = [...text].length;
  if (length <= longest) return;
  throw new KeysError('invalid', `${what} has ${length} characters; ${longest} is the most`);
}

function requireSafe(text: string, what: string): void {
  if (terminalSafe(text) === text) return;
  throw new KeysError('invalid', `${what} contains a control or invisible character`);
}

function distinct(names: readonly string[], what: string, most: number): string[] {
  const unique = [...new Set(names)];
  if (unique.length > most) throw new KeysError('invalid', `${most} ${what} are the most`);
  return unique;
}
