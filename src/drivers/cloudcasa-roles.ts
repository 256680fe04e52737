/** CloudCasa's roles are referenced by id and known to people by name; an access rule ties them to a resource. */
import * as z from 'zod/mini';
import { KeysError } from '../errors.ts';

export const acl = z.object({
  resource: z.string(),
  resourceIds: z.nullish(z.array(z.string())),
  permissions: z.nullish(z.array(z.string())),
  roles: z.nullish(z.array(z.string())),
});
export type Acl = z.infer<typeof acl>;

const role = z.object({ _id: z.string(), name: z.string() });

export interface Roles {
  /** From an id to the name that people know; the id itself where the roles cannot be read. */
  names(): Promise<(id: string) => string>;
  /** The ids of roles given by name or id. Throws `invalid` with the names there are. */
  ids(names: readonly string[]): Promise<string[]>;
}

/** The roles are read once, when a name or an id of one comes up. */
export function cloudCasaRoles(read: () => Promise<{ item: unknown }[]>): Roles {
  let all: Promise<z.infer<typeof role>[]> | null = null;
  function known(): Promise<z.infer<typeof role>[]> {
    all ??= read()
      .then((items) => items.flatMap(({ item }) => role.safeParse(item).data ?? []))
      .catch((error: unknown) => {
        all = null;
        throw error;
      });
    return all;
  }

  return {
    async names() {
      const readable = await known().catch((error: unknown) => {
        if (error instanceof KeysError && (error.code === 'forbidden' || error.code === 'not_found'))
          return [];
        throw error;
      });
      const byId = new Map(readable.map(({ _id, name }) => [_id, name]));
      return (id) => byId.get(id) ?? id;
    },
    async ids(names) {
      if (names.length === 0) return [];
      const there = await known();
      return [...new Set(names.map((name) => idOf(name, there)))];
    },
  };
}

function idOf(name: string, roles: readonly z.infer<typeof role>[]): string {
  const exact = roles.filter((one) => one.name === name || one._id === name);
  const fitting =
    exact.length > 0 ? exact : roles.filter((one) => one.name.toLowerCase() === name.toLowerCase());
  const [only, ...others] = fitting;
  if (only && others.length === 0) return only._id;
  if (only) {
    throw new KeysError('invalid', `CloudCasa has ${fitting.length} roles called '${name}'`, {
      hint: `give the id: ${fitting.map(({ _id }) => _id).join(', ')}`,
    });
  }
  throw new KeysError('invalid', `CloudCasa has no role '${name}'`, {
    hint: `its roles: ${roles.map((one) => one.name).join(', ') || 'none that this credential may see'}`,
  });
}

/** The access rules that give these roles and permissions; none for none. */
export function aclsWith(resource: string, roles: readonly string[], permissions: readonly string[]): Acl[] {
  if (roles.length === 0 && permissions.length === 0) return [];
  return [
    {
      resource,
      ...(permissions.length > 0 && { permissions: [...permissions] }),
      ...(roles.length > 0 && { roles: [...roles] }),
    },
  ];
}

/** Whether a rule says no more than roles and permissions for the resource that this profile gives them for. */
export function isForEverything({ resource, resourceIds }: Acl, usual: string): boolean {
  return resource === usual && !resourceIds?.length;
}
