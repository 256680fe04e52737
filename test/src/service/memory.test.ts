import { DatabaseSync } from 'node:sqlite';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, onTestFinished, test, vi } from 'vitest';
import { newHttpService } from '../../fakes/http-service.ts';
import { listeningService } from '../../fakes/server.ts';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

test('a service keeps no request in memory once it has been answered', async () => {
  const { server, ask, mint } = await newHttpService();
  const requests: WeakRef<object>[] = [];
  server.addHook('onRequest', async (request) => {
    requests.push(new WeakRef(request), new WeakRef(request.context), new WeakRef(request.raw));
  });
  const { secret } = await mint({ roles: ['viewer'] });
  for (let n = 0; n < 50; n++) {
    await ask('POST /v1/verify', { body: { secret } });
    await ask('POST /v1/verify', { body: { secret: 'keys_unknown' } });
    await ask('POST /v1/keys', { body: { name: `a-${n}` } });
    await ask('GET /v1/keys', { secret });
    await ask('GET /v1/nothing', { secret });
  }
  expect(requests).toHaveLength(750);
  await vi.waitFor(() => {
    collect();
    // What runs last may still stand on the stack.
    expect(requests.filter((each) => each.deref()).length).toBeLessThan(10);
  });
});

test('a service keeps no verify in memory that came the short way', async () => {
  const { server, url, mint } = await listeningService();
  const requests: WeakRef<object>[] = [];
  server.server.on('request', (request, response) => {
    requests.push(new WeakRef(request), new WeakRef(response));
  });
  const { secret } = await mint({ roles: ['viewer'] });
  const headers = { 'content-type': 'application/json' };
  for (let n = 0; n < 100; n++) {
    const body = JSON.stringify({ secret: n % 2 === 0 ? secret : 'keys_unknown' });
    await (await fetch(`${url}/v1/verify`, { method: 'POST', headers, body })).text();
  }
  expect(requests).toHaveLength(200);
  await vi.waitFor(() => {
    collect();
    expect(requests.filter((each) => each.deref()).length).toBeLessThan(10);
  });
});

test('a service keeps nothing of the ways in which lists are asked for: there are more than it has memory', async () => {
  const { ask } = await newHttpService();
  const list = (labels: number) =>
    ask(`GET /v1/keys?${Array.from({ length: labels }, (_, n) => `label=a${n}=b`).join('&')}`);
  await list(0);
  const { prepare } = DatabaseSync.prototype;
  onTestFinished(() => void Object.assign(DatabaseSync.prototype, { prepare }));
  const statements: WeakRef<object>[] = [];
  DatabaseSync.prototype.prepare = function (text) {
    const statement = prepare.call(this, text);
    statements.push(new WeakRef(statement));
    return statement;
  };
  for (let labels = 1; labels <= 32; labels++) expect((await list(labels)).status).toBe(200);
  expect(statements.length).toBeGreaterThanOrEqual(32);
  await vi.waitFor(() => {
    collect();
    expect(statements.filter((each) => each.deref()).length).toBeLessThan(5);
  });
});
