/** Errors as problem documents (RFC 9457). What goes wrong inside is logged, never told. */
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod';
import { codeForStatus, type ErrorCode, KeysError, problemOf } from '../errors.ts';

export const problemType = 'application/problem+json; charset=utf-8';

interface Problem {
  readonly code: ErrorCode;
  /** Where the code's own status is not the one. */
  readonly status?: number;
  readonly title?: string;
  readonly detail: string;
  readonly hint?: string | null;
  readonly retryAfterMs?: number | null;
}

export function sendProblem(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const problem = toProblem(error);
  const status = problem.status ?? problemOf(problem.code).status;
  if (status >= 500) request.log.error({ requestId: request.id, err: error }, 'request failed');
  if (status === 401) void reply.header('www-authenticate', 'Bearer realm="keys", ApiKey realm="keys"');
  if (status === 503 || status === 429) {
    void reply.header('retry-after', Math.ceil((problem.retryAfterMs ?? 1_000) / 1_000));
  }
  // As text it passes the serializers by: a problem needs no check against a route's schema.
  void reply
    .code(status)
    .header('x-request-id', request.id)
    .type(problemType)
    .send(problemText(problem, request.id));
}

export function problemText(problem: Problem, requestId: string): string {
  const own = problemOf(problem.code);
  const { code, detail, hint = null, status = own.status, title = own.title } = problem;
  return JSON.stringify({ type: 'about:blank', title, status, detail, code, hint, requestId });
}

const untold: Problem = { code: 'unexpected', detail: 'the service failed; its log says why' };

function toProblem(error: unknown): Problem {
  if (error instanceof KeysError) return problemOfKeysError(error);
  if (hasZodFastifySchemaValidationErrors(error)) return { code: 'invalid', detail: validationText(error) };
  const status = error instanceof Error && 'statusCode' in error ? Number(error.statusCode) : 500;
  if (!(status >= 400 && status < 500)) return untold;
  return { code: codeForStatus(status), status, detail: requestTrouble(error as FastifyError) };
}

function problemOfKeysError({ code, message, hint, retryAfterMs }: KeysError): Problem {
  const { status } = problemOf(code);
  if (status === 500) return untold;
  if (status === 503) return { code, detail: 'the service cannot use its database now', retryAfterMs };
  return { code, detail: message, hint, retryAfterMs };
}

/** Names the place and what is wrong there, never what was sent: that may have been a secret. */
function validationText(error: { validationContext?: string; validation: unknown[] }): string {
  const issue = error.validation[0] as {
    instancePath: string;
    message?: string;
    params: { keys?: string[] };
  };
  const place = issue.instancePath.split('/').filter(Boolean).join('.');
  const part = error.validationContext === 'querystring' ? 'query' : (error.validationContext ?? 'request');
  const where = place ? `${part}: ${place}` : part;
  const { keys } = issue.params;
  return keys
    ? `${where} has no field ${keys.slice(0, 5).join(', ')}`
    : `${where}: ${issue.message ?? 'not valid'}`;
}

/** Fastify's own words may quote the body. */
function requestTrouble({ statusCode, code }: FastifyError): string {
  if (statusCode === 413) return 'the body is larger than 64 KiB';
  if (statusCode === 415) return 'the body must be JSON: Content-Type: application/json';
  if (code === 'FST_ERR_CTP_INVALID_JSON_BODY')
    return 'the body is not JSON, or has a field that is not allowed';
  return 'the request makes no sense';
}
