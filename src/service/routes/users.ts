import { z } from 'zod';
import { Secret } from '../../secret.ts';
import { tagged, versionOf } from '../etag.ts';
import {
  ifMatchHeaders,
  membershipBody,
  membershipParams,
  nameParams,
  newUserSchema,
  noBody,
  problems,
  userChangesSchema,
  userSchema,
} from '../schemas.ts';
import type { Server } from '../server.ts';

const response = { 200: userSchema, ...problems };

export function listUsers(app: Server): void {
  app.get(
    '/v1/users',
    {
      schema: {
        summary: 'The users that the caller may see, by name',
        response: { 200: z.object({ users: z.array(userSchema) }), ...problems },
      },
    },
    async ({ keys }) => ({ users: await keys.users.list() }),
  );
}

export function createUser(app: Server): void {
  app.post(
    '/v1/users',
    { schema: { summary: 'Make a user', body: newUserSchema, response: { 201: userSchema, ...problems } } },
    async ({ keys, body }, reply) => {
      const { password, ...rest } = body;
      const user = await keys.users.create({
        ...rest,
        password: password === undefined ? undefined : new Secret(password),
      });
      reply.code(201).header('location', `/v1/users/${encodeURIComponent(user.name)}`);
      return tagged(reply, user);
    },
  );
}

export function getUser(app: Server): void {
  app.get(
    '/v1/users/:name',
    { schema: { summary: 'One user', params: nameParams, response } },
    async ({ keys, params }, reply) => tagged(reply, await keys.users.get(params.name)),
  );
}

export function editUser(app: Server): void {
  app.patch(
    '/v1/users/:name',
    {
      schema: {
        summary: 'Change a user; what is absent stays. Another password ends their sessions',
        params: nameParams,
        headers: ifMatchHeaders,
        body: userChangesSchema,
        response,
      },
    },
    async ({ keys, params, headers, body }, reply) => {
      const { password, currentPassword, role } = body;
      const changes = {
        role,
        password: typeof password === 'string' ? new Secret(password) : password,
        currentPassword: currentPassword === undefined ? undefined : new Secret(currentPassword),
      };
      return tagged(reply, await keys.users.edit(params.name, changes, versionOf(headers['if-match'])));
    },
  );
}

export function disableUser(app: Server): void {
  app.post(
    '/v1/users/:name/disable',
    {
      schema: {
        summary: "Stop a user's keys and sessions at once",
        params: nameParams,
        headers: ifMatchHeaders,
        body: noBody,
        response,
      },
    },
    async ({ keys, params, headers }, reply) =>
      tagged(reply, await keys.users.disable(params.name, versionOf(headers['if-match']))),
  );
}

export function enableUser(app: Server): void {
  app.post(
    '/v1/users/:name/enable',
    {
      schema: {
        summary: "Let a user's keys work again",
        params: nameParams,
        headers: ifMatchHeaders,
        body: noBody,
        response,
      },
    },
    async ({ keys, params, headers }, reply) =>
      tagged(reply, await keys.users.enable(params.name, versionOf(headers['if-match']))),
  );
}

export function joinNamespace(app: Server): void {
  app.put(
    '/v1/users/:name/memberships/:namespace',
    {
      schema: {
        summary: 'Give a user a role in a namespace',
        params: membershipParams,
        body: membershipBody,
        response,
      },
    },
    async ({ keys, params: { name, namespace }, body: { role } }, reply) =>
      tagged(reply, await keys.users.join(name, { namespace, role })),
  );
}

export function leaveNamespace(app: Server): void {
  app.delete(
    '/v1/users/:name/memberships/:namespace',
    {
      schema: {
        summary: 'Take a user out of a namespace',
        params: membershipParams,
        body: noBody,
        response,
      },
    },
    async ({ keys, params: { name, namespace } }, reply) =>
      tagged(reply, await keys.users.leave(name, namespace)),
  );
}
