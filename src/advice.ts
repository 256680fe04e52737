/**
 * What services advise about keys, held against the keys there are: least privilege, an expiry, secrets that are exchanged now and
 * then, no key that nobody needs. `docs/report.md` says whose advice it is, and which of it cannot be seen in a key.
 */
import type { Capabilities, Key, KeyStatus, UntoldField } from './keys.ts';
import { shellArgument } from './text.ts';

export const findingNames = [
  'expired',
  'expiring',
  'no-expiry',
  'unused',
  'old-secret',
  'disabled',
  'broad',
] as const;
export type FindingName = (typeof findingNames)[number];

/** One thing about one key. Its JSON is a public contract: fields are added, never renamed. */
export interface Finding {
  finding: FindingName;
  id: string;
  name: string;
  namespace: string | null;
  owner: string | null;
  /** What it goes by: the expiry, the last use, or when the secret was made; RFC 3339. */
  time: string | null;
  /** The next thing to type, or to do where that takes more than one line. */
  next: string;
}

/** How long is too long, and how soon is soon; in milliseconds. */
export interface Limits {
  readonly expiringWithinMs: number;
  readonly unusedForMs: number;
  readonly olderThanMs: number;
}

interface Rule {
  /** In which state of a key it matters. */
  readonly status: KeyStatus;
  /** Not looked for where the service never tells this. */
  readonly goesBy?: UntoldField;
  time(key: Key): string | null;
  holds(key: Key, limits: Limits, nowMs: number): boolean;
  /** `key` is its id, as a shell takes it behind the options. */
  next(key: string, service: Capabilities): string;
}

const rules: Readonly<Record<FindingName, Rule>> = {
  expired: {
    status: 'expired',
    goesBy: 'expiresAt',
    time: ({ expiresAt }) => expiresAt,
    holds: () => true,
    next: (key) => `keys revoke ${key}`,
  },
  expiring: {
    status: 'active',
    goesBy: 'expiresAt',
    time: ({ expiresAt }) => expiresAt,
    holds: ({ expiresAt }, { expiringWithinMs }, nowMs) =>
      Date.parse(expiresAt ?? '') <= nowMs + expiringWithinMs,
    next: withExpiry,
  },
  'no-expiry': {
    status: 'active',
    goesBy: 'expiresAt',
    time: ({ createdAt }) => createdAt,
    holds: ({ expiresAt }) => expiresAt === null,
    next: withExpiry,
  },
  unused: {
    status: 'active',
    goesBy: 'lastUsedAt',
    time: lastUse,
    holds: (key, { unusedForMs }, nowMs) => Date.parse(lastUse(key) ?? '') < nowMs - unusedForMs,
    next: (key, { verbs }) => `keys ${verbs.includes('disable') ? 'disable' : 'revoke'} ${key}`,
  },
  'old-secret': {
    status: 'active',
    time: secretMade,
    holds: (key, { olderThanMs }, nowMs) => Date.parse(secretMade(key) ?? '') < nowMs - olderThanMs,
    next: (key) => `keys rotate ${key}`,
  },
  disabled: {
    status: 'disabled',
    time: lastUse,
    holds: () => true,
    next: (key) => `keys revoke ${key}`,
  },
  broad: {
    status: 'active',
    time: ({ createdAt }) => createdAt,
    holds: administers,
    next: (key, { editable, nouns }) => {
      if (!editable.includes('roles'))
        return `keys create another one with a smaller role, then keys revoke ${key}`;
      // Elsewhere a role may have any name.
      return nouns?.includes('roles')
        ? `keys edit --role viewer ${key}`
        : `keys edit with a smaller --role ${key}`;
    },
  },
};

/** What is to be said of a key, in the order of `findingNames`. A key that was revoked needs no advice. */
export function findingsOn(
  key: Key,
  names: readonly FindingName[],
  { limits, service, nowMs }: { limits: Limits; service: Capabilities; nowMs: number },
): Finding[] {
  const { id, name, namespace, owner } = key;
  return names.flatMap((finding) => {
    const { status, time, holds, next } = rules[finding];
    // Where a service does not tell, a key that is listed is taken to work.
    if ((key.status ?? 'active') !== status || !holds(key, limits, nowMs)) return [];
    return [{ finding, id, name, namespace, owner, time: time(key), next: next(shellArgument(id), service) }];
  });
}

/** What nobody can say of any key of a service, because it never tells what that goes by. */
export function untoldBehind(finding: FindingName, { untold = [] }: Capabilities): UntoldField | null {
  const { goesBy } = rules[finding];
  return goesBy !== undefined && untold.includes(goesBy) ? goesBy : null;
}

/** By kind, in the order of `findingNames`; of a kind, the oldest first. */
export function byUrgency(a: Finding, b: Finding): number {
  const kinds = findingNames.indexOf(a.finding) - findingNames.indexOf(b.finding);
  return kinds || (a.time ?? '').localeCompare(b.time ?? '') || a.id.localeCompare(b.id);
}

function lastUse({ lastUsedAt, createdAt }: Key): string | null {
  return lastUsedAt ?? createdAt;
}

function secretMade({ rotatedAt, createdAt }: Key): string | null {
  return rotatedAt ?? createdAt;
}

/** As far as names tell. */
function administers({ roles }: Key): boolean {
  return roles.some((role) => ['owner', 'admin', 'administrator'].includes(role.toLowerCase()));
}

function withExpiry(key: string, { editable, fields }: Capabilities): string {
  if (editable.includes('expiresAt')) return `keys edit --expires 90d ${key}`;
  const successor = fields.includes('expiresAt')
    ? 'keys create --expires 90d for another one'
    : 'keys create another one';
  return `${successor}, then keys revoke ${key}`;
}
