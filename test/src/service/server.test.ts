import { once } from 'node:events';
import { type AddressInfo, createConnection, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout } from 'node:timers/promises';
import { connect } from 'node:tls';
import { pino } from 'pino';
import { expect, onTestFinished, test, vi } from 'vitest';
import { KeysError } from '../../../src/errors.ts';
import { createServer } from '../../../src/service/server.ts';
import { createService } from '../../../src/service/service.ts';
import { openSqlite } from '../../../src/service/sqlite.ts';
import type { Store } from '../../../src/service/store.ts';
import { newAuthority } from '../../fakes/certificates.ts';
import { newDatabasePath } from '../../fakes/database.ts';
import { checkAnswers } from '../../fakes/described.ts';
import { newHttpService } from '../../fakes/http-service.ts';
import { listeningService } from '../../fakes/server.ts';

test('every answer has a request id: the one that was sent when it is harmless, else a new one', async () => {
  const { ask } = await newHttpService();
  const idOf = async (sent: string, request = 'GET /v1/whoami') =>
    (await ask(request, { headers: { 'x-request-id': sent } })).headers['x-request-id'];
  expect(await idOf('trace-1_a.b')).toBe('trace-1_a.b');
  expect(await idOf('trace-2', 'GET /nowhere')).toBe('trace-2');
  expect(await idOf('trace-3', 'GET /%zz')).toBe('trace-3');
  for (const sent of ['', 'a b', 'a"b', 'x'.repeat(65), 'é']) {
    expect(await idOf(sent)).toMatch(/^[0-9a-f-]{36}$/);
  }
});

test('an address that is not there is 404, a method that is not there 405 with those that are', async () => {
  const { ask } = await newHttpService();
  for (const request of ['GET /', 'GET /v1', 'GET /v2/keys', 'POST /v1/keys/a/b/c', 'GET /V1/keys']) {
    expect(await ask(request, { secret: null })).toMatchObject({ status: 404, body: { code: 'not_found' } });
  }
  const answer = await ask('DELETE /v1/keys/key_1');
  expect(answer).toMatchObject({
    status: 405,
    headers: { allow: 'GET, HEAD, PATCH' },
    body: { status: 405 },
  });
  expect((await ask('GET /v1/verify')).headers.allow).toBe('POST');
  for (const method of ['TRACE', 'QUERY']) {
    expect(await ask(`${method} /v1/verify`)).toMatchObject({ status: 405, headers: { allow: 'POST' } });
  }
});

test('an address that cannot be decoded, or is too long, is one that nothing is at: not to be cached, logged, counted', async () => {
  const lines: string[] = [];
  const { ask, server } = await newHttpService({ logger: pino({}, { write: (line) => lines.push(line) }) });
  for (const url of ['/%zz', '/v1/keys/%ff', `/v1/keys/${'a'.repeat(600)}`]) {
    const answer = await ask(`GET ${url}`);
    expect(answer).toMatchObject({ status: 404, headers: { 'cache-control': 'no-store' } });
    expect(answer.body).toMatchObject({ hint: expect.stringContaining('begin with /v1') });
    const { requestId } = answer.body as { requestId: string };
    const logged = lines.map((line) => JSON.parse(line) as object);
    expect(logged).toContainEqual(expect.objectContaining({ requestId, route: null, status: 404 }));
  }
  const counted = 'keys_http_requests_total{method="GET",route="none",status="404"} 3';
  expect(await server.metrics.text()).toContain(counted);
});

test('what goes wrong inside is a 500 or 503 that tells nothing, and is in the log', async () => {
  const lines: string[] = [];
  const logger = pino({}, { write: (line) => lines.push(line) });
  const store = await openSqlite(newDatabasePath());
  const service = createService({ store, now: Date.now });
  const server = createServer({ service, logger });
  checkAnswers(server);
  await store.close();
  const answer = await server.inject({ method: 'POST', url: '/v1/verify', payload: { secret: 'hunter2' } });
  expect(answer.statusCode).toBe(500);
  expect(answer.json()).toMatchObject({ code: 'unexpected', detail: 'the service failed; its log says why' });
  expect(lines.join()).toContain('database is not open');
  expect(lines.join()).not.toContain('hunter2');
  await server.close();
});

