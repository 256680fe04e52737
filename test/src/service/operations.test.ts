/** What those who run a service see of it: health, metrics, and who the client is. */
import { readdirSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { pino } from 'pino';
import { expect, onTestFinished, test } from 'vitest';
import { createMetrics } from '../../../src/service/metrics.ts';
import { metricsServer } from '../../../src/service/metrics-server.ts';
import { createReadiness } from '../../../src/service/readiness.ts';
import { createServer } from '../../../src/service/server.ts';
import { createService } from '../../../src/service/service.ts';
import { openSqlite } from '../../../src/service/sqlite.ts';
import { checkAnswers } from '../../fakes/described.ts';
import { newHttpService } from '../../fakes/http-service.ts';
import { newService } from '../../fakes/key-service.ts';
import { canMount, smallDisk } from '../../fakes/small-disk.ts';

const fine = async () => {};
const broken = () => Promise.reject(new Error('disk full'));

test('GET /readyz: 200 while changes can be kept, 503 while they cannot, whoever asks', async () => {
  const { service } = await newService();
  const state = { check: fine, now: 0 };
  const readiness = createReadiness({ check: () => state.check() }, { now: () => state.now });
  const server = createServer({ service, readiness });
  checkAnswers(server);
  const ready = async () => (await server.inject('/readyz')).statusCode;
  expect(await ready()).toBe(200);
  state.check = broken;
  // It was good a moment ago: whoever asks all the time does not keep the database busy.
  expect(await ready()).toBe(200);
  state.now += 1_000;
  const answer = await server.inject('/readyz');
  expect(answer.statusCode).toBe(503);
  expect(answer.headers['retry-after']).toBe('1');
  expect(answer.json()).toMatchObject({
    code: 'unavailable',
    detail: 'the service cannot use its database now',
  });
  state.check = fine;
  state.now += 1_000;
  expect(await ready()).toBe(200);
  // A clock that is set back makes no answer good for longer.
  state.check = broken;
  state.now -= 3_600_000;
  expect(await ready()).toBe(503);
  expect((await server.inject('/healthz')).headers.connection).toBe('keep-alive');
  readiness.stop();
  expect((await server.inject('/readyz')).json().detail).toBe('the service is stopping');
  // Whoever has a connection is to take another one before this one ends under a request.
  expect((await server.inject('/healthz')).headers.connection).toBe('close');
  expect((await server.inject('/healthz')).statusCode).toBe(200);
  await server.close();
});

test('GET /readyz is 503 when the database is gone', async () => {
  const { ask, service } = await newHttpService();
  expect(await ask('GET /readyz', { secret: null })).toMatchObject({
    status: 200,
    body: { status: 'ready' },
  });
  await service.close();
  await expect(service.check()).rejects.toThrow();
});

test.skipIf(!canMount)(
  'GET /readyz is 503 while the disk is full, 200 when there is space again (mounting one needs root)',
  async () => {
    const disk = smallDisk(2_048);
    const service = createService({ store: await openSqlite(join(disk.path, 'keys.db')), now: Date.now });
    onTestFinished(() => service.close());
    await service.check();
    disk.fill();
    await expect(service.check()).rejects.toThrow('the disk is full');
    for (const name of readdirSync(disk.path)) if (name.startsWith('filler')) rmSync(join(disk.path, name));
    await service.check();
  },
);

test('GET /metrics: 401 without a credential, 403 for less than an admin, 200 with what was counted', async () => {
  const { ask, mint } = await newHttpService();
  const owner = await mint({ roles: ['owner'] });
  expect((await ask('GET /metrics', { secret: null })).status).toBe(401);
  expect((await ask('GET /metrics', { secret: owner.secret })).status).toBe(403);
  await ask('POST /v1/verify', { body: { secret: owner.secret }, secret: null });
  await ask('POST /v1/verify', { body: { secret: 'keys_nonsense' }, secret: null });
  await ask('POST /v1/keys', { body: { name: 'canary-name' } });
  await ask(`POST /v1/keys/${owner.id}/regenerate`);
  await ask(`GET /v1/keys/${owner.id}`);
  await ask('GET /nowhere/canary-path');
  const { status, text, headers } = await ask('GET /metrics');
  expect({ status, type: headers['content-type'] }).toEqual({
    status: 200,
    type: 'text/plain; version=0.0.4; charset=utf-8',
  });
  expect(text.split('\n')).toEqual(
    expect.arrayContaining([
      'keys_verifies_total{result="valid"} 1',
      'keys_verifies_total{result="unknown"} 1',
      'keys_verifies_total{result="revoked"} 0',
      'keys_minted_total{by="create"} 1',
      'keys_minted_total{by="regenerate"} 1',
      'keys_http_requests_total{method="GET",route="/v1/keys/:id",status="200"} 1',
      'keys_http_requests_total{method="GET",route="none",status="404"} 1',
      '# TYPE keys_http_requests_total counter',
      '# TYPE keys_http_request_duration_seconds histogram',
      'keys_http_request_duration_seconds_bucket{le="10",method="POST",route="/v1/verify"} 2',
      'keys_http_request_duration_seconds_bucket{le="+Inf",method="POST",route="/v1/verify"} 2',
      'keys_http_request_duration_seconds_count{method="POST",route="/v1/verify"} 2',
    ]),
  );
  for (const hidden of ['canary', owner.id, owner.secret]) expect(text).not.toContain(hidden);
});

test('the address of metricsListen has metrics and health without a credential, and nothing else', async () => {
  const { service } = await newService();
  const readiness = createReadiness(service);
  const server = metricsServer({ metrics: createMetrics(), readiness }).listen(0, '127.0.0.1');
  onTestFinished(() => void server.close());
  await new Promise((resolve) => server.once('listening', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const status = async (path: string, method = 'GET') => (await fetch(url + path, { method })).status;
  expect(await (await fetch(`${url}/metrics`)).text()).toContain('process_cpu_seconds_total');
  expect([await status('/healthz'), await status('/readyz')]).toEqual([200, 200]);
  expect([await status('/healthz?by=proxy', 'HEAD'), await status('/metrics', 'HEAD')]).toEqual([200, 200]);
  expect(await status('/v1/keys')).toBe(404);
  const posted = await fetch(`${url}/metrics`, { method: 'POST' });
  expect([posted.status, posted.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
  readiness.stop();
  expect(await status('/readyz')).toBe(503);
});

test("only a trusted proxy is believed about the client's address, which is in the log", async () => {
  const { service } = await newService();
  const addressSeen = async (trustedProxies: string[], remoteAddress: string, forwarded: string) => {
    const lines: string[] = [];
    const logger = pino({}, { write: (line) => lines.push(line) });
    const server = createServer({ service, logger, trustedProxies });
    checkAnswers(server);
    await server.inject({ url: '/healthz', remoteAddress, headers: { 'x-forwarded-for': forwarded } });
    await server.close();
    return (JSON.parse(lines.join('')) as { address: string }).address;
  };
  const client = '203.0.113.9';
  expect(await addressSeen([], '127.0.0.1', client)).toBe('127.0.0.1');
  expect(await addressSeen(['10.0.0.0/8'], '10.1.2.3', client)).toBe(client);
  expect(await addressSeen(['10.0.0.0/8'], '192.0.2.1', client)).toBe('192.0.2.1');
  expect(await addressSeen(['loopback'], '::1', client)).toBe(client);
  // What the client itself wrote before the proxy added the address it saw.
  expect(await addressSeen(['10.0.0.0/8'], '10.1.2.3', `198.51.100.66, ${client}`)).toBe(client);
});
