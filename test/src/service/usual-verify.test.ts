/** Verifies on their short way, over real connections; `inject` goes through the web framework, and is what they are held against. */
import { once } from 'node:events';
import { createServer as createHttpServer, type IncomingMessage, type RequestListener } from 'node:http';
import { type AddressInfo, createConnection, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import fc from 'fast-check';
import { pino } from 'pino';
import { expect, onTestFinished, test, vi } from 'vitest';
import { KeysError } from '../../../src/errors.ts';
import type { Secret } from '../../../src/secret.ts';
import { answeredTo } from '../../../src/service/answered.ts';
import { createMetrics } from '../../../src/service/metrics.ts';
import { createReadiness } from '../../../src/service/readiness.ts';
import { createServer } from '../../../src/service/server.ts';
import { usualVerify } from '../../../src/service/usual-verify.ts';
import { arrivalGate } from '../../fakes/gate.ts';
import { type HttpService, type HttpServiceParts, newHttpService } from '../../fakes/http-service.ts';

interface Sent {
  readonly body: Buffer;
  readonly headers: Readonly<Record<string, string>>;
}

const usual = { 'content-type': 'application/json' };

function sent(body: unknown, headers: Sent['headers'] = usual): Sent {
  const bytes = Buffer.isBuffer(body)
    ? body
    : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
  return { body: bytes, headers };
}

interface Verifier extends HttpService {
  readonly lines: Record<string, unknown>[];
  /** A connection, at both its ends. */
  connect(): Promise<{ socket: Socket; there: Socket }>;
  overSocket(sent: Sent): Promise<Told>;
  throughFramework(sent: Sent): Promise<Told>;
}

interface Told {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: string;
}

async function verifier(parts: HttpServiceParts = {}): Promise<Verifier> {
  const lines: Record<string, unknown>[] = [];
  const logger = pino({}, { write: (line: string) => lines.push(JSON.parse(line)) });
  const service = await newHttpService({ ...parts, logger });
  await service.server.listen({ host: '127.0.0.1', port: 0 });
  const { port } = service.server.server.address() as AddressInfo;

  async function connect() {
    const connected = once(service.server.server, 'connection') as Promise<[Socket]>;
    const socket = createConnection(port, '127.0.0.1');
    onTestFinished(() => void socket.destroy());
    const [[there]] = await Promise.all([connected, once(socket, 'connect')]);
    return { socket, there };
  }

  return {
    ...{ ...service, lines, connect },
    async overSocket(sent) {
      const { socket } = await connect();
      socket.write(onWire(sent));
      const told = await answers(socket, 1);
      socket.destroy();
      return told[0] as Told;
    },
    async throughFramework({ body: payload, headers }) {
      const answer = await service.server.inject({ method: 'POST', url: '/v1/verify', headers, payload });
      return { status: answer.statusCode, headers: answer.headers, body: answer.body };
    },
  };
}

/** A whole request to verify. */
function onWire({ body, headers }: Sent): Buffer {
  const said = { host: 'keys', 'content-length': String(body.length), ...headers };
  const fields = Object.entries(said).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.concat([Buffer.from(`POST /v1/verify HTTP/1.1\r\n${fields.join('')}\r\n`), body]);
}

/** The first answers on a connection, each with its length said. */
async function answers(socket: Socket, amount: number): Promise<Told[]> {
  const told: Told[] = [];
  let rest = '';
  for await (const chunk of socket) {
    rest += chunk;
    for (;;) {
      const end = rest.indexOf('\r\n\r\n') + 4;
      const [first = '', ...fields] = rest.slice(0, end).trim().split('\r\n');
      const headers = Object.fromEntries(
        fields.map((field) => [field.split(':', 1)[0]?.toLowerCase(), field.replace(/^[^:]*: /, '')]),
      );
      const length = Number(headers['content-length']);
      if (end < 4 || Buffer.byteLength(rest) < end + length) break;
      told.push({ status: Number(first.split(' ')[1]), headers, body: rest.slice(end, end + length) });
      rest = rest.slice(end + length);
    }
    if (told.length >= amount) return told;
  }
  throw new Error(`the connection has ended after ${told.length} of ${amount} answers`);
}

/** Without what belongs to the connection, and with any number for what is left of a limit. */
function comparable({ status, headers, body }: Told) {
  const { date: _, connection: __, 'keep-alive': ___, ratelimit, ...rest } = headers;
  const standing = ratelimit && String(ratelimit).replace(/r=\d+/g, 'r=N');
  return { status, body, headers: { ...rest, 'content-length': String(rest['content-length']), standing } };
}

test('whatever is sent to be verified, the short way answers, records and logs what the framework does', async () => {
  const limit = { requests: 1_000_000, perSeconds: 60 };
  const settings = { rateLimit: limit, addressRateLimit: limit };
  const { overSocket, throughFramework, mint, admin, lines } = await verifier({ settings });
  const { secret: good } = await mint({ owner: 'ann', roles: ['viewer'], labels: { of: 'é "quoted"' } });
  const ended = await mint({ owner: 'bob', roles: ['viewer'] });
  await admin.revoke(ended.id);
  const disabled = await mint({ roles: ['viewer'] });
  await admin.disable(disabled.id);
  const secret = fc.constantFrom<unknown>(
    ...[good, ended.secret, disabled.secret, `${good}x`, 'keys_unknown', '', 'é', 'x'.repeat(1_025)],
    ...['x'.repeat(3_000), 'x'.repeat(70_000), 7, null, ['x'], { toString: 'x' }],
  );
  const body = fc.oneof(
    { weight: 4, arbitrary: secret.map((secret) => ({ secret })) },
    secret.map((secret) => ({ secret, more: 1 })),
    secret.map((secret) => ` {\n"secret" : ${JSON.stringify(secret)}\t}\r\n`),
    secret.map((secret) => `{"secret":"keys_other","secret":${JSON.stringify(secret)}}`),
    secret.map((secret) => `\uFEFF${JSON.stringify({ secret })}`),
    secret.map((secret) => `{"__proto__":{"secret":${JSON.stringify(secret)}}}`),
    secret.map((secret) => `{"secret":${JSON.stringify(secret)},"__proto__":null}`),
    secret.map((secret) => [secret]),
    fc.constantFrom<unknown>('', '{}', '[]', 'null', '7', '"secret"', '{"secret":', '{"Secret":"x"}'),
    fc.constant(Buffer.from('{"secret":"\xff\xfe"}', 'latin1')),
    fc.uint8Array({ minLength: 1, maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
  );
  const type = fc.constantFrom(
    ...['application/json', 'application/json; charset=utf-8', 'application/json;charset=utf-8'],
    ...['APPLICATION/JSON', 'application/json; charset=latin1', 'text/plain', 'application/jsonx', 'x'],
  );
  const more = fc.constantFrom<Sent['headers']>(
    ...[{}, {}, {}, { authorization: `Bearer ${good}` }, { authorization: `Bearer ${good}x` }],
    ...[{ authorization: 'Basic x' }, { 'content-encoding': 'gzip' }, { 'x-forwarded-for': '203.0.113.9' }],
  );
  let asked = 0;
  const property = fc.asyncProperty(body, type, more, async (body, type, more) => {
    const headers = { 'content-type': type, 'x-request-id': `asked-${asked++}`, ...more };
    lines.length = 0;
    const short = await overSocket(sent(body, headers));
    await vi.waitFor(() => expect(lines).toHaveLength(1));
    const long = await throughFramework(sent(body, headers));
    expect(comparable(short)).toEqual(comparable(long));
    const [first, second] = lines.map(({ time: _, ms: __, ...line }) => line);
    expect(first).toEqual(second);
    const { entries } = await admin.audit.list({ pageSize: 2 });
    const rows = entries.filter(({ requestId }) => requestId === headers['x-request-id']);
    const [row, same] = rows.map(({ seq: _, hash: __, ...row }) => row);
    expect(row).toEqual(same);
  });
  const examples: [unknown, string, Sent['headers']][] = ['', '{', '{"secret":"x"}'].map((body) => [
    body,
    'application/json',
    {},
  ]);
  await fc.assert(property, { numRuns: 300, examples });
});

test('the framework never hears of a verify without a credential and with a small body; of others it does', async () => {
  const { service } = await newHttpService();
  const metrics = createMetrics();
  const parts = {
    service,
    metrics,
    readiness: createReadiness(service),
    tell: answeredTo(metrics, undefined),
  };
  const framework = vi.fn<RequestListener>((_request, response) => void response.end('framework'));
  const listener = usualVerify({ ...parts, addressOf: () => '127.0.0.1', failed: new WeakMap() }, framework);
  const server = createHttpServer(listener).listen(0, '127.0.0.1');
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/verify`;
  const ask = async (init: RequestInit, at = url) =>
    (await fetch(at, { method: 'POST', headers: usual, body: '{"secret":"x"}', ...init })).text();
  expect(await ask({})).toContain('"valid":false');
  expect(await ask({ headers: { 'content-type': 'application/json; charset=utf-8' } })).toContain('"valid"');
  expect(framework).not.toHaveBeenCalled();
  expect(await ask({ headers: { ...usual, authorization: 'Bearer x' } })).toBe('framework');
  expect(await ask({ headers: { 'content-type': 'text/plain' } })).toBe('framework');
  expect(await ask({ method: 'PUT' })).toBe('framework');
  expect(await ask({}, `${url}?a`)).toBe('framework');
  expect(await ask({ body: JSON.stringify({ secret: 'x'.repeat(3_000) }) })).toBe('framework');
  expect(await ask({ body: '{"secret":7}' })).toBe('framework');
});

test('a body that comes in pieces is verified like any other, wherever it was cut', async () => {
  const { connect, mint } = await verifier();
  const { secret } = await mint({ roles: ['viewer'] });
  const request = sent({ secret });
  const whole = onWire(request);
  const start = whole.length - request.body.length;
  for (const cut of [1, start - 1, start, start + 1, start + 20, whole.length - 1]) {
    const { socket, there } = await connect();
    socket.write(whole.subarray(0, cut));
    await vi.waitFor(() => expect(there.bytesRead).toBe(cut));
    socket.write(whole.subarray(cut));
    const [told] = await answers(socket, 1);
    expect(told?.status, `cut after ${cut} bytes`).toBe(200);
    expect(JSON.parse(told?.body ?? '')).toMatchObject({ valid: true });
  }
});

test('what comes after the JSON of a body is looked at, also where it comes later', async () => {
  const { connect, mint } = await verifier();
  const { secret } = await mint({ roles: ['viewer'] });
  const whole = onWire(sent(`${JSON.stringify({ secret })} and more`));
  const first = whole.length - ' and more'.length;
  const { socket, there } = await connect();
  socket.write(whole.subarray(0, first));
  await vi.waitFor(() => expect(there.bytesRead).toBe(first));
  socket.write(whole.subarray(first));
  expect(await answers(socket, 1)).toMatchObject([{ status: 400 }]);
});

test('a verify that has been answered has ended: a connection that stays open keeps nothing of it', async () => {
  const { connect, server } = await verifier();
  const asked = once(server.server, 'request') as Promise<[IncomingMessage]>;
  const { socket } = await connect();
  socket.write(onWire(sent({ secret: 'x' })));
  const [incoming] = await asked;
  await once(socket, 'data');
  await vi.waitFor(() => expect(incoming.closed).toBe(true));
  expect(incoming.socket.destroyed).toBe(false);
});

test('a verify is counted by its result and by its route', async () => {
  const { overSocket, mint, server } = await verifier();
  const { secret } = await mint({ roles: ['viewer'] });
  for (const asked of [secret, secret, 'x']) await overSocket(sent({ secret: asked }));
  const text = await server.metrics.text();
  expect(text).toContain('keys_verifies_total{result="valid"} 2\n');
  expect(text).toContain('keys_verifies_total{result="unknown"} 1\n');
  expect(text).toContain('keys_http_requests_total{method="POST",route="/v1/verify",status="200"} 3\n');
});

test('verifies that come at once on one connection are answered in their order, also those that take the long way', async () => {
  const { connect, mint } = await verifier();
  const { secret } = await mint({ roles: ['viewer'] });
  const requests = [{ secret }, { secret: 'x' }, { secret: 7 }, { secret }, '{', { secret }].map((body, n) =>
    sent(body, { ...usual, 'x-request-id': `n-${n}` }),
  );
  const { socket } = await connect();
  socket.write(Buffer.concat(requests.map(onWire)));
  // What cannot be read ends the connection, as the framework has it.
  const told = await answers(socket, 5);
  expect(told.map(({ status, headers }) => [status, headers['x-request-id']])).toEqual([
    [200, 'n-0'],
    [200, 'n-1'],
    [400, 'n-2'],
    [200, 'n-3'],
    [400, 'n-4'],
  ]);
});

test('a verify beyond a limit is refused as a problem, with Retry-After and the standing of the limit, recorded and logged', async () => {
  const { overSocket, mint, admin, lines } = await verifier({
    settings: { rateLimit: { requests: 1, perSeconds: 60 } },
  });
  const { secret } = await mint({ owner: 'ann', name: 'limited', roles: ['viewer'] });
  expect((await overSocket(sent({ secret }))).status).toBe(200);
  const refused = await overSocket(sent({ secret }));
  expect(refused).toMatchObject({ status: 429, headers: { 'content-type': /problem\+json/ } });
  expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
  expect(refused.headers.ratelimit).toMatch(/^"user";r=0;t=\d+$/);
  const requestId = String(refused.headers['x-request-id']);
  expect(JSON.parse(refused.body)).toMatchObject({ code: 'rate_limited', requestId });
  const { entries } = await admin.audit.list({ outcome: 'refused' });
  expect(entries).toMatchObject([{ action: 'verify', actor: 'ann', agent: 'limited', requestId }]);
  await vi.waitFor(() => expect(lines).toContainEqual(expect.objectContaining({ requestId, status: 429 })));
});

test('a verify without its database is 503 and never valid, under one id in the answer and in the log', async () => {
  const { overSocket, service, mint, lines } = await verifier();
  const { secret } = await mint({ roles: ['viewer'] });
  const as = vi.spyOn(service, 'as');
  as.mockImplementation(() => {
    const verify = () => Promise.reject(new KeysError('unavailable', 'the disk is gone'));
    return { verify } as unknown as ReturnType<typeof service.as>;
  });
  const { status, headers, body } = await overSocket(sent({ secret }));
  const requestId = String(headers['x-request-id']);
  expect([status, JSON.parse(body)]).toMatchObject([503, { code: 'unavailable', requestId }]);
  await vi.waitFor(() =>
    expect(lines).toContainEqual(expect.objectContaining({ requestId, msg: 'request failed' })),
  );
});

test('a verify that fails late is logged and measured with all of its time', async () => {
  const { overSocket, service, lines, server } = await verifier();
  const now = performance.now.bind(performance);
  onTestFinished(() => void vi.restoreAllMocks());
  vi.spyOn(service, 'as').mockImplementation(() => {
    const verify = async () => {
      vi.spyOn(performance, 'now').mockImplementation(() => now() + 300);
      throw new Error('no answer in time');
    };
    return { verify } as unknown as ReturnType<typeof service.as>;
  });
  expect((await overSocket(sent({ secret: 'x' }))).status).toBe(500);
  const line = await vi.waitFor(() => lines.find(({ msg }) => msg === 'request') ?? expect.fail());
  expect(line.ms).toBeGreaterThanOrEqual(300);
  const seconds = /^keys_http_request_duration_seconds_sum.* (.+)$/m.exec(await server.metrics.text())?.[1];
  expect(Number(seconds)).toBeGreaterThanOrEqual(0.3);
});

test('a verify whose client has gone before its answer is not logged or counted as answered, on either way', async () => {
  const { connect, overSocket, service, lines, server } = await verifier();
  const as = service.as.bind(service);
  const { arrive, full, open } = arrivalGate(2);
  const held = vi.spyOn(service, 'as').mockImplementation((caller, context) => {
    const verify = (secret: Secret) => arrive().then(() => as(caller, context).verify(secret));
    return { verify } as unknown as ReturnType<typeof service.as>;
  });
  const connections = [await connect(), await connect()];
  for (const [n, type] of ['application/json', 'application/json;charset=utf-8'].entries()) {
    connections[n]?.socket.write(onWire(sent({ secret: 'x' }, { 'content-type': type })));
  }
  await full;
  for (const { socket, there } of connections) {
    socket.destroy();
    await once(there, 'close');
  }
  open();
  held.mockRestore();
  const answered = { 'x-request-id': 'answered' };
  await overSocket(sent({ secret: 'x' }, { ...usual, ...answered }));
  const requests = () => lines.filter(({ msg }) => msg === 'request').map(({ requestId }) => requestId);
  await vi.waitFor(() => expect(requests()).toEqual(['answered']));
  expect(await server.metrics.text()).toContain(
    'keys_http_requests_total{method="POST",route="/v1/verify",status="200"} 1\n',
  );
});

test('only a trusted proxy is believed about where a verify comes from', async () => {
  const { service, admin, mint } = await newHttpService();
  const { secret } = await mint({ roles: ['viewer'] });
  for (const trustedProxies of [[], ['loopback']]) {
    const server = createServer({ service, trustedProxies });
    await server.listen({ host: '127.0.0.1', port: 0 });
    const url = `http://127.0.0.1:${(server.server.address() as AddressInfo).port}/v1/verify`;
    const headers = { ...usual, 'x-forwarded-for': '198.51.100.66, 203.0.113.9' };
    await fetch(url, { method: 'POST', headers, body: JSON.stringify({ secret }) });
    const { entries } = await admin.audit.list({ action: 'verify', pageSize: 1 });
    expect(entries[0]?.address).toBe(trustedProxies.length > 0 ? '203.0.113.9' : '127.0.0.1');
    await server.close();
  }
});

test('a verify that is answered while the service ends says that its connection does', async () => {
  const { connect, mint, server } = await verifier();
  const { secret } = await mint({ roles: ['viewer'] });
  const { socket } = await connect();
  server.server.prependOnceListener('request', () => server.readiness.stop());
  socket.write(onWire(sent({ secret })));
  const answer = await text(socket);
  expect(answer).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
  expect(answer).toMatch(/\r\nconnection: close\r\n/i);
});

test('a verify whose connection is reset at once is recorded without an address on either way, and takes no later row along', async () => {
  const { connect, overSocket, mint, admin, server } = await verifier();
  const { secret } = await mint({ roles: ['viewer'] });
  for (const type of ['application/json', 'application/json;charset=utf-8']) {
    const { socket } = await connect();
    const asked = once(server.server, 'request');
    socket.write(onWire(sent({ secret }, { 'content-type': type })));
    socket.resetAndDestroy();
    await asked;
  }
  await overSocket(sent({ secret }));
  await vi.waitFor(async () => {
    const { entries } = await admin.audit.list({ action: 'verify' });
    expect(entries.map(({ address }) => address)).toEqual(['127.0.0.1', null, null]);
  });
});