test.each([
  ['unavailable', 503, 'the service cannot use its database now'],
  ['unexpected', 500, 'the service failed; its log says why'],
] as const)(
  'what is wrong inside and known as %s is in the log, and not in the answer',
  async (code, status, detail) => {
    const lines: string[] = [];
    const logger = pino({}, { write: (line) => lines.push(line) });
    const { service } = await newHttpService();
    const authenticate = () => Promise.reject(new KeysError(code, 'db.example.internal', { hint: 'inside' }));
    const server = createServer({ service: { ...service, authenticate }, logger });
    checkAnswers(server);
    const answer = await server.inject({ url: '/v1/whoami', headers: { authorization: 'Bearer x' } });
    expect([answer.statusCode, answer.headers['retry-after']]).toEqual([
      status,
      status === 503 ? '1' : undefined,
    ]);
    expect(answer.json()).toMatchObject({ code, detail, hint: null });
    expect(lines.join()).toContain('db.example.internal');
    await server.close();
  },
);

test('the log has a line for each request, and never a secret, a credential, a body or a query', async () => {
  const lines: string[] = [];
  const logger = pino({}, { write: (line) => lines.push(line) });
  const { ask, mint } = await newHttpService({ logger });
  const { id, secret } = await mint({ roles: ['admin'] });
  const created = await ask('POST /v1/keys', { body: { name: 'canary-name' }, secret });
  const minted = (created.body as { secret: string }).secret;
  await ask('POST /v1/verify', { body: { secret: minted }, secret: null });
  await ask(`GET /v1/keys/${minted}`, { secret });
  await ask(`GET /v1/keys?name=${minted}`, { secret });
  await ask(`GET /${minted}`, { secret });
  await ask('POST /v1/verify', {
    body: `{"secret":"${minted}`,
    headers: { 'content-type': 'application/json' },
  });
  await ask(`GET /${minted}/%zz`, { secret });
  const log = lines.join('');
  for (const hidden of [minted, secret, 'canary-name', 'Bearer']) expect(log).not.toContain(hidden);
  expect(lines.map((line) => JSON.parse(line) as object)).toContainEqual(
    expect.objectContaining({ method: 'POST', route: '/v1/keys', status: 201, keyId: id }),
  );
});

test('bytes that are not HTTP get a problem document and the end of the connection', async () => {
  const { url } = await listeningService();
  const socket = createConnection(Number(new URL(url).port), '127.0.0.1');
  socket.write('hello\r\n\r\n');
  const answer = await text(socket);
  expect(answer).toMatch(/^HTTP\/1.1 400 /);
  const told = new Map(answer.split('\r\n').map((line) => line.split(': ', 2) as [string, string]));
  expect(Date.parse(told.get('date') ?? '')).toBeGreaterThan(Date.now() - 60_000);
  expect(told.get('cache-control')).toBe('no-store');
  expect(JSON.parse(answer.slice(answer.indexOf('\r\n\r\n')))).toMatchObject({
    status: 400,
    code: 'invalid',
  });
});

test.each(['Content-Le', 'Content-Length: 99\r\n\r\n{"secret":'])(
  'a request that was cut off at %j is no mistake of its sender: the connection ends without an answer',
  async (end) => {
    const { url } = await listeningService();
    const socket = createConnection(Number(new URL(url).port), '127.0.0.1');
    socket.end(`POST /v1/verify HTTP/1.1\r\nHost: keys\r\nContent-Type: application/json\r\n${end}`);
    expect(await text(socket)).toBe('');
  },
);

test('a connection that was given up is ended, whether or not the other side ends it: many would leave no room', async () => {
  const { url, server } = await listeningService();
  const open = () =>
    new Promise<number>((resolve) => server.server.getConnections((_error, amount) => resolve(amount)));
  const socket = createConnection({
    port: Number(new URL(url).port),
    host: '127.0.0.1',
    allowHalfOpen: true,
  });
  onTestFinished(() => void socket.destroy());
  socket.write('hello\r\n\r\n');
  expect(await text(socket)).toMatch(/^HTTP\/1.1 400 /);
  expect(await open()).toBe(1);
  await vi.waitFor(async () => expect(await open()).toBe(0), 10_000);
});

test('a request that arrives on an open connection while the service ends is answered', async () => {
  const { service } = await newHttpService();
  const server = createServer({ service });
  await server.listen({ port: 0 });
  const { port } = server.server.address() as AddressInfo;
  const socket = createConnection(port, '127.0.0.1');
  await once(server.server, 'connection');
  const closed = server.close();
  // Long enough for whatever is ended at once to have been ended.
  await setTimeout(50);
  socket.write('GET /healthz HTTP/1.1\r\nHost: keys\r\n\r\n');
  const answer = await text(socket);
  expect(answer).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
  expect(answer).toMatch(/\r\nconnection: close\r\n/i);
  await closed;
});

