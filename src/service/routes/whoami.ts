import { identitySchema, problems } from '../schemas.ts';
import type { Server } from '../server.ts';

export function whoami(app: Server): void {
  app.get(
    '/v1/whoami',
    { schema: { summary: 'Whose credential this is', response: { 200: identitySchema, ...problems } } },
    ({ keys }) => keys.whoami(),
  );
}
