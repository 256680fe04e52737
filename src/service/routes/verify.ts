import { z } from 'zod';
import { Secret } from '../../secret.ts';
import { problems, verificationSchema } from '../schemas.ts';
import type { Server } from '../server.ts';

export function verify(app: Server): void {
  app.post(
    '/v1/verify',
    {
      config: { credential: 'optional', counted: false },
      schema: {
        summary: 'Which key a secret belongs to, and whether it is good',
        security: [{}, { bearer: [] }, { apiKey: [] }],
        body: z.strictObject({ secret: z.string() }),
        response: { 200: verificationSchema, ...problems },
      },
      // Most answers are of this kind, made field by field: the tests hold them against their shape, and no request waits for that.
      serializerCompiler: () => JSON.stringify,
    },
    async ({ keys, body }) => {
      const verification = await keys.verify(new Secret(body.secret));
      app.metrics.verified(verification.reason);
      return verification;
    },
  );
}