test('over https, too, a connection on which nothing is asked does not keep the service from ending, and one with a request does', async () => {
  const { service } = await newHttpService();
  const { cert, key } = newAuthority().issue('IP:127.0.0.1');
  const server = createServer({
    service,
    certificate: { cert: String(cert), key: String(key), startsAt: 0, expiresAt: Date.now() },
  });
  await server.listen({ port: 0 });
  const { port } = server.server.address() as AddressInfo;
  const open = async () => {
    const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false });
    onTestFinished(() => void socket.destroy());
    await once(socket, 'secureConnect');
    return socket;
  };
  const silent = once(await open(), 'close');
  const asking = await open();
  asking.write('GET /healthz HTTP/1.1\r\nHost: keys\r\n');
  await setTimeout(50);
  const closed = server.close();
  await silent;
  asking.write('\r\n');
  expect(await text(asking)).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
  await closed;
});

test('a request that takes too long is told so, and so is one with headers that are too large', async () => {
  const { url, server } = await listeningService();
  const asked = async (head: string) => {
    const socket = createConnection(Number(new URL(url).port), '127.0.0.1');
    socket.write(head);
    const answer = await text(socket);
    const { status, code, detail } = JSON.parse(answer.slice(answer.indexOf('\r\n\r\n')));
    return `${answer.slice(0, 12)} ${status} ${code}: ${detail}`;
  };
  const large = `GET /healthz HTTP/1.1\r\nHost: x\r\nX-Large: ${'x'.repeat(20_000)}\r\n\r\n`;
  expect(await asked(large)).toBe('HTTP/1.1 431 431 too_large: the headers of the request are too large');
  const connected = once(server.server, 'connection');
  const slow = asked('POST /v1/verify HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{');
  const [socket] = (await connected) as [Socket];
  // As Node does it, which looks for slow requests every 30 seconds.
  server.server.emit('clientError', Object.assign(new Error(), { code: 'ERR_HTTP_REQUEST_TIMEOUT' }), socket);
  expect(await slow).toBe('HTTP/1.1 408 408 timeout: the request took too long to arrive');
});

test.each(['http', 'https'])(
  'over %s a request and its headers have 30 seconds to arrive: Node would give all of it the longer of two times',
  async (scheme) => {
    const { service } = await newHttpService();
    const { cert, key } = newAuthority().issue('IP:127.0.0.1');
    const pem = { cert: cert.toString(), key: key.toString(), startsAt: 0, expiresAt: 0 };
    const { server } = createServer({ service, certificate: scheme === 'https' ? pem : null });
    expect([server.requestTimeout, server.headersTimeout]).toEqual([30_000, 30_000]);
  },
);

test.each(['POST /v1/keys/:id/regenerate', 'POST /v1/users/:id/disable', 'POST /v1/sessions'])(
  '%s: 401 when the credential was revoked while the end of an empty body was on its way',
  async (route) => {
    const { url, admin, mint } = await listeningService();
    const { id, secret } = await mint({ roles: ['admin'] });
    const [method, path = ''] = route.replace(':id', (await mint()).id).split(' ');
    const before = await admin.list({ namespace: null, statuses: ['active'] });
    const socket = createConnection(Number(new URL(url).port), '127.0.0.1');
    const head = `${method} ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer ${secret}\r\n`;
    socket.write(`${head}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n`);
    // Its credential has been looked at.
    await vi.waitUntil(async () => (await admin.get(id)).lastUsedAt !== null, 10_000);
    await admin.revoke(id);
    socket.write('0\r\n\r\n');
    expect(await text(socket)).toMatch(/^HTTP\/1.1 401 /);
    const after = await admin.list({ namespace: null, statuses: ['active'] });
    expect(after.keys).toEqual(before.keys.filter((key) => key.id !== id));
  },
);

