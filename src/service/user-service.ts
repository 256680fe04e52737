/** Users, namespaces and roles as one caller sees them. */
import { KeysError } from '../errors.ts';
import type { Membership, Namespace, Namespaces, Role, Roles, User, UserChanges, Users } from '../users.ts';
import { type Action, isAdmin, may, requireMay } from './access.ts';
import { type CallerView, requireVersion } from './caller-view.ts';
import { builtInRoles } from './grants.ts';
import { checkPassword } from './password-check.ts';
import { hashPassword } from './passwords.ts';
import { rolesWith } from './roles.ts';
import * as rules from './rules.ts';
import type { CountedNamespace, UserOutcome, UserRow, UserRowChanges } from './store.ts';

/** Users belong to no namespace: whoever administers them does so everywhere. */
const everywhere = { namespace: null };

export function usersFor(view: CallerView): Users {
  const { core, context } = view;
  const { store, now } = core;

  async function visible(name: string): Promise<UserRow> {
    const row = await store.findUser(name);
    if (row && may(view.caller(), 'user.show', { ...everywhere, owner: row.name })) return row;
    throw noUser(name);
  }

  /** As `change` does it for keys. */
  async function change(
    name: string,
    action: Action,
    version: string | null | undefined,
    decide: (row: UserRow) => Promise<UserRowChanges>,
  ): Promise<User> {
    for (;;) {
      const row = await visible(name);
      requireVersion(`the user '${name}'`, row, version);
      const wanted = await decide(row);
      if (Object.keys(wanted).length === 0) return toUser(row);
      const details = { ...wanted, ...(wanted.password === undefined ? {} : { password: 'changed' }) };
      const recorded = view.audit(action, name, details);
      const outcome = await store.changeUser(name, row.version, wanted, now(), recorded);
      if (outcome.refused !== 'changed') return toUser(rowOf(outcome, name));
      context.recorded = false;
    }
  }

  /** Users may change their own password, who are at the keyboard and know the old one. Throws `forbidden`, `rate_limited`. */
  async function requireMayEdit(row: UserRow, changes: UserChanges): Promise<void> {
    const by = view.caller();
    if (isAdmin(by)) return;
    const { password, currentPassword, ...others } = changes;
    const isOwn = by.kind === 'session' && by.keyId === null && by.owner === row.name;
    const wanted = Object.values(others).some((value) => value !== undefined);
    if (!isOwn || wanted || !password) requireMay(by, 'user.edit', everywhere);
    if (currentPassword && (await checkPassword(core, row.name, currentPassword, context))) return;
    throw new KeysError('forbidden', 'the current password is not the right one', {
      hint: 'to change your password give the one you have, too',
    });
  }

  async function requireMembership({ namespace, role }: Membership): Promise<Membership> {
    rules.roleNames([role], await rolesWith(core, [role]));
    if (role !== 'admin') return { namespace: rules.namespaceName(namespace), role };
    throw new KeysError('invalid', 'admin is no role in a namespace: an admin is one everywhere', {
      hint: 'make the user an admin: keys user edit <name> --role admin',
    });
  }

  return {
    async list() {
      const by = view.caller();
      if (!may(by, 'user.list', everywhere)) requireMay(by, 'user.list', { ...everywhere, owner: by.owner });
      const rows = await store.listUsers();
      return rows.filter(({ name }) => may(by, 'user.show', { ...everywhere, owner: name })).map(toUser);
    },

    get: async (name) => toUser(await visible(name)),

    async create({ name, role = 'member', password, memberships = [] }) {
      requireMay(view.caller(), 'user.create', everywhere);
      const given = await Promise.all(memberships.map(requireMembership));
      const row: UserRow = {
        name: rules.userName(name),
        role,
        password: password ? await hashPassword(password) : null,
        memberships: [...new Map(given.map((each) => [each.namespace, each])).values()],
        disabledAt: null,
        createdAt: now(),
        version: 1,
      };
      const recorded = view.audit('user.create', row.name, { role, memberships: row.memberships });
      return toUser(rowOf(await store.insertUser(row, recorded), row.name));
    },

    edit: (name, changes, version) =>
      change(name, 'user.edit', version, async (row) => {
        await requireMayEdit(row, changes);
        const { role, password } = changes;
        return {
          ...(role === undefined || role === row.role ? {} : { role }),
          ...(password === undefined ? {} : { password: password && (await hashPassword(password)) }),
        };
      }),

    disable: (name, version) =>
      change(name, 'user.disable', version, async ({ disabledAt }) => {
        requireMay(view.caller(), 'user.disable', everywhere);
        return disabledAt === null ? { disabledAt: now() } : {};
      }),

    enable: (name, version) =>
      change(name, 'user.enable', version, async ({ disabledAt }) => {
        requireMay(view.caller(), 'user.enable', everywhere);
        return disabledAt === null ? {} : { disabledAt: null };
      }),

    async join(name, membership) {
      await visible(name);
      requireMay(view.caller(), 'user.edit', everywhere);
      const { namespace, role } = await requireMembership(membership);
      const recorded = view.audit('user.join', name, { namespace, role });
      return toUser(rowOf(await store.setMembership(name, namespace, role, recorded), name));
    },

    async leave(name, namespace) {
      const row = await visible(name);
      requireMay(view.caller(), 'user.edit', everywhere);
      if (!row.memberships.some((each) => each.namespace === namespace)) return toUser(row);
      const recorded = view.audit('user.leave', name, { namespace });
      return toUser(rowOf(await store.setMembership(name, namespace, null, recorded), name));
    },
  };
}

