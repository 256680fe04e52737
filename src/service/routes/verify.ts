import { z } from 'zod';
import { Secret } from '../../secret.ts';
import { problems, verificationSchema } from '../schemas.ts';
import type { Server } from '../server.ts';

/** Those with a credential, and whatever is unusual; the others are answered in `usual-verify.ts`. */
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
    },
    async ({ keys, body }) => {
      const verification = await keys.verify(new Secret(body.secret));
      app.metrics.verified(verification.reason);
      return verification;
    },
  );
}
