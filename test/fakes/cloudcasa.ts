/**
 * CloudCasa's apikeys, from the vendor's OpenAPI 3.0.0 document (2023), its API guide and its end-to-end tests; a Python Eve
 * server. What the vendor does not publish is made up here and said to be: the field of the secret, the answer to a key too
 * many, and what a refused field is answered with.
 */
import { createHash, randomBytes } from 'node:crypto';
import {
  type Complain,
  type Reply,
  segmentsBelow,
  startVendorServer,
  unexpectedFields,
  type VendorServer,
  type WireRequest,
} from './vendor-server.ts';

type Document = Record<string, unknown> & { _id: string; _etag: string; _created: string };

export interface CloudCasaFake extends VendorServer {
  readonly adminSecret: string;
  /** Requests that reached the route that mints, whatever was answered. */
  mintsReceived: number;
  readonly keys: Map<string, Document>;
  /** Where the secret stands in the answer to a create; the vendor does not say. */
  secretField: string;
  maxKeys: number;
  /** What a key too many is answered with; the vendor does not say. */
  quotaReply: Reply;
  /** Puts a key there without a request. */
  seed(fields?: Record<string, unknown>): Document;
  /** Changes a key behind the client's back. */
  touch(id: string): void;
  roleId(name: string): string;
}

const base = '/api/v1';
const writable = ['name', 'description', 'tags', 'cc_user_email', 'snippet', 'org_role', 'acls'];

