/** Verdaccio, a private npm registry, with one package of its own and no registry behind it. */
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { installedFromNpm, newDataDirectory } from './places.ts';
import { freePort, start } from './process.ts';

export interface Verdaccio {
  readonly url: string;
  readonly user: string;
  readonly password: string;
  stop(): Promise<void>;
}

export async function startVerdaccio(): Promise<Verdaccio> {
  const root = await installedFromNpm('verdaccio');
  const home = await newDataDirectory('verdaccio');
  const url = `http://127.0.0.1:${await freePort()}`;
  const config = join(home, 'config.yaml');
  await writeFile(config, configuration);
  const verdaccio = join(root, 'node_modules/verdaccio/bin/verdaccio');
  const server = await start([process.execPath, verdaccio, '-c', config, '-l', url.slice('http://'.length)], {
    cwd: home,
    log: join(home, 'log'),
    ready: async () => (await fetch(`${url}/-/ping`)).ok,
  });
  const [user, password] = ['alice', 'correct-horse-battery'];
  const registered = await fetch(`${url}/-/user/org.couchdb.user:${user}`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ name: user, password }),
  });
  const stop = () => server.stop().finally(() => rm(home, { recursive: true, force: true }));
  if (registered.status === 201) return { url, user, password, stop };
  await stop();
  throw new Error(`Verdaccio does not register ${user}: ${await registered.text()}`);
}

const configuration = `storage: ./storage
auth:
  htpasswd:
    file: ./htpasswd
uplinks: {}
packages:
  '**':
    access: $authenticated
    publish: $authenticated
log: { type: stdout, format: json, level: warn }
`;
