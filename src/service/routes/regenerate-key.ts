import { z } from 'zod';
import { etagOf, versionOf } from '../etag.ts';
import { idParams, ifMatchHeaders, issuedKeySchema, problems } from '../schemas.ts';
import type { Server } from '../server.ts';

export function regenerateKey(app: Server): void {
  app.post(
    '/v1/keys/:id/regenerate',
    {
      schema: {
        summary: 'A new secret for the same key',
        params: idParams,
        headers: ifMatchHeaders,
        body: z
          .strictObject({
            graceMs: z
              .int()
              .min(0)
              .optional()
              .describe('How long the old secret still works; 30 days at most'),
          })
          .nullish(),
        response: { 200: issuedKeySchema, ...problems },
      },
    },
    async ({ keys, params, body, headers }, reply) => {
      const { key, secret } = await keys.regenerate(params.id, body ?? {}, versionOf(headers['if-match']));
      reply.header('etag', etagOf(key));
      return { key, secret: secret.reveal() };
    },
  );
}
