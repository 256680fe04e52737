/**
 * Zabbix's API tokens over JSON-RPC, from what 6.0.14 answered to real requests: HTTP 200 for every error, one transaction a
 * call, all values as text. `version` 6.4 and later take the credential from the header; 7.2 refuses it in the body.
 */
import { randomBytes } from 'node:crypto';
import {
  type Complain,
  type Reply,
  startVendorServer,
  type VendorServer,
  type WireRequest,
} from './vendor-server.ts';

interface Token {
  tokenid: bigint;
  name: string;
  description: string;
  userid: string;
  lastaccess: number;
  status: number;
  expires_at: number;
  created_at: number;
  /** What the secret is; never shown. */
  secret: string | null;
}

export interface ZabbixFake extends VendorServer {
  readonly username: string;
  readonly password: string;
  /** A super admin's session, as a login gives it, and the secret of a token of somebody who may see nobody else's. */
  readonly session: string;
  readonly memberSecret: string;
  version: string;
  readonly tokens: Token[];
  nextId: bigint;
  seed(token?: Partial<Token>): Token;
  /** How often a method was asked for, whatever was answered. */
  asked(method: string): number;
}

interface Caller {
  readonly userid: string;
  readonly superAdmin: boolean;
}

const usernames: Readonly<Record<string, string>> = { 1: 'Admin', 2: 'guest', 3: 'bob' };
const columns = [
  'name',
  'description',
  'userid',
  'lastaccess',
  'status',
  'expires_at',
  'created_at',
] as const;
const noObject = 'No permissions to referred object or it does not exist!';

class Refusal {
  readonly code: number;
  readonly data: string;
  constructor(code: number, data: string) {
    this.code = code;
    this.data = data;
  }
}

