/** Unleash on Debian's PostgreSQL. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { installedFromNpm, newDataDirectory } from './places.ts';
import { startPostgres } from './postgres.ts';
import { freePort, start } from './process.ts';

export interface Unleash {
  readonly url: string;
  /** A token that may administer the others. */
  readonly token: string;
  stop(): Promise<void>;
}

export async function startUnleash(): Promise<Unleash> {
  const root = await installedFromNpm('unleash');
  const database = await startPostgres('unleash');
  const home = await newDataDirectory('unleash');
  const end = async () => {
    await database.stop();
    await rm(home, { recursive: true, force: true });
  };
  try {
    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    const token = '*:*.unleash-insecure-admin-api-token';
    const server = await start([process.execPath, join(root, 'node_modules/unleash-server/dist/server.js')], {
      cwd: home,
      log: join(home, 'log'),
      env: {
        DATABASE_HOST: '127.0.0.1',
        DATABASE_PORT: String(database.port),
        DATABASE_USERNAME: 'postgres',
        DATABASE_PASSWORD: 'none',
        DATABASE_NAME: 'unleash',
        DATABASE_SSL: 'false',
        HTTP_HOST: '127.0.0.1',
        HTTP_PORT: String(port),
        CHECK_VERSION: 'false',
        SEND_TELEMETRY: 'false',
        INIT_ADMIN_API_TOKENS: token,
      },
      ready: async () => (await fetch(`${url}/health`)).ok,
    });
    return { url, token, stop: () => server.stop().finally(end) };
  } catch (error) {
    await end();
    throw error;
  }
}
