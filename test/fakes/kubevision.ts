/**
 * KubeVision's api-keys, from its public source (August 2026): HTTP 200 for everything, the truth in `code`. Where its
 * documentation differs, `scheme: 'documented'` follows that instead.
 */
import { randomBytes } from 'node:crypto';
import {
  type Complain,
  type Reply,
  segmentsBelow,
  startVendorServer,
  unexpectedFields,
  type VendorServer,
  type WireRequest,
} from './vendor-server.ts';

interface ApiKey {
  id: bigint;
  name: string;
  keyPrefix: string;
  expiresAt: string | null;
  createdAt: string;
}

interface Role {
  readonly role: 'super-admin' | 'admin' | 'viewer';
}

export interface KubeVisionFake extends VendorServer {
  /** An API key of an administrator, and one of somebody who may administer nothing. */
  readonly adminSecret: string;
  readonly viewerSecret: string;
  readonly username: string;
  readonly password: string;
  /** Whether login asks for this code besides. */
  secondFactor: string | null;
  /** Which API-key header counts: the source's `X-API-Key`, or the documentation's `Authorization: ApiKey`. */
  scheme: 'source' | 'documented';
  /** Requests that reached the route that mints, whatever was answered. */
  mintsReceived: number;
  refreshes: number;
  /** Whether a refresh hands out another refresh token and ends the old one. */
  rotatesRefreshTokens: boolean;
  readonly keys: ApiKey[];
  nextId: bigint;
  /** Every access token handed out so far is over. */
  expireAccess(): void;
  /** Every refresh token as well. */
  expireRefresh(): void;
  seed(key?: Partial<ApiKey>): ApiKey;
  /** The refresh token of somebody who has logged in. */
  newLogin(): string;
}

const base = '/api/v1';

