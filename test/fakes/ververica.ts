/**
 * Ververica Platform's apitokens/v1, from the vendor's swagger 2.0 file (2.0.0) and the behaviour that its public clients
 * rely on: four operations, qualified names in bodies, short ones in paths.
 */
import { randomUUID } from 'node:crypto';
import {
  type Complain,
  type Reply,
  segmentsBelow,
  startVendorServer,
  unexpectedFields,
  type VendorServer,
  type WireRequest,
} from './vendor-server.ts';

interface ApiToken {
  name: string;
  role: string;
  createTime: string;
}

export interface VervericaFake extends VendorServer {
  /** Secret of a caller with the role owner in every namespace. */
  readonly ownerSecret: string;
  /** Secret of a caller with the role viewer. */
  readonly viewerSecret: string;
  /** Requests that reached the route that mints, whatever was answered. */
  mintsReceived: number;
  /** Tokens by qualified name. */
  readonly tokens: Map<string, ApiToken>;
  /** What `/swagger.json` answers; absent like the document of an installation that hides it. */
  swagger?: unknown;
  /** Puts a token there without a request. */
  seed(namespace: string, name: string, token?: Partial<ApiToken>): void;
}

const base = '/apitokens/v1/namespaces';
const nameRule = /^(?!-)[-0-9a-z]{1,63}(?<!-)$/;

export async function ververicaFake(namespaces: readonly string[] = ['default']): Promise<VervericaFake> {
  const tokens = new Map<string, ApiToken>();
  const server = await startVendorServer(handle);
  const fake: VervericaFake = Object.assign(server, {
    ownerSecret: randomUUID(),
    viewerSecret: randomUUID(),
    mintsReceived: 0,
    tokens,
    seed(namespace: string, name: string, token: Partial<ApiToken> = {}) {
      const qualified = `namespaces/${namespace}/apitokens/${name}`;
      tokens.set(qualified, {
        name: qualified,
        role: 'viewer',
        createTime: '2026-01-02T03:04:05Z',
        ...token,
      });
    },
  });
  return fake;

  function handle(request: WireRequest, complain: Complain): Reply {
    const { method, path } = request;
    if (method === 'GET' && path === '/swagger.json')
      return fake.swagger === undefined ? failure(404, 'not found') : { status: 200, body: fake.swagger };
    const [namespace, noun, name, ...rest] = segmentsBelow(base, path) ?? [];
    if (namespace === undefined || noun !== 'apitokens' || rest.length > 0) {
      complain('there is no such route');
      return failure(404, 'not found');
    }
    if ([...request.query].length > 0) complain('no operation takes a query');
    if (method === 'POST' && name === undefined) fake.mintsReceived += 1;
    const caller = callerOf(request, complain);
    if (!caller) return failure(401, 'unauthenticated');
    if (!namespaces.includes(namespace)) return failure(404, `namespace ${namespace} not found`);
    const qualified = `namespaces/${namespace}/apitokens/${name}`;
    if (method === 'GET' && name === undefined) return list(namespace);
    if (method === 'POST' && name === undefined) {
      return caller === 'owner'
        ? create(namespace, request.body, complain)
        : failure(403, 'permission denied');
    }
    if (name?.includes('/')) complain('the name in a path is the short one');
    if (method === 'GET') {
      const found = tokens.get(qualified);
      return found ? { status: 200, body: { apiToken: found } } : failure(404, `${qualified} not found`);
    }
    if (method === 'DELETE') {
      if (caller !== 'owner') return failure(403, 'permission denied');
      return tokens.delete(qualified) ? { status: 200, body: {} } : failure(404, `${qualified} not found`);
    }
    complain('there is no such operation');
    return failure(405, 'method not allowed');
  }

  function callerOf({ headers }: WireRequest, complain: Complain): 'owner' | 'viewer' | null {
    if (headers['x-api-key']) complain('X-API-Key is no scheme of this service');
    if (headers.authorization === `Bearer ${fake.ownerSecret}`) return 'owner';
    return headers.authorization === `Bearer ${fake.viewerSecret}` ? 'viewer' : null;
  }

  function list(namespace: string): Reply {
    const found = [...tokens.values()].filter(({ name }) => name.startsWith(`namespaces/${namespace}/`));
    return { status: 200, body: { apiTokens: found } };
  }

  function create(namespace: string, body: unknown, complain: Complain): Reply {
    if (typeof body !== 'object' || body === null) return failure(400, 'a body is needed');
    for (const field of unexpectedFields(body, ['name', 'role']))
      complain(`'${field}' is not for a client to set`);
    const { name, role } = body as Record<string, unknown>;
    if (typeof name !== 'string' || typeof role !== 'string') return failure(400, 'name and role are needed');
    const [prefix, ns, noun, short = '', ...rest] = name.split('/');
    if (prefix !== 'namespaces' || noun !== 'apitokens' || rest.length > 0) {
      complain(`the name in a body is qualified, not '${name}'`);
      return failure(400, 'invalid name');
    }
    if (ns !== namespace) return failure(400, 'the name is of another namespace');
    if (!nameRule.test(short)) return failure(400, 'invalid name');
    if (!['viewer', 'editor', 'owner'].includes(role)) return failure(400, 'invalid role');
    if (tokens.has(name)) return failure(409, `${name} already exists`);
    const token: ApiToken = { name, role, createTime: `${new Date().toISOString().slice(0, -1)}745Z` };
    tokens.set(name, token);
    return { status: 200, body: { apiToken: { ...token, secret: randomUUID() } } };
  }
}

function failure(status: number, message: string): Reply {
  return { status, body: { message } };
}
