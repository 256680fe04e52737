/** Who may do what: one table, and nobody gives or takes over more than they have. */
import { KeysError } from '../errors.ts';
import type { KeyType } from '../keys.ts';
import { allows, beyond, builtInRoles, type Grant, grantsIn } from './grants.ts';
import { covers, isViewing } from './permissions.ts';

/** Who asks: a key, a session, or the administrator of the machine on the embedded service. */
export interface Caller {
  readonly kind: 'machine' | 'key' | 'session';
  /** The key, also of a session that a key opened. */
  readonly keyId: string | null;
  readonly keyName: string | null;
  /** The user in whose name things are done. */
  readonly owner: string | null;
  /** Where it works when it names no other namespace. */
  readonly namespace: string;
  readonly type: KeyType;
  /** The roles it has there. */
  readonly roles: readonly string[];
  /** All that it may do, and where. */
  readonly grants: readonly Grant[];
  /** Whether it acts as its owner does; otherwise with roles of its own. */
  readonly asOwner: boolean;
  /** SHA-256 of the secret that was sent, of a key that asks itself. */
  readonly secretHash: Uint8Array | null;
  /** The id of the session. */
  readonly sessionId: string | null;
  /** Whether the user's password was given again for it. */
  readonly steppedUp: boolean;
}

/** Under what is remembered who minted: a key, a user, or the administrator of the machine (`null`). */
export function minterOf({ kind, keyId, owner }: Caller): string | null {
  return keyId ?? (kind === 'session' ? `user:${owner}` : null);
}

interface Rule {
  /** What it takes in the namespace concerned; everywhere, where it concerns none. */
  readonly permission: string;
  /** Users may do it to what is theirs. */
  readonly own?: true;
  /** A key may do it to itself. */
  readonly itself?: true;
  /** It may not be done to a key that holds more than the caller: in any namespace, or in the one concerned. */
  readonly within?: 'everywhere' | 'there';
  /** It gives the caller the secret: not that of a key which acts as another user does, now or later, and for all that is theirs. */
  readonly handsOver?: true;
}

/**
 * `own` and `itself` suffice without the permission. The permission to edit a key is not called `keys.edit`, for an editor
 * edits what an API has (`*.edit`) and administers no keys.
 */
const table = {
  list: { permission: 'keys.view', own: true },
  show: { permission: 'keys.view', own: true, itself: true },
  create: { permission: 'keys.create' },
  edit: { permission: 'keys.update', within: 'everywhere' },
  disable: { permission: 'keys.disable', within: 'there' },
  enable: { permission: 'keys.enable', within: 'everywhere' },
  regenerate: { permission: 'keys.regenerate', within: 'everywhere', handsOver: true },
  revoke: { permission: 'keys.revoke', own: true, itself: true, within: 'there' },
  reveal: { permission: 'keys.reveal', own: true, within: 'everywhere', handsOver: true },
  audit: { permission: 'audit.view' },
  'user.list': { permission: 'users.view', own: true },
  'user.show': { permission: 'users.view', own: true },
  'user.create': { permission: 'users.create' },
  'user.edit': { permission: 'users.update' },
  'user.disable': { permission: 'users.disable' },
  'user.enable': { permission: 'users.enable' },
  'namespace.list': { permission: 'namespaces.view' },
  'namespace.create': { permission: 'namespaces.create' },
  'namespace.edit': { permission: 'namespaces.update' },
  'role.list': { permission: 'roles.view' },
  'role.create': { permission: 'roles.create' },
  'role.edit': { permission: 'roles.update' },
} as const satisfies Record<string, Rule>;

export type Action = keyof typeof table;

/** What something is done to. */
export interface Target {
  /** Of a key that is there. */
  readonly id?: string;
  /** `null` for what belongs to no namespace. */
  readonly namespace: string | null;
  readonly owner?: string | null;
  /** What a key may do. */
  readonly grants?: readonly Grant[];
  /** Whether it acts as its owner does. */
  readonly asOwner?: boolean;
}

export function isAdmin({ grants }: Caller): boolean {
  return allows(grants, '*', null);
}

export function may(caller: Caller, action: Action, target: Target): boolean {
  const { id, namespace, owner, grants = [], asOwner = false } = target;
  const rule: Rule = table[action];
  if (rule.itself && id === caller.keyId) return true;
  if (rule.own && isTheirs(caller, rule.permission, owner)) return true;
  if (!allows(caller.grants, rule.permission, namespace)) return false;
  if (rule.handsOver && asOwner && !isAdmin(caller) && !isOneWith(caller, owner)) return false;
  if (!rule.within) return true;
  const there = grantsIn(grants, namespace);
  return beyond(caller.grants, rule.within === 'there' ? there : grants) === null;
}

function isTheirs(caller: Caller, permission: string, owner: string | null | undefined): boolean {
  return isOneWith(caller, owner) && (caller.type === 'manage' || isViewing(permission));
}

/** Whether the caller acts as this user does. */
function isOneWith(caller: Caller, owner: string | null | undefined): boolean {
  return caller.asOwner && caller.owner !== null && owner === caller.owner;
}

/** Throws `forbidden`. */
export function requireMay(caller: Caller, action: Action, target: Target): void {
  if (may(caller, action, target)) return;
  const { permission } = table[action];
  const what = deed(action, target);
  if (allows(caller.grants, permission, target.namespace)) {
    throw new KeysError('forbidden', `this credential may not ${what}, which may do more than it`, {
      hint: 'ask somebody who may do at least as much as that key, such as an admin',
    });
  }
  const roles = Object.entries(builtInRoles).filter(
    ([name, held]) =>
      (target.namespace !== null || name === 'admin') && held.some((each) => covers(each, permission)),
  );
  throw new KeysError('forbidden', `this credential may not ${what}`, {
    hint: `it takes ${permission}, as these roles have it: ${roles.map(([name]) => name).join(', ')}`,
  });
}

function deed(action: Action, { id, namespace }: Target): string {
  const [noun, verb] = action.split('.');
  if (verb !== undefined) return `${verb} ${noun}s`;
  const where = `in the namespace '${namespace}'`;
  return id === undefined ? `${action} keys ${where}` : `${action} the key ${id} ${where}`;
}

/** A key that is made or edited: what it may do, and whether that is what its owner may do. */
export interface Gift {
  readonly owner: string | null;
  readonly grants: readonly Grant[];
  readonly asOwner: boolean;
}

/** A caller gives a key no more than it has itself, now or later. Throws `forbidden`. */
export function requireReach(caller: Caller, { owner, grants, asOwner }: Gift): void {
  if (isAdmin(caller)) return;
  if (owner !== caller.owner) {
    throw new KeysError('forbidden', 'only an admin creates keys for another user', {
      hint: 'leave the owner out',
    });
  }
  if (asOwner && !caller.asOwner) {
    throw new KeysError(
      'forbidden',
      'a key without roles acts as its owner does, and this credential has roles of its own to give',
      { hint: 'give the key a role: --role viewer' },
    );
  }
  if (grants.some(({ roles }) => roles.includes('admin'))) {
    throw new KeysError('forbidden', 'only an admin gives the role admin');
  }
  const missing = beyond(caller.grants, grants);
  if (missing === null) return;
  throw new KeysError(
    'forbidden',
    `this credential cannot give the permission ${missing}: it has not got it`,
    {
      hint: 'nobody gives a key more than they have',
    },
  );
}
