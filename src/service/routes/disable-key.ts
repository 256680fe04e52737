import { tagged, versionOf } from '../etag.ts';
import { idParams, ifMatchHeaders, keySchema, noBody, problems } from '../schemas.ts';
import type { Server } from '../server.ts';

export function disableKey(app: Server): void {
  app.post(
    '/v1/keys/:id/disable',
    {
      schema: {
        summary: 'Take a key out of service',
        params: idParams,
        headers: ifMatchHeaders,
        body: noBody,
        response: { 200: keySchema, ...problems },
      },
    },
    async ({ keys, params, headers }, reply) =>
      tagged(reply, await keys.disable(params.id, versionOf(headers['if-match']))),
  );
}