export function namespacesFor(view: CallerView): Namespaces {
  const { store, now } = view.core;

  async function find(name: string): Promise<Namespace> {
    const found = (await store.listNamespaces(now())).find((each) => each.name === name);
    if (found && may(view.caller(), 'namespace.list', { namespace: name })) return toNamespace(found);
    throw new KeysError('not_found', `there is no namespace '${name}'`, { hint: 'keys namespace list' });
  }

  return {
    async list() {
      const by = view.caller();
      const rows = await store.listNamespaces(now());
      return rows.filter(({ name }) => may(by, 'namespace.list', { namespace: name })).map(toNamespace);
    },

    async create({ name, quota = null, recoverable = false }) {
      requireMay(view.caller(), 'namespace.create', everywhere);
      const row = {
        name: rules.namespaceName(name),
        quota: rules.quota(quota),
        recoverable,
        createdAt: now(),
      };
      if (
        await store.insertNamespace(row, view.audit('namespace.create', row.name, { quota, recoverable }))
      ) {
        return toNamespace({ ...row, active: 0 });
      }
      throw new KeysError('conflict', `there is a namespace '${row.name}' already`, {
        hint: `change it: keys namespace edit ${row.name}`,
      });
    },

    async edit(name, changes) {
      const { quota, recoverable } = changes;
      const before = await find(name);
      requireMay(view.caller(), 'namespace.edit', everywhere);
      const wanted = {
        ...(quota === undefined ? {} : { quota: rules.quota(quota) }),
        ...(recoverable === undefined ? {} : { recoverable }),
      };
      if (Object.keys(wanted).length > 0) {
        await store.changeNamespace(name, wanted, view.audit('namespace.edit', name, wanted));
      }
      return { ...before, ...wanted };
    },
  };
}

export function rolesFor(view: CallerView): Roles {
  const { store, settings, now } = view.core;

  return {
    async list() {
      requireMay(view.caller(), 'role.list', { namespace: view.caller().namespace });
      const made = await store.listRoles();
      const known = Object.entries(settings.roles).map(([name, permissions]) => ({ name, permissions }));
      return [...known, ...made.filter(({ name }) => !Object.hasOwn(settings.roles, name))].map(toRole);
    },

    async create({ name, permissions }) {
      requireMay(view.caller(), 'role.create', everywhere);
      const row = { name: rules.roleName(name), permissions: rules.rolePermissions(permissions) };
      const isFixed = Object.hasOwn(settings.roles, row.name);
      const recorded = view.audit('role.create', row.name, { permissions: row.permissions });
      if (!isFixed && (await store.insertRole(row, now(), recorded))) return toRole(row);
      throw new KeysError('conflict', `there is a role '${row.name}' already`, {
        hint: isFixed ? 'choose another name' : `change it: keys role edit ${row.name}`,
      });
    },

    async edit(name, changes) {
      requireMay(view.caller(), 'role.edit', everywhere);
      const permissions = rules.rolePermissions(changes.permissions);
      if (Object.hasOwn(settings.roles, name)) {
        throw new KeysError(
          'conflict',
          `the role '${name}' is ${isBuiltIn(name) ? 'built in' : 'configured'}`,
          {
            hint: 'make one of your own: keys role create',
          },
        );
      }
      const row = { name, permissions };
      if (await store.changeRole(row, view.audit('role.edit', name, { permissions }))) return toRole(row);
      throw new KeysError('not_found', `there is no role '${name}'`, { hint: 'keys role list' });
    },
  };
}

function isBuiltIn(name: string): boolean {
  return Object.hasOwn(builtInRoles, name);
}

function toRole({ name, permissions }: { name: string; permissions: readonly string[] }): Role {
  return { name, permissions: [...permissions], builtIn: isBuiltIn(name) };
}

function toNamespace({ name, quota, active, recoverable, createdAt }: CountedNamespace): Namespace {
  return { name, quota, activeKeys: active, recoverable, createdAt: new Date(createdAt).toISOString() };
}

function toUser({ name, role, disabledAt, password, memberships, createdAt, version }: UserRow): User {
  return {
    name,
    role,
    status: disabledAt === null ? 'active' : 'disabled',
    hasPassword: password !== null,
    memberships: memberships.map((each) => ({ ...each })),
    createdAt: new Date(createdAt).toISOString(),
    version: String(version),
  };
}

function noUser(name: string): KeysError {
  return new KeysError('not_found', `there is no user '${name}'`, {
    hint: 'keys user list shows who there is',
  });
}

function rowOf(outcome: UserOutcome, name: string): UserRow {
  if (outcome.refused === undefined) return outcome.row;
  switch (outcome.refused) {
    case 'changed':
      throw noUser(name);
    case 'name_taken':
      throw new KeysError('conflict', `there is a user '${name}' already`, {
        hint: `change it: keys user edit ${name}`,
      });
    case 'no_namespace':
      throw new KeysError('not_found', `there is no namespace '${outcome.namespace}'`, {
        hint: `make it first: keys namespace create ${outcome.namespace}`,
      });
    case 'last_admin':
      throw new KeysError('conflict', `'${name}' is the last active admin`, {
        hint: 'make somebody else an admin first: keys user edit <name> --role admin',
      });
  }
}
