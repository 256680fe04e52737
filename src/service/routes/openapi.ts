import type { Server } from '../server.ts';

export function openapi(app: Server): void {
  app.get('/openapi.json', { config: { credential: 'ignored' }, schema: { hide: true } }, async () =>
    app.swagger(),
  );
}
