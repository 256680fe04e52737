import { z } from 'zod';
import { nameParams, newRoleSchema, problems, roleChangesSchema, roleSchema } from '../schemas.ts';
import type { Server } from '../server.ts';

export function listRoles(app: Server): void {
  app.get(
    '/v1/roles',
    {
      schema: {
        summary: 'The roles there are, with what they may do',
        response: { 200: z.object({ roles: z.array(roleSchema) }), ...problems },
      },
    },
    async ({ keys }) => ({ roles: await keys.roles.list() }),
  );
}

export function createRole(app: Server): void {
  app.post(
    '/v1/roles',
    { schema: { summary: 'Make a role', body: newRoleSchema, response: { 201: roleSchema, ...problems } } },
    async ({ keys, body }, reply) => {
      const role = await keys.roles.create(body);
      reply.code(201).header('location', `/v1/roles/${role.name}`);
      return role;
    },
  );
}

export function editRole(app: Server): void {
  app.patch(
    '/v1/roles/:name',
    {
      schema: {
        summary: 'Change what a role may do, at once for whoever has it',
        params: nameParams,
        body: roleChangesSchema,
        response: { 200: roleSchema, ...problems },
      },
    },
    async ({ keys, params, body }) => keys.roles.edit(params.name, body),
  );
}
