/** Users, namespaces and roles of our own key service over HTTP. */
import * as z from 'zod/mini';
import { type Call, pageBytes } from '../http.ts';
import { type Namespaces, type Roles, type Users, userRoles } from '../users.ts';

type Ask = <T>(call: Call, shape: z.ZodMiniType<T>) => Promise<T>;

const user = z.object({
  name: z.string(),
  role: z.enum(userRoles),
  status: z.enum(['active', 'disabled']),
  hasPassword: z.boolean(),
  memberships: z.array(z.object({ namespace: z.string(), role: z.string() })),
  createdAt: z.string(),
  version: z.string(),
});
const namespace = z.object({
  name: z.string(),
  quota: z.nullable(z.number()),
  activeKeys: z.number(),
  recoverable: z.boolean(),
  createdAt: z.string(),
});
const role = z.object({ name: z.string(), permissions: z.array(z.string()), builtIn: z.boolean() });

export function usersOver(ask: Ask): Users {
  const path = (name: string, ...more: string[]) => ['v1', 'users', name, ...more];
  const ifMatch = (version?: string | null) => ({ 'if-match': version ? `"${version}"` : undefined });
  return {
    list: async () =>
      (
        await ask(
          { method: 'GET', path: ['v1', 'users'], effect: 'read', maxBytes: pageBytes },
          z.object({ users: z.array(user) }),
        )
      ).users,
    get: (name) => ask({ method: 'GET', path: path(name), effect: 'read' }, user),
    create: ({ password, ...rest }) =>
      ask(
        {
          method: 'POST',
          path: ['v1', 'users'],
          body: { ...rest, password: password?.reveal() },
          effect: 'once',
        },
        user,
      ),
    edit: (name, { password, currentPassword, ...rest }, version) =>
      ask(
        {
          method: 'PATCH',
          path: path(name),
          body: {
            ...rest,
            password: password === null ? null : password?.reveal(),
            currentPassword: currentPassword?.reveal(),
          },
          headers: ifMatch(version),
          // What is repeated would not know the current password any more.
          effect: currentPassword ? 'once' : 'set',
        },
        user,
      ),
    disable: (name, version) =>
      ask({ method: 'POST', path: path(name, 'disable'), headers: ifMatch(version), effect: 'set' }, user),
    enable: (name, version) =>
      ask({ method: 'POST', path: path(name, 'enable'), headers: ifMatch(version), effect: 'set' }, user),
    join: (name, { namespace: where, role: as }) =>
      ask({ method: 'PUT', path: path(name, 'memberships', where), body: { role: as }, effect: 'set' }, user),
    leave: (name, where) =>
      ask({ method: 'DELETE', path: path(name, 'memberships', where), effect: 'set' }, user),
  };
}

export function namespacesOver(ask: Ask): Namespaces {
  const path = ['v1', 'namespaces'];
  return {
    list: async () =>
      (
        await ask(
          { method: 'GET', path, effect: 'read', maxBytes: pageBytes },
          z.object({ namespaces: z.array(namespace) }),
        )
      ).namespaces,
    create: (body) => ask({ method: 'POST', path, body, effect: 'once' }, namespace),
    edit: (name, body) => ask({ method: 'PATCH', path: [...path, name], body, effect: 'set' }, namespace),
  };
}

export function rolesOver(ask: Ask): Roles {
  const path = ['v1', 'roles'];
  return {
    list: async () =>
      (await ask({ method: 'GET', path, effect: 'read' }, z.object({ roles: z.array(role) }))).roles,
    create: (body) => ask({ method: 'POST', path, body, effect: 'once' }, role),
    edit: (name, body) => ask({ method: 'PATCH', path: [...path, name], body, effect: 'set' }, role),
  };
}
