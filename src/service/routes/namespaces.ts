import { z } from 'zod';
import {
  nameParams,
  namespaceChangesSchema,
  namespaceSchema,
  newNamespaceSchema,
  problems,
} from '../schemas.ts';
import type { Server } from '../server.ts';

export function listNamespaces(app: Server): void {
  app.get(
    '/v1/namespaces',
    {
      schema: {
        summary: 'The namespaces that the caller may see, by name',
        response: { 200: z.object({ namespaces: z.array(namespaceSchema) }), ...problems },
      },
    },
    async ({ keys }) => ({ namespaces: await keys.namespaces.list() }),
  );
}

export function createNamespace(app: Server): void {
  app.post(
    '/v1/namespaces',
    {
      schema: {
        summary: 'Make a namespace',
        body: newNamespaceSchema,
        response: { 201: namespaceSchema, ...problems },
      },
    },
    async ({ keys, body }, reply) => {
      const namespace = await keys.namespaces.create(body);
      reply.code(201).header('location', `/v1/namespaces/${namespace.name}`);
      return namespace;
    },
  );
}

export function editNamespace(app: Server): void {
  app.patch(
    '/v1/namespaces/:name',
    {
      schema: {
        summary: 'Change a namespace; what is absent stays',
        params: nameParams,
        body: namespaceChangesSchema,
        response: { 200: namespaceSchema, ...problems },
      },
    },
    async ({ keys, params, body }) => keys.namespaces.edit(params.name, body),
  );
}
