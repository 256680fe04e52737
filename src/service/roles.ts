/** Roles by name: built in, configured, and those that somebody made. */
import type { Membership } from '../users.ts';
import { actsAsOwner, type Holder, type OwnerRole, type Roles } from './grants.ts';
import type { Settings } from './settings.ts';
import type { UserStore } from './store.ts';

export interface RoleSource {
  readonly settings: Settings;
  readonly store: Pick<UserStore, 'listRoles'>;
}

/** Roles that hold at least these; the store is asked only for what is neither built in nor configured. */
export async function rolesWith({ settings, store }: RoleSource, names: readonly string[]): Promise<Roles> {
  if (names.every((name) => Object.hasOwn(settings.roles, name))) return settings.roles;
  const made = (await store.listRoles()).map(({ name, permissions }) => [name, permissions] as const);
  return { ...Object.fromEntries(made), ...settings.roles };
}

/** The roles that decide what a key may do now. */
export function rolesBehind(key: Holder, owner: OwnerRole | null): string[] {
  return actsAsOwner(key) ? rolesOf(owner?.memberships ?? []) : [...key.roles];
}

export function rolesOf(memberships: readonly Membership[]): string[] {
  return memberships.map(({ role }) => role);
}