test('the OpenAPI document describes every route, its problems, and nothing it does not refer to', async () => {
  const { ask } = await newHttpService();
  const { status, body } = await ask('GET /openapi.json', { secret: null });
  const document = body as {
    openapi: string;
    paths: Record<
      string,
      Record<string, { requestBody?: { required: boolean }; responses: Record<string, { headers?: object }> }>
    >;
    components: { schemas: Record<string, unknown> };
  };
  expect({ status, version: document.openapi }).toEqual({ status: 200, version: '3.1.1' });
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method} ${path}`),
  );
  expect(operations.sort()).toEqual([
    'delete /v1/sessions/current',
    'delete /v1/users/{name}/memberships/{namespace}',
    'get /healthz',
    'get /metrics',
    'get /readyz',
    'get /v1/audit',
    'get /v1/audit/head',
    'get /v1/keys',
    'get /v1/keys/{id}',
    'get /v1/keys/{id}/secret',
    'get /v1/mint',
    'get /v1/namespaces',
    'get /v1/roles',
    'get /v1/users',
    'get /v1/users/{name}',
    'get /v1/whoami',
    'patch /v1/keys/{id}',
    'patch /v1/namespaces/{name}',
    'patch /v1/roles/{name}',
    'patch /v1/users/{name}',
    'post /v1/keys',
    'post /v1/keys/{id}/disable',
    'post /v1/keys/{id}/enable',
    'post /v1/keys/{id}/regenerate',
    'post /v1/keys/{id}/revoke',
    'post /v1/mint/acknowledge',
    'post /v1/mint/cancel',
    'post /v1/mint/settle',
    'post /v1/namespaces',
    'post /v1/roles',
    'post /v1/sessions',
    'post /v1/sessions/refresh',
    'post /v1/sessions/step-up',
    'post /v1/users',
    'post /v1/users/{name}/disable',
    'post /v1/users/{name}/enable',
    'post /v1/verify',
    'put /v1/users/{name}/memberships/{namespace}',
  ]);
  const told = (path: string, method: string, status: string) => {
    const { headers } = document.paths[path]?.[method]?.responses[status] ?? {};
    return Object.keys(headers ?? {}).sort();
  };
  const limits = ['RateLimit', 'RateLimit-Policy'];
  expect(told('/v1/keys', 'post', '201')).toEqual(['ETag', 'Location', ...limits, 'X-Request-Id']);
  expect(told('/v1/users', 'post', '201')).toEqual(['ETag', 'Location', ...limits, 'X-Request-Id']);
  for (const path of ['/v1/namespaces', '/v1/roles'])
    expect(told(path, 'post', '201')).toEqual(['Location', ...limits, 'X-Request-Id']);
  expect(told('/v1/keys', 'post', 'default')).toEqual([
    ...limits,
    ...['Retry-After', 'WWW-Authenticate', 'X-Request-Id'],
  ]);
  expect(told('/readyz', 'get', '200')).toEqual(['X-Request-Id']);
  const needsBody = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).flatMap(([method, { requestBody }]) =>
      requestBody?.required ? [`${method} ${path}`] : [],
    ),
  );
  expect(needsBody.sort()).toEqual([
    ...[
      'patch /v1/keys/{id}',
      'patch /v1/namespaces/{name}',
      'patch /v1/roles/{name}',
      'patch /v1/users/{name}',
    ],
    ...['post /v1/keys', 'post /v1/mint/settle', 'post /v1/namespaces', 'post /v1/roles'],
    ...['post /v1/sessions/refresh', 'post /v1/sessions/step-up', 'post /v1/users', 'post /v1/verify'],
    'put /v1/users/{name}/memberships/{namespace}',
  ]);
  const referred = new Set(JSON.stringify(document).match(/(?<=#\/components\/schemas\/)\w+/g));
  expect(new Set(Object.keys(document.components.schemas))).toEqual(referred);
  expect(referred).toEqual(
    new Set([
      ...['Key', 'IssuedKey', 'KeyPage', 'Mint', 'Verification', 'Identity', 'Problem'],
      ...['AuditEntry', 'AuditHead', 'AuditPage'],
      ...['User', 'Namespace', 'Role', 'Session', 'StepUp'],
    ]),
  );
});

test('the OpenAPI document names every operation, says what fields are, and allows answers further ones', async () => {
  const { ask } = await newHttpService();
  const { paths, components } = (await ask('GET /openapi.json', { secret: null })).body as {
    paths: Record<string, Record<string, Operation>>;
    components: { schemas: Record<string, Schema> };
  };
  const operations = Object.values(paths).flatMap((path) => Object.values(path));
  // Clients that were made from the document call their functions so: names are added, never changed.
  expect(operations.map(({ operationId }) => operationId).sort()).toEqual([
    ...['acknowledgeMint', 'auditHead', 'cancelMint', 'createKey', 'createNamespace', 'createRole'],
    ...['createSession', 'createUser', 'disableKey', 'disableUser', 'editKey', 'editNamespace', 'editRole'],
    ...['editUser', 'enableKey', 'enableUser', 'endSession', 'getKey', 'getUser', 'health', 'joinNamespace'],
    ...['leaveNamespace', 'listAudit', 'listKeys', 'listNamespaces', 'listRoles', 'listUsers', 'metrics'],
    ...['mintStatus', 'ready', 'refreshSession', 'regenerateKey', 'revealKey', 'revokeKey', 'settleMint'],
    ...['stepUp', 'verify', 'whoami'],
  ]);
  const { createKey } = Object.fromEntries(operations.map((each) => [each.operationId, each]));
  const wanted = createKey?.requestBody?.content['application/json'].schema;
  expect(wanted?.properties.expiresAt?.description).toBe('RFC 3339, in the future; null is never');
  expect(wanted?.additionalProperties).toBe(false);
  expect(components.schemas.Key?.properties.createdAt?.anyOf?.[0]?.format).toBe('date-time');
  expect(components.schemas.Key?.properties.labels?.additionalProperties).toMatchObject({ type: 'string' });
  const answers = JSON.stringify([components, operations.map(({ responses }) => responses)]);
  expect(answers).not.toContain('"additionalProperties":false');
});

interface Operation {
  readonly operationId: string;
  readonly requestBody?: { readonly content: { readonly 'application/json': { readonly schema: Schema } } };
  readonly responses: object;
}

interface Schema {
  readonly properties: Readonly<
    Record<
      string,
      {
        readonly description?: string;
        readonly anyOf?: readonly { readonly format?: string }[];
        readonly additionalProperties?: object;
      }
    >
  >;
  readonly additionalProperties?: boolean;
}

/** A store that is away from the first change on that it has kept. */
function awayAfterChange(store: Store): Store {
  const changes = /^(insert|change(?!Taken)|replace|settle|cancel|acknowledge|set|add)/;
  let changed = false;
  return new Proxy(store, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== 'function') return value;
      return async (...args: unknown[]) => {
        if (changed) throw new KeysError('unavailable', 'it is away');
        const result: unknown = await value.apply(target, args);
        changed ||= changes.test(String(name));
        return result;
      };
    },
  });
}

test.each([
  ['POST /v1/keys', { name: 'new' }],
  ['PATCH /v1/keys/:id', { description: 'edited' }],
  ['POST /v1/keys/:id/disable'],
  ['POST /v1/keys/:id/regenerate', {}],
  ['POST /v1/keys/:id/revoke'],
  ['POST /v1/mint/cancel'],
  ['POST /v1/mint/acknowledge'],
  ['POST /v1/mint/settle', { keep: 'new' }],
  ['POST /v1/users', { name: 'erin' }],
  ['PATCH /v1/users/bob', { role: 'admin' }],
  ['POST /v1/users/bob/disable'],
  ['PUT /v1/users/bob/memberships/default', { role: 'editor' }],
  ['POST /v1/namespaces', { name: 'new' }],
  ['PATCH /v1/namespaces/default', { quota: 7 }],
  ['POST /v1/roles', { name: 'new', permissions: ['keys.list'] }],
  ['POST /v1/sessions'],
] as [string, object?][])(
  'what %s has done is answered as done, also when the database is away right after it',
  async (request, payload) => {
    const { admin, databasePath, mint } = await newHttpService();
    const idempotencyKey = 'an-idempotency-key-of-24-characters';
    const { key } = await admin.create({ name: 'ci' });
    await admin.regenerate(key.id, { overlap: true, idempotencyKey });
    const { secret } = await mint({ roles: ['admin'] });
    const service = createService({ store: awayAfterChange(await openSqlite(databasePath)), now: Date.now });
    const server = createServer({ service });
    const [method, url] = request.replace(':id', key.id).split(' ') as ['POST', string];
    const headers = {
      authorization: `Bearer ${secret}`,
      ...(url.startsWith('/v1/mint') ? { 'idempotency-key': idempotencyKey } : {}),
    };
    const { statusCode, body } = await server.inject({
      method,
      url,
      headers,
      ...(payload ? { payload } : {}),
    });
    expect(body).not.toContain('problem');
    expect(statusCode).toBeLessThan(300);
    await server.close();
  },
);
