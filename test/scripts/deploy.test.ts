import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { configurationFrom } from '../../src/service/configuration-sources.ts';
import { lacksPostgres, runPostgres } from '../fakes/postgres-server.ts';
import { runPage } from './page.ts';
import { newShell } from './shell.ts';

async function freePort(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return String(port);
}

const folder = new URL('../../docs/deploy/', import.meta.url).pathname;

test.skipIf(lacksPostgres !== null)(
  'docs/deploy: two instances on one PostgreSQL do what the page says, as written (skipped without PostgreSQL)',
  async () => {
    const postgres = await runPostgres({ durable: false });
    onTestFinished(() => postgres.remove());
    const env = { DATABASE: await postgres.newDatabase() };
    const { code, stdout, stderr } = await runPage(newShell(), 'deploy/README.md', {
      env,
      // The page's ports may be taken on this machine.
      instead: { 8788: await freePort(), 8789: await freePort() },
    });
    expect({ code, stderr }).toMatchObject({ code: 0 });
    expect(stdout.trim().split('\n')).toEqual(['good on the other', 'refused by the first']);
  },
);

test('docs/deploy/serve.yaml is a configuration, and the unit sets only what there is', async () => {
  const unit = readFileSync(`${folder}keys.service`, 'utf8');
  const container = readFileSync(`${folder}Containerfile`, 'utf8');
  const said = `${unit}\n${container}`.matchAll(/\b(KEYS_SERVE_[A-Z_]+)=(\S+)/g);
  const env = Object.fromEntries([...said].map(([, name, value]) => [name, value]));
  const configuration = await configurationFrom({ options: {}, env: {}, file: `${folder}serve.yaml` });
  expect(configuration).toMatchObject({ quota: 100, trustedProxies: ['loopback'] });
  expect(await configurationFrom({ options: {}, env })).toMatchObject({ listen: { host: '0.0.0.0' } });
});

const lacksSystemd = spawnSync('systemd-analyze', ['--version']).status !== 0;

test.skipIf(lacksSystemd)('systemd finds nothing wrong with the unit (skipped without systemd)', () => {
  const { stderr } = spawnSync('systemd-analyze', ['verify', `${folder}keys.service`], { encoding: 'utf8' });
  // The command is where the page installs it, not here.
  const complaints = stderr.split('\n').filter((line) => line && !/keys is not executable/.test(line));
  expect(complaints).toEqual([]);
});
