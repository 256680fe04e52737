import { z } from 'zod';
import { problemText, problemType } from '../problem.ts';
import { problems } from '../schemas.ts';
import type { Server } from '../server.ts';

export function ready(app: Server): void {
  app.get(
    '/readyz',
    {
      config: { credential: 'ignored' },
      schema: {
        summary:
          'Whether the service should be sent requests: its database takes changes, and it is not stopping',
        security: [],
        response: { 200: z.object({ status: z.literal('ready') }), ...problems },
      },
    },
    async (request, reply) => {
      const detail = await app.readiness.problem();
      if (detail === null) return { status: 'ready' as const };
      const text = problemText({ code: 'unavailable', detail }, request.id);
      // As text it passes the serializer by, as every problem does.
      return reply
        .code(503)
        .header('retry-after', 1)
        .type(problemType)
        .send(text as never);
    },
  );
}
