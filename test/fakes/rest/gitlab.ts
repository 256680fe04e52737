/** GitLab's project access tokens, from doc/api/project_access_tokens.md of gitlabhq. */
import { to } from '../mishaps.ts';
import type { Reply } from '../vendor-server.ts';
import { type ExampleFake, hex, pageOf, type RouteCall, startExample, textIn } from './example.ts';

interface Token {
  id: number;
  name: string;
  description: string | null;
  scopes: string[];
  user_id: number;
  active: boolean;
  revoked: boolean;
  created_at: string;
  last_used_at: string | null;
  expires_at: string;
  access_level: number;
}

const collection = /^\/api\/v4\/projects\/42\/access_tokens$/;
const one = /^\/api\/v4\/projects\/42\/access_tokens\/([^/]+)$/;
const scopesKnown = ['api', 'read_api', 'read_repository', 'write_repository'];

export async function gitlabFake(): Promise<ExampleFake> {
  const tokens: Token[] = [];
  const credential = `glpat-${hex(20)}`;

  function seed(name: string, token: Partial<Token> = {}): Token {
    const made: Token = {
      id: 58 + tokens.length,
      name,
      description: null,
      scopes: ['api'],
      user_id: 166,
      active: true,
      revoked: false,
      created_at: new Date(1_760_000_000_000 + tokens.length * 1_000).toISOString(),
      last_used_at: null,
      expires_at: '2099-01-31',
      access_level: 40,
      ...token,
    };
    tokens.push(made);
    return made;
  }

  function create({ body }: RouteCall): Reply {
    const { scopes, access_level: level = 40 } = body;
    const [name, expires] = [textIn(body, 'name'), textIn(body, 'expires_at')];
    if (!name) return failure(400, 'name is missing');
    if (!Array.isArray(scopes) || !scopes.every((scope) => scopesKnown.includes(scope)))
      return failure(400, 'scopes does not have a valid value');
    if (![10, 20, 30, 40, 50].includes(level as number))
      return failure(400, 'access_level does not have a valid value');
    if (!expires || !/^\d{4}-\d\d-\d\d$/.test(expires) || Date.parse(expires) <= Date.now())
      return failure(400, 'expires_at is missing or invalid');
    const made = seed(name, { scopes, access_level: level as number, expires_at: expires });
    return { status: 201, body: { ...made, token: `glpat-${hex(20)}` } };
  }

  const found = ({ parts: [id] }: RouteCall) => tokens.find((token) => String(token.id) === id);
  const missing = () => failure(404, '404 Not found');

  return startExample(
    [
      {
        method: 'GET',
        path: collection,
        query: ['page', 'per_page', 'state', 'revoked'],
        answer: ({ query }) => ({
          status: 200,
          headers: { 'x-total': String(tokens.length) },
          body: pageOf(tokens, query.get('page'), query.get('per_page'), 20, 100),
        }),
      },
      {
        method: 'POST',
        path: collection,
        body: ['name', 'scopes', 'access_level', 'expires_at'],
        answer: create,
      },
      {
        method: 'GET',
        path: one,
        answer: (call) => {
          const token = found(call);
          return token ? { status: 200, body: token } : missing();
        },
      },
      {
        method: 'DELETE',
        path: one,
        answer: (call) => {
          const token = found(call);
          if (!token) return missing();
          Object.assign(token, { revoked: true, active: false });
          return { status: 204 };
        },
      },
    ],
    ({ headers }) => (headers['private-token'] === credential ? null : failure(401, '401 Unauthorized')),
    {
      credential,
      base: '/api/v4',
      settings: { project: '42' },
      mint: to('POST', /access_tokens$/),
      list: to('GET', /access_tokens$/),
      template: { permissions: ['read_api'], expiresAt: '2098-12-31T00:00:00.000Z' },
      stored: () => tokens.filter(({ revoked }) => !revoked).length,
      seed: (name) => void seed(name),
      empty: () => void tokens.splice(0),
    },
  );
}

function failure(status: number, message: string): Reply {
  return { status, body: { message } };
}
