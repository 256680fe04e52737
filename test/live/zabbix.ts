/** Zabbix's web interface with its API, from Debian's packages, which are unpacked and not installed: no server, no Apache. */
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { installed, newDataDirectory } from './places.ts';
import { startPostgres } from './postgres.ts';
import { freePort, needPackages, run, start } from './process.ts';

export interface Zabbix {
  readonly url: string;
  /** Calls the API as it is documented, with a credential or none; throws what it says went wrong. */
  rpc(method: string, params: unknown, auth?: string): Promise<unknown>;
  stop(): Promise<void>;
}

/** What a new database holds. */
export const firstUser = { username: 'Admin', password: 'zabbix' };

export async function startZabbix(): Promise<Zabbix> {
  await needPackages('php-cli', 'php-pgsql', 'php-bcmath', 'php-gd', 'php-mbstring', 'php-xml');
  const root = await installed('zabbix-debian', unpack);
  const database = await startPostgres('zabbix');
  const home = await newDataDirectory('zabbix');
  const end = async () => {
    await database.stop();
    await rm(home, { recursive: true, force: true });
  };
  try {
    for (const part of ['schema', 'images', 'data']) {
      const packed = await readFile(join(root, `usr/share/zabbix-server-pgsql/${part}.sql.gz`));
      await database.sql(gunzipSync(packed).toString('utf8'));
    }
    const url = `http://127.0.0.1:${await freePort()}`;
    const rpc: Zabbix['rpc'] = (method, params, auth) => call(url, method, params, auth);
    const php = ['php', '-S', url.slice('http://'.length), '-t', join(root, 'usr/share/zabbix')];
    const server = await start(php, {
      log: join(home, 'log'),
      env: { ZABBIX_DATABASE_PORT: String(database.port) },
      ready: async () => typeof (await rpc('apiinfo.version', [])) === 'string',
    });
    return { url, rpc, stop: () => server.stop().finally(end) };
  } catch (error) {
    await end();
    throw error;
  }
}

async function unpack(directory: string): Promise<void> {
  await run(['apt-get', 'download', 'zabbix-frontend-php', 'zabbix-server-pgsql'], { cwd: directory });
  const packages = (await readdir(directory)).filter((name) => name.endsWith('.deb'));
  for (const name of packages) {
    await run(['dpkg', '-x', name, '.'], { cwd: directory });
    await rm(join(directory, name));
  }
  // The one change to the vendor's files: where its configuration is.
  const reader = join(directory, 'usr/share/zabbix/include/classes/core/CConfigFile.php');
  const text = await readFile(reader, 'utf8');
  const place = "const CONFIG_FILE_PATH = '/etc/zabbix/zabbix.conf.php'";
  if (!text.includes(place)) throw new Error(`${reader} does not say where its configuration is`);
  await writeFile(reader, text.replace(place, "const CONFIG_FILE_PATH = __DIR__.'/keys-live.conf.php'"));
  await writeFile(join(reader, '../keys-live.conf.php'), configuration);
}

const configuration = `<?php
$DB['TYPE'] = 'POSTGRESQL';
$DB['SERVER'] = '127.0.0.1';
$DB['PORT'] = getenv('ZABBIX_DATABASE_PORT');
$DB['DATABASE'] = 'zabbix';
$DB['USER'] = 'postgres';
$DB['PASSWORD'] = '';
$DB['SCHEMA'] = '';
$DB['ENCRYPTION'] = false;
$DB['DOUBLE_IEEE754'] = true;
`;

async function call(url: string, method: string, params: unknown, auth?: string): Promise<unknown> {
  const response = await fetch(`${url}/api_jsonrpc.php`, {
    method: 'POST',
    headers: { 'content-type': 'application/json-rpc' },
    body: JSON.stringify({ jsonrpc: '2.0', method, params, id: 1, ...(auth && { auth }) }),
  });
  const { result, error } = (await response.json()) as { result?: unknown; error?: { data: string } };
  if (error) throw new Error(`${method}: ${error.data}`);
  return result;
}