export async function kubeVisionFake(): Promise<KubeVisionFake> {
  const access = new Set<string>();
  const refresh = new Set<string>();
  const pending = new Set<string>();
  const keys: ApiKey[] = [];
  let clock = Date.UTC(2026, 7, 1);
  const server = await startVendorServer(handle);
  const fake: KubeVisionFake = Object.assign(server, {
    adminSecret: `kv_${randomBytes(32).toString('hex')}`,
    viewerSecret: `kv_${randomBytes(32).toString('hex')}`,
    username: 'root',
    password: 'correct horse battery',
    secondFactor: null,
    scheme: 'source' as const,
    mintsReceived: 0,
    refreshes: 0,
    rotatesRefreshTokens: false,
    keys,
    nextId: 1n,
    expireAccess: () => access.clear(),
    expireRefresh: () => refresh.clear(),
    newLogin() {
      const refreshToken = `refresh.${randomBytes(12).toString('hex')}`;
      refresh.add(refreshToken);
      return refreshToken;
    },
    seed(key: Partial<ApiKey> = {}) {
      clock += 60_000;
      const made: ApiKey = {
        id: fake.nextId++,
        name: 'seeded',
        keyPrefix: 'kv_0123',
        expiresAt: null,
        createdAt: new Date(clock).toISOString(),
        ...key,
      };
      keys.unshift(made);
      return made;
    },
  });
  return fake;

  function handle(request: WireRequest, complain: Complain): Reply {
    const { method, path, body } = request;
    if ([...request.query].length > 0) complain('no operation takes a query');
    const segments = segmentsBelow(base, path) ?? [];
    const [noun, id, ...rest] = segments;
    const route = `${method} /${segments.join('/')}`;
    if (route.startsWith('POST /auth/')) {
      if (request.headers.authorization || request.headers['x-api-key'])
        complain('a credential has no business at this door');
    }
    if (route === 'POST /auth/login') return login(body, complain);
    if (route === 'POST /auth/2fa/verify') return verify(body, complain);
    if (route === 'POST /auth/refresh') return renew(body, complain);
    if (route === 'POST /api-keys') fake.mintsReceived += 1;
    if (noun !== 'api-keys' || rest.length > 0) {
      complain('there is no such route');
      return { status: 404, body: '404 page not found', headers: { 'content-type': 'text/plain' } };
    }
    const caller = callerOf(request);
    if (caller === 'expired') return failure(40101, 'token expired');
    if (!caller) return failure(40100, 'unauthorized');
    if (caller.role === 'viewer') return failure(40300, 'forbidden');
    if (method === 'GET' && id === undefined) return success(keys);
    if (method === 'POST' && id === undefined) return create(body, complain);
    if (method === 'DELETE' && id !== undefined) return revoke(id, complain);
    complain('there is no such operation');
    return { status: 404, body: '404 page not found', headers: { 'content-type': 'text/plain' } };
  }

  function callerOf({ headers }: WireRequest): Role | 'expired' | null {
    const { authorization = '', 'x-api-key': header } = headers;
    const apiKey = fake.scheme === 'source' ? header : /^ApiKey (.+)$/.exec(authorization)?.[1];
    if (apiKey === fake.adminSecret) return { role: 'admin' };
    if (apiKey === fake.viewerSecret) return { role: 'viewer' };
    const token = /^Bearer (.+)$/.exec(authorization)?.[1];
    if (token === undefined) return null;
    if (access.has(token)) return { role: 'super-admin' };
    return token.startsWith('access.') ? 'expired' : null;
  }

  function tokens(): Reply {
    const accessToken = `access.${randomBytes(12).toString('hex')}`;
    access.add(accessToken);
    return success({
      accessToken,
      refreshToken: fake.newLogin(),
      user: { username: fake.username, role: 'super-admin' },
    });
  }

  function login(body: unknown, complain: Complain): Reply {
    const { username, password } = fieldsOf(body, ['username', 'password'], complain);
    if (!username || !password) return failure(40001, 'username and password are required');
    if (username !== fake.username || password !== fake.password)
      return failure(40100, 'invalid username or password');
    if (fake.secondFactor === null) return tokens();
    const tempToken = `temp.${randomBytes(12).toString('hex')}`;
    pending.add(tempToken);
    return failure(40102, 'two-factor authentication required', { tempToken });
  }

  function verify(body: unknown, complain: Complain): Reply {
    const { tempToken, code } = fieldsOf(body, ['tempToken', 'code'], complain);
    if (!pending.has(String(tempToken))) return failure(40101, 'token expired');
    if (code !== fake.secondFactor) return failure(40103, 'invalid two-factor code');
    pending.delete(String(tempToken));
    return tokens();
  }

  function renew(body: unknown, complain: Complain): Reply {
    fake.refreshes += 1;
    const { refreshToken } = fieldsOf(body, ['refreshToken'], complain);
    if (!refresh.has(String(refreshToken))) return failure(40101, 'token expired');
    if (fake.rotatesRefreshTokens) {
      refresh.delete(String(refreshToken));
      return tokens();
    }
    const accessToken = `access.${randomBytes(12).toString('hex')}`;
    access.add(accessToken);
    return success({ accessToken });
  }

  function create(body: unknown, complain: Complain): Reply {
    const { name, expiresAt } = fieldsOf(body, ['name', 'expiresAt'], complain);
    if (typeof name !== 'string' || name === '') return failure(40002, 'name is required');
    if (expiresAt !== null && !isTime(expiresAt)) return failure(40002, 'expiresAt is invalid');
    const key = `kv_${randomBytes(32).toString('hex')}`;
    const made = fake.seed({
      name,
      keyPrefix: key.slice(0, 10),
      expiresAt: expiresAt as string | null,
      createdAt: new Date().toISOString(),
    });
    return success({ ...made, key });
  }

  function revoke(id: string, complain: Complain): Reply {
    if (!/^\d+$/.test(id)) {
      complain('an id in a path is an integer');
      return failure(40002, 'invalid key id');
    }
    const at = keys.findIndex((key) => key.id === BigInt(id));
    if (at < 0) return failure(40400, 'API key not found or not owned by user');
    keys.splice(at, 1);
    return success(null);
  }
}

function fieldsOf(body: unknown, known: readonly string[], complain: Complain): Record<string, unknown> {
  const fields = typeof body === 'object' && body !== null ? body : {};
  for (const field of unexpectedFields(fields, known)) complain(`'${field}' is no field of this request`);
  return fields as Record<string, unknown>;
}

function isTime(value: unknown): boolean {
  return typeof value === 'string' && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/.test(value);
}

function success(data: unknown): Reply {
  return { status: 200, body: { code: 0, message: 'success', ...(data === null ? {} : { data }), meta: {} } };
}

export function failure(code: number, message: string, data?: unknown): Reply {
  const meta = { requestId: `req-${randomBytes(4).toString('hex')}` };
  return { status: 200, body: { code, message, ...(data === undefined ? {} : { data }), meta } };
}
