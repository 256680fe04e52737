/** Who may do what: one table, and what a role reaches. */
import { KeysError } from '../errors.ts';
import type { KeyType } from '../keys.ts';

/** Who asks: a key, or the administrator of the machine on the embedded service. */
export interface Caller {
  /** `null` for the administrator of the machine. */
  readonly keyId: string | null;
  readonly keyName: string | null;
  /** The user in whose name things are done. */
  readonly owner: string | null;
  readonly namespace: string;
  readonly type: KeyType;
  readonly roles: readonly string[];
}

/** What a caller wants to do something to. */
interface Target {
  readonly id: string | null;
  readonly namespace: string;
  readonly roles: readonly string[];
}

export type Action = keyof typeof table;

/** A key is `itself` when it acts on its own record. An admin may do all of it, everywhere. */
const table = {
  list: ['viewer', 'editor', 'owner'],
  show: ['viewer', 'editor', 'owner', 'itself'],
  create: ['owner'],
  edit: ['owner'],
  disable: ['owner'],
  enable: ['owner'],
  regenerate: ['owner'],
  revoke: ['owner', 'itself'],
} as const satisfies Record<string, readonly string[]>;

/** What the built-in roles let a key do; a View key can hold a role only when all of it is viewing. */
export const builtInRoles: Readonly<Record<string, readonly string[]>> = {
  viewer: ['*.view'],
  editor: ['*.view', '*.edit'],
  owner: ['*.view', '*.edit', '*.administer'],
  admin: ['*.view', '*.edit', '*.administer'],
};

export function isAdmin(caller: Caller): boolean {
  return caller.roles.includes('admin') && caller.type === 'manage';
}

export function may(caller: Caller, action: Action, target: Target): boolean {
  if (isAdmin(caller)) return true;
  const allowed: readonly string[] = table[action];
  if (target.id !== null && target.id === caller.keyId && allowed.includes('itself')) return true;
  if (target.namespace !== caller.namespace || !caller.roles.some((role) => allowed.includes(role)))
    return false;
  if (action === 'list' || action === 'show') return true;
  // An owner could otherwise take an admin's key over by regenerating it.
  return caller.type === 'manage' && !target.roles.includes('admin');
}

/** Throws `forbidden`. */
export function requireMay(caller: Caller, action: Action, target: Target): void {
  if (may(caller, action, target)) return;
  const roles = [...table[action].filter((role) => role !== 'itself'), 'admin'];
  throw new KeysError('forbidden', `this credential may not ${action} ${nameOf(target)}`, {
    hint: `it takes a role there: ${roles.join(', ')}`,
  });
}

function nameOf({ id, namespace }: Target): string {
  return id === null
    ? `keys in the namespace '${namespace}'`
    : `the key ${id} in the namespace '${namespace}'`;
}

/** A caller gives a key no more than it has itself. Throws `forbidden`. */
export function requireReach(caller: Caller, roles: readonly string[], owner: string | null): void {
  if (isAdmin(caller)) return;
  if (roles.includes('admin')) throw new KeysError('forbidden', 'only an admin gives the role admin');
  if (owner !== caller.owner) {
    throw new KeysError('forbidden', 'only an admin creates keys for another user', {
      hint: 'leave the owner out',
    });
  }
}
