import { z } from 'zod';
import type { Server } from '../server.ts';

export function health(app: Server): void {
  app.get(
    '/healthz',
    {
      config: { credential: 'ignored' },
      schema: {
        summary: 'Whether the service runs',
        security: [],
        response: { 200: z.object({ status: z.literal('ok') }) },
      },
    },
    async () => ({ status: 'ok' as const }),
  );
}
