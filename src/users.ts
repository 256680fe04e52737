/** Whom keys belong to, where they are, and what their roles may do: what a service administers besides keys. */
import type { Secret } from './secret.ts';

/** What a user is everywhere; what a member may do besides is a matter of memberships. */
export const userRoles = ['admin', 'member'] as const;
export type UserRole = (typeof userRoles)[number];

export interface Membership {
  namespace: string;
  role: string;
}

/** Somebody to whom keys belong. Its JSON is a public contract: fields are added, never renamed. */
export interface User {
  name: string;
  role: UserRole;
  status: 'active' | 'disabled';
  /** Whether a session can be had for a password. */
  hasPassword: boolean;
  memberships: Membership[];
  createdAt: string;
  version: string;
}

export interface NewUser {
  name: string;
  /** `member` when absent. */
  role?: UserRole;
  password?: Secret;
  memberships?: readonly Membership[];
}

/** Absolute values; absent fields stay. */
export interface UserChanges {
  role?: UserRole;
  /** `null` takes it away. Ends the sessions that were had for the old one. */
  password?: Secret | null;
  /** Takes it from who changes a password of their own and is no admin. */
  currentPassword?: Secret;
}

/** What a service adds that knows users. Every method throws `forbidden`, and `not_found` for users who may not be seen. */
export interface Users {
  /** All that may be seen, by name. */
  list(): Promise<User[]>;
  get(name: string): Promise<User>;
  /** Throws `conflict` when the name is taken, `not_found` for the namespace of a membership, `invalid`. */
  create(user: NewUser): Promise<User>;
  /** Throws `changed`, `invalid`, and `conflict` when no active admin would be left. */
  edit(name: string, changes: UserChanges, version?: string | null): Promise<User>;
  /** Stops the user's sessions and keys at once; of a disabled user, success. Throws as `edit`. */
  disable(name: string, version?: string | null): Promise<User>;
  /** The keys work again, sessions do not. Throws as `edit`. */
  enable(name: string, version?: string | null): Promise<User>;
  /** Gives a user a role in a namespace, in place of the one they had there. Throws `not_found` for the namespace, `invalid`. */
  join(name: string, membership: Membership): Promise<User>;
  leave(name: string, namespace: string): Promise<User>;
}

export interface Namespace {
  name: string;
  /** How many active keys it may have; `null`: as many as the service's settings say. 0: keys are not on its plan. */
  quota: number | null;
  activeKeys: number;
  /** Whether its keys may be recoverable. */
  recoverable: boolean;
  createdAt: string;
}

export interface NewNamespace {
  name: string;
  quota?: number | null;
  recoverable?: boolean;
}

export type NamespaceChanges = Partial<Pick<NewNamespace, 'quota' | 'recoverable'>>;

export interface Namespaces {
  /** All that may be seen, by name. */
  list(): Promise<Namespace[]>;
  /** Throws `conflict` when there is one of that name, `invalid`. */
  create(namespace: NewNamespace): Promise<Namespace>;
  /** A lower quota takes no key out of service. Throws `not_found`, `invalid`. */
  edit(name: string, changes: NamespaceChanges): Promise<Namespace>;
}

/** A role and what it may do: permissions in which either side may be `*`. */
export interface Role {
  name: string;
  permissions: string[];
  builtIn: boolean;
}

export interface Roles {
  list(): Promise<Role[]>;
  /** Throws `conflict` when there is one of that name, `invalid`. */
  create(role: Omit<Role, 'builtIn'>): Promise<Role>;
  /** At once for whoever has it. Throws `not_found`, `conflict` for one that is built in, `invalid`. */
  edit(name: string, changes: Pick<Role, 'permissions'>): Promise<Role>;
}
