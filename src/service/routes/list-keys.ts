import { keyPageSchema, keyQuerySchema, problems } from '../schemas.ts';
import type { Server } from '../server.ts';

export function listKeys(app: Server): void {
  app.get(
    '/v1/keys',
    {
      schema: {
        summary: 'A page of keys, newest first',
        querystring: keyQuerySchema,
        response: { 200: keyPageSchema, ...problems },
      },
    },
    async ({ keys, query }) => {
      const { namespace, status, label, name, noExpiry, limit, ...rest } = query;
      return keys.list({
        ...rest,
        namespace: namespace === '*' ? null : namespace,
        statuses: status,
        labels: label && labelsOf(label),
        nameGlob: name,
        noExpiry: noExpiry === 'true',
        pageSize: limit,
      });
    },
  );
}

function labelsOf(labels: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    labels.map((label) => {
      const equals = label.indexOf('=');
      return [label.slice(0, equals), label.slice(equals + 1)];
    }),
  );
}
