import { tagged, versionOf } from '../etag.ts';
import { idParams, ifMatchHeaders, keySchema, noBody, problems } from '../schemas.ts';
import type { Server } from '../server.ts';

export function enableKey(app: Server): void {
  app.post(
    '/v1/keys/:id/enable',
    {
      schema: {
        summary: 'Put a key back into service',
        params: idParams,
        headers: ifMatchHeaders,
        body: noBody,
        response: { 200: keySchema, ...problems },
      },
    },
    async ({ keys, params, headers }, reply) =>
      tagged(reply, await keys.enable(params.id, versionOf(headers['if-match']))),
  );
}