export async function zabbixFake(): Promise<ZabbixFake> {
  const session = randomBytes(16).toString('hex');
  const memberSecret = randomBytes(32).toString('hex');
  const tokens: Token[] = [];
  const server = await startVendorServer(handle);
  const fake: ZabbixFake = Object.assign(server, {
    username: 'Admin',
    password: 'zabbix',
    session,
    memberSecret,
    version: '6.0.14',
    tokens,
    nextId: 1n,
    seed(token: Partial<Token> = {}) {
      const made: Token = {
        tokenid: fake.nextId++,
        name: 'seeded',
        description: '',
        userid: '1',
        lastaccess: 0,
        status: 0,
        expires_at: 0,
        created_at: seconds(),
        secret: null,
        ...token,
      };
      tokens.push(made);
      return made;
    },
    asked: (method: string) => server.requests.filter(asks(method)).length,
  });
  return fake;

  function handle(request: WireRequest, complain: Complain): Reply {
    const { method, path, query, body } = request;
    if (method !== 'POST' || path !== '/api_jsonrpc.php' || [...query].length > 0) {
      complain('there is one address, and one method');
      return { status: 404, body: 'no such file', headers: { 'content-type': 'text/html' } };
    }
    const call = (typeof body === 'object' && body !== null ? body : {}) as Record<string, unknown>;
    try {
      return { status: 200, body: { jsonrpc: '2.0', result: answer(request, call, complain), id: call.id } };
    } catch (error) {
      if (error instanceof Refusal) return failure(error.code, error.data);
      throw error;
    }
  }

  function answer({ headers }: WireRequest, call: Record<string, unknown>, complain: Complain): unknown {
    const { jsonrpc, method, params, auth, id, ...others } = call;
    const [extra] = Object.keys(others);
    if (extra) throw new Refusal(-32600, `Invalid parameter "/": unexpected parameter "${extra}".`);
    if (jsonrpc !== '2.0' || id === undefined || typeof params !== 'object')
      complain('that is no JSON-RPC 2.0');
    if (auth !== undefined && isBelow(fake.version, 6, 4) === false)
      complain('the credential belongs in the header');
    if (headers.authorization !== undefined && isBelow(fake.version, 6, 4))
      complain('no header is read here');
    const bearer = /^Bearer (.+)$/.exec(headers.authorization ?? '')?.[1];
    const credential = isBelow(fake.version, 6, 4) ? auth : bearer;
    const open = ['apiinfo.version', 'user.login', 'user.checkAuthentication'].includes(String(method));
    if (open && credential !== undefined)
      throw new Refusal(-32602, `The "${method}" method must be called without the "auth" parameter.`);
    const fields = params as Record<string, unknown>;
    switch (method) {
      case 'apiinfo.version':
        return fake.version;
      case 'user.login':
        return login(only(fields, ['username', 'password']));
      case 'user.checkAuthentication':
        return checkAuthentication(only(fields, ['sessionid', 'extend']));
    }
    const caller = callerOf(credential);
    switch (method) {
      case 'user.get':
        return users(only(fields, ['output', 'userids', 'filter']), caller);
      case 'token.get':
        return find(
          only(fields, ['output', 'tokenids', 'token', 'sortfield', 'sortorder', 'filter']),
          caller,
        );
      case 'token.create':
        return create(only(fields, ['name', 'description', 'userid', 'expires_at', 'status'], '/1'), caller);
      case 'token.update':
        return update(only(fields, ['tokenid', 'name', 'description', 'expires_at', 'status'], '/1'), caller);
      case 'token.generate':
        return seen(params, caller).map((token) => {
          token.secret = randomBytes(32).toString('hex');
          return { tokenid: String(token.tokenid), token: token.secret };
        });
      case 'token.delete':
        return {
          tokenids: seen(params, caller).map((token) => {
            tokens.splice(tokens.indexOf(token), 1);
            return String(token.tokenid);
          }),
        };
      default:
        complain(`there is no method ${method}`);
        throw new Refusal(-32601, `Incorrect method "${method}".`);
    }
  }

  function login({ username, password }: Record<string, unknown>): string {
    if (username === fake.username && password === fake.password) return session;
    throw new Refusal(-32500, 'Incorrect user name or password or account is temporarily blocked.');
  }

  function checkAuthentication({ sessionid }: Record<string, unknown>): unknown {
    if (sessionid === session) return { userid: '1', username: 'Admin', autologout: '0', type: 3, sessionid };
    throw new Refusal(-32602, 'Session terminated, re-login, please.');
  }

  function callerOf(credential: unknown): Caller {
    if (credential === undefined || credential === '') throw new Refusal(-32602, 'Not authorized.');
    if (credential === session) return { userid: '1', superAdmin: true };
    if (credential === memberSecret) return { userid: '3', superAdmin: false };
    if (String(credential).length !== 64) throw new Refusal(-32602, 'Session terminated, re-login, please.');
    const token = tokens.find(({ secret, status }) => secret === credential && status === 0);
    if (!token) throw new Refusal(-32602, 'Not authorized.');
    if (token.expires_at !== 0 && token.expires_at < seconds())
      throw new Refusal(-32500, 'API token expired.');
    token.lastaccess = seconds();
    return { userid: token.userid, superAdmin: token.userid === '1' };
  }

  function users({ userids, filter }: Record<string, unknown>, { userid, superAdmin }: Caller): unknown {
    const wanted = (filter as { username?: string[] } | undefined)?.username;
    return Object.entries(usernames)
      .map(([id, username]) => ({ userid: id, username }))
      .filter((user) => superAdmin || user.userid === userid)
      .filter((user) => (userids as string[] | undefined)?.includes(user.userid) ?? true)
      .filter((user) => wanted?.includes(user.username) ?? true);
  }

  function visible({ userid, superAdmin }: Caller): Token[] {
    return tokens.filter((token) => superAdmin || token.userid === userid);
  }

  function seen(params: unknown, caller: Caller): Token[] {
    if (!Array.isArray(params) || params.length === 0 || !params.every((id) => /^\d+$/.test(String(id))))
      throw new Refusal(-32602, 'Invalid parameter "/": cannot be empty.');
    const found = visible(caller).filter(({ tokenid }) => params.map(String).includes(String(tokenid)));
    if (found.length !== params.length) throw new Refusal(-32500, noObject);
    return found;
  }

  function find({ tokenids, token: secret, sortorder }: Record<string, unknown>, caller: Caller): unknown {
    const found = visible(caller)
      .filter(({ tokenid }) => (tokenids as string[] | undefined)?.includes(String(tokenid)) ?? true)
      .filter((token) => secret === undefined || token.secret === secret);
    if (sortorder === 'DESC') found.reverse();
    return found.map((token) => ({
      tokenid: String(token.tokenid),
      ...Object.fromEntries(columns.map((column) => [column, String(token[column])])),
      creator_userid: '1',
    }));
  }

  function checked(fields: Record<string, unknown>, userid: string, former?: Token): Partial<Token> {
    const { name, description, expires_at, status } = fields;
    if (name === '') throw new Refusal(-32602, 'Invalid parameter "/1/name": cannot be empty.');
    if (String(name ?? '').length > 64)
      throw new Refusal(-32602, 'Invalid parameter "/1/name": value is too long.');
    if (expires_at !== undefined && !Number.isInteger(expires_at))
      throw new Refusal(-32602, 'Invalid parameter "/1/expires_at": an integer is expected.');
    if (Number(expires_at ?? 0) >= 2 ** 31)
      throw new Refusal(-32602, 'Invalid parameter "/1/expires_at": a number is too large.');
    if (status !== undefined && status !== 0 && status !== 1)
      throw new Refusal(-32602, 'Invalid parameter "/1/status": value must be one of 0, 1.');
    if (tokens.some((token) => token !== former && token.name === name && token.userid === userid))
      throw new Refusal(-32602, `API token "${name}" already exists for userid "${userid}".`);
    const given = { name, description, expires_at, status } as Partial<Token>;
    return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  }

  function create(fields: Record<string, unknown>, caller: Caller): unknown {
    if (fields.name === undefined)
      throw new Refusal(-32602, 'Invalid parameter "/1": the parameter "name" is missing.');
    const userid = String(fields.userid ?? caller.userid);
    if (!(userid in usernames) || (userid !== caller.userid && !caller.superAdmin))
      throw new Refusal(-32602, `User with ID "${userid}" is not available.`);
    return { tokenids: [String(fake.seed({ ...checked(fields, userid), userid }).tokenid)] };
  }

  function update(fields: Record<string, unknown>, caller: Caller): unknown {
    const [token] = seen([fields.tokenid], caller);
    if (token) Object.assign(token, checked(fields, token.userid, token));
    return { tokenids: [fields.tokenid] };
  }
}

export function asks(method: string): (request: WireRequest) => boolean {
  return ({ body }) => (body as { method?: unknown } | undefined)?.method === method;
}

export function failure(code: number, data: string): Reply {
  const message = code === -32500 ? 'Application error.' : 'Invalid params.';
  return { status: 200, body: { jsonrpc: '2.0', error: { code, message, data }, id: 1 } };
}

function only(
  fields: Record<string, unknown>,
  known: readonly string[],
  place = '/',
): Record<string, unknown> {
  const extra = Object.keys(fields).find((field) => !known.includes(field));
  if (extra) throw new Refusal(-32602, `Invalid parameter "${place}": unexpected parameter "${extra}".`);
  return fields;
}

function isBelow(version: string, major: number, minor: number): boolean {
  const [itsMajor = 0, itsMinor = 0] = version.split('.').map(Number);
  return itsMajor < major || (itsMajor === major && itsMinor < minor);
}

function seconds(): number {
  return Math.floor(Date.now() / 1000);
}
