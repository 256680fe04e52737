import { tagged } from '../etag.ts';
import { idParams, keySchema, problems } from '../schemas.ts';
import type { Server } from '../server.ts';

export function getKey(app: Server): void {
  app.get(
    '/v1/keys/:id',
    { schema: { summary: 'One key', params: idParams, response: { 200: keySchema, ...problems } } },
    async ({ keys, params }, reply) => tagged(reply, await keys.get(params.id)),
  );
}
