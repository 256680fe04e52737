import { etagOf } from '../etag.ts';
import { issuedKeySchema, newKeySchema, problems } from '../schemas.ts';
import type { Server } from '../server.ts';

export function createKey(app: Server): void {
  app.post(
    '/v1/keys',
    {
      schema: {
        summary: 'Mint a key',
        body: newKeySchema,
        response: { 201: issuedKeySchema, ...problems },
      },
    },
    async ({ keys, body }, reply) => {
      const { key, secret } = await keys.create({ ...body, description: body.description ?? undefined });
      reply.code(201).header('location', `/v1/keys/${key.id}`).header('etag', etagOf(key));
      return { key, secret: secret.reveal() };
    },
  );
}
