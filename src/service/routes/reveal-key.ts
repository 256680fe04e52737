import { tagged } from '../etag.ts';
import { idParams, issuedKeySchema, problems } from '../schemas.ts';
import type { Server } from '../server.ts';

export function revealKey(app: Server): void {
  app.get(
    '/v1/keys/:id/secret',
    {
      schema: {
        summary: 'The secret of a recoverable key again; takes a session whose password was given again',
        params: idParams,
        response: { 200: issuedKeySchema, ...problems },
      },
    },
    async ({ keys, params }, reply) => {
      const { key, secret } = await keys.reveal(params.id);
      return { key: tagged(reply, key), secret: secret.reveal() };
    },
  );
}
