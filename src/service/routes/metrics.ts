import { z } from 'zod';
import { KeysError } from '../../errors.ts';
import { isAdmin } from '../access.ts';
import { problems } from '../schemas.ts';
import type { Server } from '../server.ts';

/** How the service does is not for everybody, and behind a proxy every client comes from this machine: so it takes an admin. */
export function metrics(app: Server): void {
  app.get(
    '/metrics',
    {
      schema: {
        summary: 'Counts and times, for Prometheus; for admins',
        response: {
          200: { description: 'Text format', content: { 'text/plain': { schema: z.string() } } },
          ...problems,
        },
      },
    },
    async ({ caller }, reply) => {
      if (!caller || !isAdmin(caller)) {
        throw new KeysError('forbidden', 'metrics are for admins', {
          hint: 'or set metricsListen to an address that only your Prometheus reaches',
        });
      }
      reply.type(app.metrics.contentType);
      return app.metrics.text();
    },
  );
}
