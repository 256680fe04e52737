/** Cloudflare's user API tokens, from its API reference (user/tokens: create, list, roll; the rest as those pages describe it). */
import { to } from '../mishaps.ts';
import type { Reply } from '../vendor-server.ts';
import { type ExampleFake, hex, pageOf, type RouteCall, startExample, textIn } from './example.ts';

interface Token {
  id: string;
  name: string;
  status: 'active' | 'disabled';
  issued_on: string;
  modified_on: string;
  last_used_on: string | null;
  expires_on?: string;
  policies: unknown[];
  condition?: unknown;
}

const base = '/client/v4/user/tokens';
const collection = new RegExp(`^${base}$`);
const one = new RegExp(`^${base}/(?!verify$)([^/]+)$`);
const fields = ['name', 'policies', 'condition', 'not_before', 'expires_on'];

export async function cloudflareFake(): Promise<ExampleFake> {
  const tokens: Token[] = [];
  const credential = hex(40);
  const secrets = new Map<string, string>([[credential, '']]);
  let ticks = 0;
  const now = () => new Date(1_760_000_000_000 + ticks++ * 1_000).toISOString();

  function seed(name: string, token: Partial<Token> = {}): Token {
    const at = now();
    const made: Token = {
      id: hex(32),
      name,
      status: 'active',
      issued_on: at,
      modified_on: at,
      last_used_on: null,
      policies: [policy],
      ...token,
    };
    tokens.push(made);
    return made;
  }

  function shown(token: Token) {
    const expired = token.expires_on !== undefined && Date.parse(token.expires_on) <= Date.now();
    return { ...token, status: expired ? 'expired' : token.status };
  }

  function problem(body: Record<string, unknown>): Reply | null {
    const { name, policies, expires_on: expires } = body;
    if (typeof name !== 'string' || name === '' || name.length > 120)
      return failure(400, 'Invalid token name');
    const sound = (
      policies as { effect?: string; permission_groups?: { id?: string }[]; resources?: object }[] | undefined
    )?.every(
      ({ effect, permission_groups: groups, resources }) =>
        effect === 'allow' &&
        groups?.every(({ id }) => /^[0-9a-f]{32}$/.test(id ?? '')) &&
        Object.keys(resources ?? {}).length > 0,
    );
    if (!sound || (policies as []).length === 0) return failure(400, 'Invalid policies');
    if (expires !== undefined && (typeof expires !== 'string' || Number.isNaN(Date.parse(expires))))
      return failure(400, 'Invalid expires_on');
    return null;
  }

  const found = ({ parts: [id] }: RouteCall) => tokens.find((token) => token.id === id);
  const missing = () => failure(404, 'Token not found');

  function mintedFor(token: Token): string {
    const secret = hex(40);
    for (const [old, id] of secrets) if (id === token.id) secrets.delete(old);
    secrets.set(secret, token.id);
    return secret;
  }

  return startExample(
    [
      {
        method: 'GET',
        path: collection,
        query: ['page', 'per_page', 'direction'],
        answer: ({ query }) => {
          const page = pageOf(tokens, query.get('page'), query.get('per_page'), 20, 50).map(shown);
          return ok(page, {
            result_info: {
              count: page.length,
              page: Number(query.get('page') ?? 1),
              total_count: tokens.length,
            },
          });
        },
      },
      {
        method: 'POST',
        path: collection,
        body: fields,
        answer: ({ body }) => {
          const wrong = problem(body);
          if (wrong) return wrong;
          const token = seed(textIn(body, 'name') ?? '', body as Partial<Token>);
          return ok({ ...shown(token), value: mintedFor(token) });
        },
      },
      {
        method: 'GET',
        path: new RegExp(`^${base}/verify$`),
        answer: ({ request }) => {
          const id = secrets.get(request.headers.authorization?.slice('Bearer '.length) ?? '');
          const token = tokens.find((each) => each.id === id);
          if (token) token.last_used_on = now();
          return ok({ id: token?.id ?? 'own', status: token ? shown(token).status : 'active' });
        },
      },
      {
        method: 'GET',
        path: one,
        answer: (call) => {
          const token = found(call);
          return token ? ok(shown(token)) : missing();
        },
      },
      {
        method: 'PUT',
        path: one,
        body: [...fields, 'status'],
        answer: (call) => {
          const token = found(call);
          if (!token) return missing();
          const wrong = problem(call.body);
          if (wrong) return wrong;
          if (!['active', 'disabled'].includes(String(call.body.status ?? 'active')))
            return failure(400, 'Invalid status');
          delete token.expires_on;
          Object.assign(token, call.body, { modified_on: now() });
          return ok(shown(token));
        },
      },
      {
        method: 'PUT',
        path: new RegExp(`^${base}/([^/]+)/value$`),
        body: [],
        answer: (call) => {
          const token = found(call);
          return token ? ok(mintedFor(token)) : missing();
        },
      },
      {
        method: 'DELETE',
        path: one,
        answer: (call) => {
          const token = found(call);
          if (!token) return missing();
          tokens.splice(tokens.indexOf(token), 1);
          for (const [secret, id] of secrets) if (id === token.id) secrets.delete(secret);
          return ok({ id: token.id });
        },
      },
    ],
    ({ headers, path }) => {
      const secret = headers.authorization?.slice('Bearer '.length) ?? '';
      if (secret === credential || (path.endsWith('/verify') && secrets.has(secret))) return null;
      return failure(401, 'Invalid API Token');
    },
    {
      credential,
      base: '/client/v4',
      mint: to('POST', /tokens$/),
      list: to('GET', /tokens$/),
      template: { permissions: ['c8fed203ed3043cba015a93ad1616f1f'] },
      stored: () => tokens.length,
      seed: (name) => void seed(name),
      empty: () => void tokens.splice(0),
    },
  );
}

const policy = {
  id: 'f267e341f3dd4697bd3b9f71dd96247f',
  effect: 'allow',
  permission_groups: [{ id: 'c8fed203ed3043cba015a93ad1616f1f', name: 'Zone Read' }],
  resources: { 'com.cloudflare.api.account.zone.*': '*' },
};

function ok(result: unknown, more: object = {}): Reply {
  return { status: 200, body: { success: true, errors: [], messages: [], result, ...more } };
}

function failure(status: number, message: string): Reply {
  return { status, body: { success: false, errors: [{ code: 1000, message }], messages: [], result: null } };
}
