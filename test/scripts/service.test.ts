import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { expect, test } from 'vitest';
import { runPage } from './page.ts';
import { newShell } from './shell.ts';

async function freeAddress(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return `127.0.0.1:${port}`;
}

test('docs/service.md does what it says, as written', async () => {
  const address = await freeAddress();
  const { code, stdout, stderr } = await runPage(newShell(), 'service.md', {
    // Port 8787 may be taken on this machine.
    instead: { 'keys serve': `keys serve --listen ${address}`, '127.0.0.1:8787': address },
  });
  expect({ code, stderr }).toMatchObject({ code: 0 });
  expect(stdout.trim().split('\n')).toEqual([
    '"admin"',
    "keys: serve.yaml:5:1: there is no setting 'qouta'",
    '{"name":"admin","roles":["admin"]}',
    '["ci-deploy","admin"]',
    '{"valid":true,"name":"metrics","roles":["viewer"]}',
    '{"status":401,"code":"unauthenticated","hint":"send it as Authorization: Bearer <secret>"}',
    '3.1.1',
    'true',
    '{"status":"ready"}',
    'keys_verifies_total{result="valid"} 1',
    '["level","time","requestId","method","route","status","keyId","address","ms","msg"]',
    'ratelimit-policy: "user";q=6000;w=60',
    'service.db',
    '4',
    'exit 7',
    '1',
    '1',
    'its secret works',
    '"admin"',
  ]);
});
