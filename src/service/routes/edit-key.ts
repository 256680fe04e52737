import { tagged, versionOf } from '../etag.ts';
import { idParams, ifMatchHeaders, keyChangesSchema, keySchema, problems } from '../schemas.ts';
import type { Server } from '../server.ts';

export function editKey(app: Server): void {
  app.patch(
    '/v1/keys/:id',
    {
      schema: {
        summary: 'Change a key; what is absent stays',
        params: idParams,
        headers: ifMatchHeaders,
        body: keyChangesSchema,
        response: { 200: keySchema, ...problems },
      },
    },
    async ({ keys, params, body, headers }, reply) =>
      tagged(reply, await keys.edit(params.id, body, versionOf(headers['if-match']))),
  );
}
