import { z } from 'zod';
import { tagged, versionOf } from '../etag.ts';
import {
  graceSchema,
  idempotencyHeaders,
  idParams,
  ifMatchHeaders,
  issuedKeySchema,
  problems,
} from '../schemas.ts';
import type { Server } from '../server.ts';

export function regenerateKey(app: Server): void {
  app.post(
    '/v1/keys/:id/regenerate',
    {
      schema: {
        summary: 'A new secret for the same key',
        params: idParams,
        headers: ifMatchHeaders.extend(idempotencyHeaders.shape),
        body: z
          .strictObject({
            graceMs: graceSchema,
            overlap: z
              .boolean()
              .optional()
              .describe('The old secret works until the overlap is settled; takes an idempotency key'),
            takeOver: z
              .boolean()
              .optional()
              .describe('With overlap: leaves one that is open behind, whose idempotency key is lost'),
          })
          .nullish(),
        response: { 200: issuedKeySchema, ...problems },
      },
    },
    async ({ keys, params, body, headers }, reply) => {
      const options = { ...body, idempotencyKey: headers['idempotency-key'] };
      const { key, secret } = await keys.regenerate(params.id, options, versionOf(headers['if-match']));
      app.metrics.minted('regenerate');
      return { key: tagged(reply, key), secret: secret.reveal() };
    },
  );
}
