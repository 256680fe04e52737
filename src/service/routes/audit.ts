import { auditHeadSchema, auditPageSchema, auditQuerySchema, problems } from '../schemas.ts';
import type { Server } from '../server.ts';

export function listAudit(app: Server): void {
  app.get(
    '/v1/audit',
    {
      schema: {
        summary: 'A page of what was done',
        querystring: auditQuerySchema,
        response: { 200: auditPageSchema, ...problems },
      },
    },
    ({ keys, query: { limit, ...query } }) => keys.audit.list({ ...query, pageSize: limit }),
  );
}

export function auditHead(app: Server): void {
  app.get(
    '/v1/audit/head',
    { schema: { summary: 'The last row', response: { 200: auditHeadSchema, ...problems } } },
    ({ keys }) => keys.audit.head(),
  );
}