export async function cloudCasaFake(): Promise<CloudCasaFake> {
  const keys = new Map<string, Document>();
  const roles = ['Backup Admin', 'Cluster Viewer', 'Restore Operator'].map((name) => ({
    _id: objectId(),
    name,
    description: `${name} role`,
    permissions: ['kubeclusters.get'],
    type: 'BUILTIN',
  }));
  let clock = Date.UTC(2026, 0, 1);
  const server = await startVendorServer(handle);
  const fake: CloudCasaFake = Object.assign(server, {
    adminSecret: randomBytes(24).toString('base64url'),
    mintsReceived: 0,
    keys,
    secretField: 'apikey',
    maxKeys: 10,
    quotaReply: failure(422, 'maximum number of API keys reached'),
    seed: (fields: Record<string, unknown> = {}) => store({ name: 'seeded', snippet: 'ab12', ...fields }),
    touch(id: string) {
      const found = keys.get(id);
      if (found) found._etag = etagOf({ ...found, again: randomBytes(4).toString('hex') });
    },
    roleId: (name: string) => roles.find((role) => role.name === name)?._id ?? `no role ${name}`,
  });
  return fake;

  function store(fields: Record<string, unknown>): Document {
    clock += 60_000;
    const document = {
      org_role: 'USER',
      acls: [],
      cc_user_email: 'admin@example.com',
      ...fields,
      _id: objectId(),
      _created: new Date(clock).toUTCString(),
      _updated: new Date(clock).toUTCString(),
      _etag: '',
    };
    document._etag = etagOf(document);
    keys.set(document._id, document);
    return document;
  }

  function handle(request: WireRequest, complain: Complain): Reply {
    const { method, path, headers } = request;
    const [noun, id, action, verb, ...rest] = segmentsBelow(base, path) ?? [];
    if (method === 'POST' && noun === 'apikeys' && id === undefined) fake.mintsReceived += 1;
    if (!headers.accept?.includes('application/json')) complain('Accept: application/json is missing');
    if (headers.authorization !== `Bearer ${fake.adminSecret}`)
      return failure(401, 'Please provide proper credentials');
    if (rest.length === 0 && noun === 'roles' && method === 'GET' && id === undefined)
      return page(request, roles);
    if (rest.length > 0 || noun !== 'apikeys' || (action !== undefined && verb !== 'update-acls')) {
      complain('there is no such route');
      return failure(404, 'The requested URL was not found on the server.');
    }
    if (id === undefined) {
      if (method === 'GET') return page(request, [...keys.values()]);
      if (method === 'POST') return create(request.body, complain);
      complain('there is no such operation');
      return failure(405, 'The method is not allowed for the requested URL.');
    }
    const found = keys.get(id);
    if (!found) return failure(404, 'The requested URL was not found on the server.');
    if (method === 'GET' && action === undefined) return { status: 200, body: found };
    if (method === 'POST' && action === 'action') return replaceAcls(found, request.body, complain);
    const etag = headers['if-match'];
    if (etag === undefined)
      return failure(428, 'To edit a document its etag must be provided using the If-Match header');
    if (/["*]/.test(etag)) complain(`the etag travels unquoted, not as ${etag}`);
    if (etag !== found._etag) return failure(412, "Client and server etags don't match");
    if (method === 'DELETE') {
      keys.delete(id);
      return { status: 204 };
    }
    if (method === 'PATCH') return change(found, { ...found }, request.body, complain);
    if (method === 'PUT') return change(found, {}, request.body, complain);
    complain('there is no such operation');
    return failure(405, 'The method is not allowed for the requested URL.');
  }

  function create(body: unknown, complain: Complain): Reply {
    const wrong = problemOf(body, complain, true);
    if (wrong) return failure(422, wrong);
    if (keys.size >= fake.maxKeys) return fake.quotaReply;
    const secret = `cc_${randomBytes(24).toString('base64url')}`;
    const document = store({ ...(body as object), snippet: secret.slice(-4) });
    return {
      status: 201,
      headers: { location: `${server.url}${base}/apikeys/${document._id}` },
      body: { ...document, _status: 'OK', [fake.secretField]: secret },
    };
  }

  function change(found: Document, from: object, body: unknown, complain: Complain): Reply {
    const wrong = problemOf(body, complain, false);
    if (wrong) return failure(422, wrong);
    clock += 1_000;
    const { _id, _created } = found;
    const _updated = new Date(clock).toUTCString();
    const changed: Document = { ...from, ...(body as object), _id, _created, _updated, _etag: '' };
    changed._etag = etagOf(changed);
    keys.set(found._id, changed);
    return { status: 200, body: { ...changed, _status: 'OK' } };
  }

  function replaceAcls(found: Document, body: unknown, complain: Complain): Reply {
    const acls = (body as { acls?: unknown } | undefined)?.acls;
    return acls === undefined
      ? failure(422, 'acls: required field')
      : change(found, found, { acls }, complain);
  }

  function problemOf(body: unknown, complain: Complain, creating: boolean): string | null {
    if (typeof body !== 'object' || body === null) return 'a body is needed';
    for (const field of unexpectedFields(body, writable)) {
      complain(`'${field}' is not for a client to set`);
      return `${field}: unknown field`;
    }
    const {
      name,
      description = '',
      tags = {},
      org_role = 'USER',
      acls = [],
    } = body as Record<string, unknown>;
    if (name === undefined ? creating : typeof name !== 'string' || name === '' || [...name].length > 128)
      return 'name: 1 to 128 characters';
    if (typeof description !== 'string') return 'description: must be of string type';
    if (typeof tags !== 'object' || tags === null) return 'tags: must be of dict type';
    if (org_role !== 'USER' && org_role !== 'ADMIN') return `org_role: unallowed value ${String(org_role)}`;
    if (!Array.isArray(acls)) return 'acls: must be of list type';
    return acls.map(aclProblem).find((problem) => problem !== null) ?? null;
  }

  function aclProblem(acl: Record<string, unknown>): string | null {
    const [field] = unexpectedFields(acl, ['resource', 'resourceIds', 'permissions', 'roles']);
    if (field) return `acls.${field}: unknown field`;
    if (typeof acl.resource !== 'string') return 'acls.resource: required field';
    if (!acl.permissions && !acl.roles) return 'acls: permissions or roles must be given';
    const unknown = ((acl.roles ?? []) as string[]).find((id) => !roles.some((role) => role._id === id));
    return unknown ? `acls.roles: value '${unknown}' must exist` : null;
  }
}

/** One page of documents, by `where`, `sort`, `page` and `max_results`. */
function page({ query }: WireRequest, all: Record<string, unknown>[]): Reply {
  const where = JSON.parse(query.get('where') ?? '{}') as Record<string, unknown>;
  const sort = query.get('sort') ?? '';
  const size = Number(query.get('max_results') ?? 25);
  const number = Number(query.get('page') ?? 1);
  const fitting = all.filter((one) => Object.entries(where).every(([field, value]) => one[field] === value));
  const field = sort.replace(/^-/, '');
  if (field) {
    const value = (one: Record<string, unknown>) =>
      field.startsWith('_') ? Date.parse(String(one[field])) : String(one[field]);
    fitting.sort((a, b) => (value(a) < value(b) ? -1 : 1) * (sort.startsWith('-') ? -1 : 1));
  }
  const start = (number - 1) * size;
  return {
    status: 200,
    body: {
      _items: fitting.slice(start, start + size),
      _meta: { page: number, max_results: size, total: fitting.length },
      _links: { self: { href: 'apikeys', title: 'apikeys' } },
    },
  };
}

function failure(code: number, message: string): Reply {
  return { status: code, body: { _status: 'ERR', _error: { code, message } } };
}

function etagOf(document: object): string {
  return createHash('sha1').update(JSON.stringify(document)).digest('hex');
}

function objectId(): string {
  return randomBytes(12).toString('hex');
}
