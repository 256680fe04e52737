import { tagged, versionOf } from '../etag.ts';
import { idParams, ifMatchHeaders, keySchema, noBody, problems } from '../schemas.ts';
import type { Server } from '../server.ts';

export function revokeKey(app: Server): void {
  app.post(
    '/v1/keys/:id/revoke',
    {
      schema: {
        summary: 'End a key for good',
        params: idParams,
        headers: ifMatchHeaders,
        body: noBody,
        response: { 200: keySchema, ...problems },
      },
    },
    async ({ keys, params, headers }, reply) =>
      tagged(reply, await keys.end(params.id, versionOf(headers['if-match']))),
  );
}
