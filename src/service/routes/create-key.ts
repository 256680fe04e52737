import { tagged } from '../etag.ts';
import { idempotencyHeaders, issuedKeySchema, newKeySchema, problems } from '../schemas.ts';
import type { Server } from '../server.ts';

export function createKey(app: Server): void {
  app.post(
    '/v1/keys',
    {
      schema: {
        summary: 'Mint a key',
        headers: idempotencyHeaders,
        body: newKeySchema,
        response: { 201: issuedKeySchema, ...problems },
      },
    },
    async ({ keys, body, headers }, reply) => {
      const wanted = { ...body, description: body.description ?? undefined };
      const { key, secret } = await keys.create(wanted, { idempotencyKey: headers['idempotency-key'] });
      reply.code(201).header('location', `/v1/keys/${key.id}`);
      app.metrics.minted('create');
      return { key: tagged(reply, key), secret: secret.reveal() };
    },
  );
}
