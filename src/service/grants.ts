/** What a key or a user may do where: from roles and permissions to grants. */
import type { KeyType } from '../keys.ts';
import { covers, isViewing, viewingPart } from './permissions.ts';

/** Roles by name, with their permissions. */
export type Roles = Readonly<Record<string, readonly string[]>>;

/** What the built-in roles may do. `admin` reaches every namespace, all others their own. */
export const builtInRoles = {
  viewer: ['*.view', '*.read', '*.list'],
  editor: ['*.view', '*.read', '*.list', '*.edit'],
  owner: ['*'],
  admin: ['*'],
} as const satisfies Roles;

/** Something that may be done in one namespace, or everywhere (`null`). */
export interface Grant {
  readonly namespace: string | null;
  readonly roles: readonly string[];
  readonly permissions: readonly string[];
}

/** What a key says of itself. */
export interface Holder {
  readonly namespace: string;
  readonly owner: string | null;
  readonly type: KeyType;
  readonly roles: readonly string[];
  readonly permissions: readonly string[];
}

/** What its owner is at the moment. */
export interface OwnerRole {
  readonly role: 'admin' | 'member';
  readonly memberships: readonly { readonly namespace: string; readonly role: string }[];
}

/** A key with neither roles nor permissions acts as its owner does. */
export function actsAsOwner({ roles, permissions }: Pick<Holder, 'roles' | 'permissions'>): boolean {
  return roles.length === 0 && permissions.length === 0;
}

export function grantsOfKey(key: Holder, owner: OwnerRole | null, roles: Roles): Grant[] {
  const grants = actsAsOwner(key) ? (owner ? grantsOfUser(owner, roles) : []) : ownGrants(key, roles);
  return key.type === 'view' ? grants.map((grant) => viewing(grant, roles)) : grants;
}

export function grantsOfUser({ role, memberships }: OwnerRole, roles: Roles): Grant[] {
  if (role === 'admin') return [grantOf(null, ['admin'], roles)];
  return memberships.map((membership) => grantOf(membership.namespace, [membership.role], roles));
}

function ownGrants({ namespace, roles: held, permissions }: Holder, roles: Roles): Grant[] {
  const grant = grantOf(held.includes('admin') ? null : namespace, held, roles);
  return permissions.length === 0
    ? [grant]
    : [{ ...grant, permissions: union([grant.permissions, permissions]) }];
}

/** A role that is not there any more gives nothing. */
function grantOf(namespace: string | null, held: readonly string[], roles: Roles): Grant {
  const permissions = union(held.map((role) => (Object.hasOwn(roles, role) ? (roles[role] ?? []) : [])));
  return { namespace, roles: held, permissions };
}

/** All of them, each once. Most often there is only one list, and every verify asks. */
export function union(lists: readonly (readonly string[])[]): readonly string[] {
  const [first = []] = lists;
  return lists.length > 1 ? [...new Set(lists.flat())] : first;
}

/** A View key only looks, whatever its owner may do. */
function viewing({ namespace, roles: held, permissions }: Grant, roles: Roles): Grant {
  const fitting = held.filter((role) => Object.hasOwn(roles, role) && roles[role]?.every(isViewing));
  return { namespace, roles: fitting, permissions: viewingPart(permissions) };
}

function reaches(grant: Grant, namespace: string | null): boolean {
  return grant.namespace === null || grant.namespace === namespace;
}

/** The grants that hold in a namespace; for `null`, those that hold everywhere. */
export function grantsIn(grants: readonly Grant[], namespace: string | null): Grant[] {
  return grants.filter((grant) => reaches(grant, namespace));
}

/** Whether one of the grants gives a permission in a namespace; in all of them for `null`. */
export function allows(grants: readonly Grant[], permission: string, namespace: string | null): boolean {
  return grants.some(
    (grant) => reaches(grant, namespace) && grant.permissions.some((held) => covers(held, permission)),
  );
}

/** The first permission of `wanted` that `held` has not, or null. */
export function beyond(held: readonly Grant[], wanted: readonly Grant[]): string | null {
  for (const { namespace, permissions } of wanted) {
    const missing = permissions.find((permission) => !allows(held, permission, namespace));
    if (missing !== undefined) return missing;
  }
  return null;
}
