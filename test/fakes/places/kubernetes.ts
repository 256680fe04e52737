/**
 * A cluster's Secrets in the namespace `shop`, over TLS on a loopback port, after "Kubernetes API Concepts" and the API reference of Secret (core/v1) and
 * SelfSubjectAccessReview (authorization.k8s.io/v1). It asks for a token or a client certificate.
 */
import type { ServerResponse } from 'node:http';
import type { TLSSocket } from 'node:tls';
import { type Authority, newAuthority, type Pair } from '../certificates.ts';
import { json, type Reply, scriptedService } from '../wire.ts';

export interface StoredSecret {
  apiVersion: 'v1';
  kind: 'Secret';
  metadata: { name: string; namespace: string; resourceVersion: string; labels?: Record<string, string> };
  type: string;
  immutable?: boolean;
  data: Record<string, string>;
}

export interface FakeCluster {
  readonly url: string;
  readonly token: string;
  readonly authority: Authority;
  /** A client's certificate that the cluster accepts. */
  readonly client: Pair;
  readonly secrets: Map<string, StoredSecret>;
  /** Verbs that the caller may use on secrets. */
  readonly allowed: Set<string>;
  readonly asked: readonly { method: string; url: string; body: string }[];
  readonly next: (Reply | null)[];
  add(name: string, data: Record<string, string>, more?: Partial<StoredSecret>): StoredSecret;
}

export async function fakeCluster(): Promise<FakeCluster> {
  const authority = newAuthority();
  const server = authority.issue('IP:127.0.0.1');
  const token = 'eyJhbGciOi.test.0123456789';
  const secrets = new Map<string, StoredSecret>();
  const allowed = new Set(['get', 'create', 'patch']);
  const next: (Reply | null)[] = [];
  let lastVersion = 1000;
  const tls = {
    cert: server.cert,
    key: server.key,
    ca: authority.cert,
    requestCert: true,
    rejectUnauthorized: false,
  };
  const service = await scriptedService(
    (response, asked) => (next.shift() ?? answer(asked, response))(response, asked),
    tls,
  );

  const failed = (code: number, reason: string, message: string) =>
    json(code, { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, reason, code });

  function answer({ method, url, headers, body }: Parameters<Reply>[1], { socket }: ServerResponse): Reply {
    const certified = (socket as TLSSocket).authorized;
    if (!certified && headers.authorization !== `Bearer ${token}`)
      return failed(401, 'Unauthorized', 'Unauthorized');
    const { pathname, searchParams } = new URL(url, service.url);
    if (pathname === '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews' && method === 'POST')
      return review(body);
    const [, namespace, name] =
      /^\/api\/v1\/namespaces\/([^/]+)\/secrets(?:\/([^/]+))?$/.exec(pathname) ?? [];
    if (!namespace) return failed(404, 'NotFound', 'the server could not find the requested resource');
    const verb = { GET: 'get', POST: 'create', PATCH: 'patch' }[method] ?? method;
    if (!allowed.has(verb)) {
      return failed(
        403,
        'Forbidden',
        `secrets is forbidden: User "test" cannot ${verb} resource "secrets" in the namespace "${namespace}"`,
      );
    }
    const dryRun = searchParams.get('dryRun') === 'All';
    if (method === 'POST' && !name) return create(namespace, body, dryRun);
    const found = secrets.get(`${namespace}/${name}`);
    if (!found) return failed(404, 'NotFound', `secrets "${name}" not found`);
    if (method === 'GET') return json(200, found);
    if (method === 'PATCH') return patch(found, headers['content-type'], body, dryRun);
    return failed(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource');
  }

  function review(body: string): Reply {
    const sent = JSON.parse(body) as { kind: string; spec: { resourceAttributes: Record<string, string> } };
    const { namespace, verb = '', group, resource } = sent.spec.resourceAttributes;
    if (sent.kind !== 'SelfSubjectAccessReview' || !namespace || group !== '' || resource !== 'secrets') {
      return failed(400, 'BadRequest', 'the review makes no sense');
    }
    return json(201, { ...sent, status: { allowed: allowed.has(verb), reason: '' } });
  }

  function create(namespace: string, body: string, dryRun: boolean): Reply {
    const sent = JSON.parse(body) as StoredSecret;
    if (namespace !== 'shop') return failed(404, 'NotFound', `namespaces "${namespace}" not found`);
    if (sent.apiVersion !== 'v1' || sent.kind !== 'Secret')
      return failed(400, 'BadRequest', 'the object is no Secret');
    const { name } = sent.metadata;
    if (secrets.has(`${namespace}/${name}`))
      return failed(409, 'AlreadyExists', `secrets "${name}" already exists`);
    const problem = problemOf(sent.data);
    if (problem) return problem;
    return json(201, dryRun ? sent : add(name, sent.data, { type: sent.type }));
  }

  function patch(found: StoredSecret, type: string | undefined, body: string, dryRun: boolean): Reply {
    if (type !== 'application/merge-patch+json')
      return failed(415, 'UnsupportedMediaType', 'the body of the request was in an unknown format');
    const { metadata, data = {}, ...rest } = JSON.parse(body) as Partial<StoredSecret>;
    if (Object.keys(rest).length > 0) return failed(422, 'Invalid', 'the test expects a patch of data only');
    if (metadata?.resourceVersion !== found.metadata.resourceVersion) {
      return failed(
        409,
        'Conflict',
        'the object has been modified; please apply your changes to the latest version and try again',
      );
    }
    if (found.immutable)
      return failed(422, 'Invalid', 'data: Forbidden: field is immutable when `immutable` is set');
    const problem = problemOf(data);
    if (problem) return problem;
    if (dryRun) return json(200, { ...found, data: { ...found.data, ...data } });
    Object.assign(found.data, data);
    lastVersion += 1;
    found.metadata.resourceVersion = String(lastVersion);
    return json(200, found);
  }

  function problemOf(data: Record<string, string>): Reply | null {
    const wrong = Object.values(data).find(
      (value) => Buffer.from(value, 'base64').toString('base64') !== value,
    );
    return wrong === undefined ? null : failed(400, 'BadRequest', 'illegal base64 data at input byte 0');
  }

  function add(name: string, data: Record<string, string>, more: Partial<StoredSecret> = {}): StoredSecret {
    lastVersion += 1;
    const metadata = { name, namespace: 'shop', resourceVersion: String(lastVersion) };
    const stored: StoredSecret = {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata,
      type: 'Opaque',
      data: { ...data },
      ...more,
    };
    secrets.set(`shop/${name}`, stored);
    return stored;
  }

  const client = authority.issue('DNS:client');
  return { url: service.url, token, authority, client, secrets, allowed, asked: service.asked, next, add };
}
