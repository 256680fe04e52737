/** The OpenAPI document: what the provider makes of the routes' schemas, put right, and with the headers of the answers. */
import type { FastifyDynamicSwaggerOptions } from '@fastify/swagger';
import { jsonSchemaTransform, jsonSchemaTransformObject } from 'fastify-type-provider-zod';
import manifest from '../../package.json' with { type: 'json' };

/** For `@fastify/swagger`. */
export const documentOptions: FastifyDynamicSwaggerOptions = {
  openapi: {
    openapi: '3.1.1',
    info: { title: 'keys', description: 'The key service', version: manifest.version },
    servers: [{ url: '/' }],
    components: {
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer' },
        apiKey: { type: 'http', scheme: 'ApiKey' },
      },
    },
    security: [{ bearer: [] }, { apiKey: [] }],
  },
  transform: jsonSchemaTransform,
  transformObject: completed,
};

/**
 * Every named shape is an answer's; the provider adds a twin of each for requests, which nothing refers to. And it calls every
 * body required, also one that need not be there.
 */
function completed(document: Parameters<typeof jsonSchemaTransformObject>[0]) {
  const described = jsonSchemaTransformObject(document);
  const schemas = 'components' in described ? described.components?.schemas : undefined;
  for (const name of Object.keys(schemas ?? {})) if (name.endsWith('Input')) delete schemas?.[name];
  const paths = Object.values(described.paths ?? {}) as Record<string, Operation>[];
  for (const operation of paths.flatMap((path) => Object.values(path))) {
    const { requestBody, responses } = operation;
    const schema = requestBody?.content['application/json'].schema;
    if (requestBody && schema?.anyOf?.some(({ type }) => type === 'null')) requestBody.required = false;
    for (const [status, response] of Object.entries(responses)) {
      response.headers = headersOf(status, response, operation);
      response.content &&= opened(response.content);
    }
  }
  if (schemas) Object.assign(schemas, opened(schemas));
  return described;
}

/** Answers get further fields one day, and a client that was made from this document is not to refuse them. */
function opened<T>(answers: T): T {
  const unlessClosing = (name: string, value: unknown) =>
    name === 'additionalProperties' && value === false ? undefined : value;
  return JSON.parse(JSON.stringify(answers, unlessClosing));
}

interface Operation {
  /** Absent where a credential is needed, empty where nothing is looked at that counts on a limit. */
  readonly security?: readonly object[];
  readonly requestBody?: {
    required?: boolean;
    readonly content: {
      readonly 'application/json': {
        readonly schema: { readonly anyOf?: readonly { readonly type?: string }[] };
      };
    };
  };
  readonly responses: Readonly<Record<string, Response>>;
}

interface Response {
  headers?: Record<string, Header>;
  content?: Readonly<Record<string, { readonly schema?: { readonly $ref?: string } }>>;
}

interface Header {
  readonly description: string;
  readonly required?: true;
  readonly schema: { readonly type: 'string' | 'integer' };
}

const string = { type: 'string' } as const;
const integer = { type: 'integer' } as const;

/** Shapes with a version, and shapes that have an address of their own once they are made. */
const tagged = ['Key', 'IssuedKey', 'User'];
const placed = ['IssuedKey', 'User', 'Namespace', 'Role'];

function headersOf(status: string, { content }: Response, { security }: Operation): Record<string, Header> {
  const shape = content?.['application/json']?.schema?.$ref?.split('/').at(-1) ?? '';
  const headers: Record<string, Header> = {
    'X-Request-Id': {
      description: 'The one that was sent, or a new one; the log and the audit log have it',
      required: true,
      schema: string,
    },
  };
  if (tagged.includes(shape)) {
    headers.ETag = { description: 'Its version, for If-Match', required: true, schema: string };
  }
  if (status === '201' && placed.includes(shape)) {
    headers.Location = { description: 'Its address', required: true, schema: string };
  }
  if (status === 'default') {
    headers['WWW-Authenticate'] = { description: 'With 401', schema: string };
    headers['Retry-After'] = { description: 'With 429 and 503, in seconds', schema: integer };
  }
  if (security?.length !== 0) {
    const draft = 'as draft-ietf-httpapi-ratelimit-headers-10 has it';
    headers.RateLimit = { description: `How the limits stand, ${draft}`, schema: string };
    headers['RateLimit-Policy'] = { description: `The limits, ${draft}`, schema: string };
  }
  return headers;
}
