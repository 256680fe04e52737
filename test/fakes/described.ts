/** Holds what a server answers against what its OpenAPI document says that it answers. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { expect, onTestFinished } from 'vitest';
import { z } from 'zod';
import type { Server } from '../../src/service/server.ts';

interface Described {
  readonly headers?: Readonly<Record<string, { readonly required?: boolean }>>;
  readonly content?: Readonly<Record<string, { readonly schema: object }>>;
}

interface Document {
  readonly paths: Readonly<Record<string, Record<string, { readonly responses: Record<string, Described> }>>>;
  readonly components: { readonly schemas: Readonly<Record<string, object>> };
}

const problem = 'application/problem+json';

/** Every answer from now on, over a port or injected; one that is not as described fails the running test. */
export function checkAnswers(server: Server): void {
  const wrong: string[] = [];
  server.addHook('onSend', async (request, reply, payload) => {
    const difference = differenceOf(server.swagger() as unknown as Document, request, reply, payload);
    const route = `${request.method} ${request.routeOptions.url ?? 'nowhere'}`;
    if (difference) wrong.push(`${route} answered ${reply.statusCode}, but ${difference}`);
  });
  onTestFinished(() => expect(wrong, 'answers that are not as the OpenAPI document says').toEqual([]));
}

function differenceOf(
  document: Document,
  request: FastifyRequest,
  reply: FastifyReply,
  payload: unknown,
): string | null {
  const described = descriptionOf(document, request, reply.statusCode);
  if (described === 'hidden') return null;
  if (!described) return 'the document has no such answer';
  const header = headerNotAsDescribed(described, reply);
  if (header) return header;
  const type = String(reply.getHeader('content-type') ?? '').split(';')[0] ?? '';
  const content = Object.entries(described.content ?? {});
  if (content.length === 0) return payload ? 'no body is described' : null;
  const schema = described.content?.[type]?.schema;
  if (!schema) return `a body of type '${type}' is not described`;
  if (typeof payload !== 'string' || request.method === 'HEAD') return null;
  const body: unknown = /json$/.test(type) ? JSON.parse(payload) : payload;
  const result = validatorOf(document, schema).safeParse(body);
  return result.success ? null : z.prettifyError(result.error);
}

/** What every HTTP server says of an answer, or of what it is. */
const usual = ['content-type', 'content-length', 'cache-control', 'connection', 'allow'];

function headerNotAsDescribed({ headers = {} }: Described, reply: FastifyReply): string | null {
  const given = Object.keys(reply.getHeaders());
  const described = Object.keys(headers).map((name) => name.toLowerCase());
  const unknown = given.find((name) => !usual.includes(name) && !described.includes(name));
  if (unknown) return `the header ${unknown} is not described`;
  const missing = Object.entries(headers).find(
    ([name, { required }]) => required && !given.includes(name.toLowerCase()),
  );
  return missing ? `the header ${missing[0]} is missing` : null;
}

function descriptionOf(
  document: Document,
  { is404, method, routeOptions }: FastifyRequest,
  status: number,
): Described | 'hidden' | undefined {
  const anyProblem = {
    headers: { 'X-Request-Id': {}, 'WWW-Authenticate': {}, 'Retry-After': {} },
    content: { [problem]: { schema: document.components.schemas.Problem ?? {} } },
  };
  if (is404) return anyProblem;
  if (routeOptions.schema?.hide) return status < 400 ? 'hidden' : anyProblem;
  const path = routeOptions.url?.replace(/:(\w+)/g, '{$1}') ?? '';
  const responses = document.paths[path]?.[method === 'HEAD' ? 'get' : method.toLowerCase()]?.responses;
  return responses?.[status] ?? responses?.default;
}

const validators = new WeakMap<object, z.ZodType>();

function validatorOf({ components }: Document, schema: object): z.ZodType {
  const known = validators.get(schema);
  if (known) return known;
  const text = JSON.stringify({ ...schema, $defs: components.schemas });
  const made = z.fromJSONSchema(JSON.parse(text.replaceAll('#/components/schemas/', '#/$defs/'), closed));
  validators.set(schema, made);
  return made;
}

/** Other services may answer further fields than a client knows of; ours says each that it has. */
function closed(_name: string, schema: { readonly properties?: object } | null): unknown {
  return schema?.properties ? { additionalProperties: false, ...schema } : schema;
}
