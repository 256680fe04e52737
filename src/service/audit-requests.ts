/** Requests as the audit log has them: each that came with a credential, and each that was refused. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { auditRow } from './audit.ts';
import { isKeyId } from './ids.ts';
import type { AuditRow } from './store.ts';

/** What requests are for, in the words of the command line. */
const actions: Readonly<Record<string, string>> = {
  'POST /v1/keys': 'create',
  'GET /v1/keys': 'list',
  'GET /v1/keys/:id': 'show',
  'PATCH /v1/keys/:id': 'edit',
  'POST /v1/keys/:id/disable': 'disable',
  'POST /v1/keys/:id/enable': 'enable',
  'POST /v1/keys/:id/regenerate': 'regenerate',
  'POST /v1/keys/:id/revoke': 'revoke',
  'GET /v1/keys/:id/secret': 'reveal',
  'GET /v1/mint': 'mint_status',
  'POST /v1/mint/cancel': 'cancel',
  'POST /v1/mint/acknowledge': 'acknowledge',
  'POST /v1/mint/settle': 'settle',
  'POST /v1/verify': 'verify',
  'GET /v1/whoami': 'whoami',
  'GET /v1/users': 'user.list',
  'POST /v1/users': 'user.create',
  'GET /v1/users/:name': 'user.show',
  'PATCH /v1/users/:name': 'user.edit',
  'POST /v1/users/:name/disable': 'user.disable',
  'POST /v1/users/:name/enable': 'user.enable',
  'PUT /v1/users/:name/memberships/:namespace': 'user.join',
  'DELETE /v1/users/:name/memberships/:namespace': 'user.leave',
  'GET /v1/namespaces': 'namespace.list',
  'POST /v1/namespaces': 'namespace.create',
  'PATCH /v1/namespaces/:name': 'namespace.edit',
  'GET /v1/roles': 'role.list',
  'POST /v1/roles': 'role.create',
  'PATCH /v1/roles/:name': 'role.edit',
  'POST /v1/sessions': 'login',
  'POST /v1/sessions/refresh': 'session.renew',
  'DELETE /v1/sessions/current': 'logout',
  'POST /v1/sessions/step-up': 'step_up',
  'GET /v1/audit': 'audit',
  'GET /v1/audit/head': 'audit_head',
};

const refusals = [401, 403, 429];

/** The row of a request that has been answered; `null` where it has one, or needs none. */
export function requestRow(
  request: FastifyRequest,
  { statusCode }: FastifyReply,
  now: number,
): AuditRow | null {
  const { caller, context, routeOptions, method, query } = request;
  const refused = refusals.includes(statusCode);
  if (!refused && (!caller || (statusCode < 400 && context.recorded))) return null;
  if (!refused && isReadOn(routeOptions.url, query)) return null;
  const route = `${method === 'HEAD' ? 'GET' : method} ${routeOptions.url ?? ''}`.trim();
  return auditRow(now, context, context.limited ?? caller, {
    action: actions[route] ?? route,
    target: targetOf(request.params),
    outcome: refused ? 'refused' : statusCode < 400 ? 'done' : 'failed',
    details: statusCode < 400 ? {} : { status: statusCode },
  });
}

/** That somebody began to read the log is a row; were each step one, following it would never come to its end. */
function isReadOn(url: string | undefined, query: unknown): boolean {
  if (url === '/v1/audit/head') return true;
  if (url !== '/v1/audit') return false;
  const { cursor, after } = query as { cursor?: unknown; after?: unknown };
  return cursor !== undefined || after !== undefined;
}

/** Only what an id looks like: somebody may have put a secret there. */
function targetOf(params: unknown): string | null {
  const { id } = (params ?? {}) as { id?: unknown };
  return typeof id === 'string' && isKeyId(id) ? id : null;
}
