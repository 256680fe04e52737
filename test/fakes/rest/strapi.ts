/** Strapi's admin API tokens, from the source of @strapi/admin 5.54.0 and what a running one answered. */
import { to } from '../mishaps.ts';
import type { Reply } from '../vendor-server.ts';
import { type ExampleFake, hex, type RouteCall, startExample, textIn } from './example.ts';

interface Token {
  id: number;
  name: string;
  description: string;
  type: string;
  lifespan: string | null;
  expiresAt: string | null;
  permissions: string[];
}

const types = ['read-only', 'full-access', 'custom'];
const lifespans = [604_800_000, 2_592_000_000, 7_776_000_000];
const fields = ['name', 'description', 'type', 'permissions'];

export async function strapiFake(): Promise<ExampleFake> {
  const tokens: Token[] = [];
  let nextId = 3;
  const credential = hex(64);

  function seed(name: string, token: Partial<Token> = {}): Token {
    const made = {
      id: nextId++,
      name,
      description: '',
      type: 'read-only',
      lifespan: null,
      expiresAt: null,
      permissions: [],
      ...token,
    };
    tokens.push(made);
    return made;
  }

  function shown(token: Token) {
    const at = new Date(1_760_000_000_000 + token.id * 1_000).toISOString();
    return { ...token, kind: 'content-api', lastUsedAt: null, createdAt: at, updatedAt: at };
  }

  function create({ body }: RouteCall): Reply {
    const wrong = problem(
      body,
      tokens.some(({ name }) => name === body.name),
    );
    if (wrong) return wrong;
    const { lifespan = null } = body;
    if (lifespan !== null && !lifespans.includes(lifespan as number))
      return failure(400, 'ValidationError', 'lifespan must be one of the following values: …');
    const token = seed(textIn(body, 'name') ?? '', {
      description: textIn(body, 'description') ?? '',
      type: textIn(body, 'type') ?? 'read-only',
      permissions: (body.permissions as string[] | undefined) ?? [],
      lifespan: lifespan === null ? null : String(lifespan),
      expiresAt: lifespan === null ? null : new Date(Date.now() + Number(lifespan)).toISOString(),
    });
    return { status: 201, body: { data: { ...shown(token), accessKey: hex(256) } } };
  }

  const found = ({ parts: [id] }: RouteCall) => tokens.find((token) => String(token.id) === id);
  const missing = () => failure(404, 'NotFoundError', 'API Token not found');

  return startExample(
    [
      {
        method: 'GET',
        path: /^\/admin\/api-tokens$/,
        answer: () => ({ status: 200, body: { data: tokens.map(shown) } }),
      },
      { method: 'POST', path: /^\/admin\/api-tokens$/, body: [...fields, 'lifespan'], answer: create },
      {
        method: 'GET',
        path: /^\/admin\/api-tokens\/([^/]+)$/,
        answer: (call) => {
          const token = found(call);
          return token ? { status: 200, body: { data: shown(token) } } : missing();
        },
      },
      {
        method: 'PUT',
        path: /^\/admin\/api-tokens\/([^/]+)$/,
        body: fields,
        answer: (call) => {
          const token = found(call);
          if (!token) return missing();
          const taken = tokens.some(({ name, id }) => name === call.body.name && id !== token.id);
          const wrong = problem(call.body, taken);
          if (wrong) return wrong;
          Object.assign(token, call.body);
          return { status: 200, body: { data: shown(token) } };
        },
      },
      {
        method: 'DELETE',
        path: /^\/admin\/api-tokens\/([^/]+)$/,
        answer: (call) => {
          const token = found(call);
          if (token) tokens.splice(tokens.indexOf(token), 1);
          return { status: 200, body: { data: token ? shown(token) : null } };
        },
      },
      {
        method: 'POST',
        path: /^\/admin\/api-tokens\/([^/]+)\/regenerate$/,
        answer: (call) => {
          const token = found(call);
          if (!token) return missing();
          return { status: 201, body: { data: { id: token.id, accessKey: hex(256), kind: 'content-api' } } };
        },
      },
    ],
    ({ headers }) =>
      headers.authorization === `Bearer ${credential}`
        ? null
        : failure(401, 'UnauthorizedError', 'Missing or invalid credentials'),
    {
      credential,
      mint: to('POST', /api-tokens$/),
      list: to('GET', /api-tokens$/),
      template: { roles: ['read-only'] },
      stored: () => tokens.length,
      seed: (name) => void seed(name),
      empty: () => void tokens.splice(0),
    },
  );
}

/** What the service says of a body, or null. */
function problem(body: Record<string, unknown>, taken: boolean): Reply | null {
  const { name, description, type = 'read-only', permissions } = body;
  if (typeof name !== 'string' || name === '')
    return failure(400, 'ValidationError', 'name is a required field');
  if (description !== undefined && typeof description !== 'string')
    return failure(400, 'ValidationError', 'description must be a `string` type');
  if (!types.includes(type as string))
    return failure(400, 'ValidationError', 'type must be one of the following values');
  const some = Array.isArray(permissions) && permissions.length > 0;
  if (type === 'custom' && !Array.isArray(permissions))
    return failure(400, 'ValidationError', 'Missing permissions attribute for custom token');
  if (type !== 'custom' && some)
    return failure(400, 'ValidationError', 'Non-custom tokens should not reference permissions');
  return taken ? failure(400, 'ApplicationError', 'Name already taken') : null;
}

function failure(status: number, name: string, message: string): Reply {
  return { status, body: { data: null, error: { status, name, message, details: {} } } };
}
