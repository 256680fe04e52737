/** Strapi without its admin panel, on Debian's PostgreSQL, with one content type to use a key on. */
import { mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { installedFromNpm, newDataDirectory } from './places.ts';
import { startPostgres } from './postgres.ts';
import { freePort, start } from './process.ts';

export interface Strapi {
  readonly url: string;
  /** An admin token that may do everything with API tokens. */
  readonly token: string;
  stop(): Promise<void>;
}

export async function startStrapi(): Promise<Strapi> {
  const root = await installedFromNpm('strapi');
  const database = await startPostgres('strapi');
  const home = await newDataDirectory('strapi');
  const end = async () => {
    await database.stop();
    await rm(home, { recursive: true, force: true });
  };
  try {
    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    for (const [path, text] of Object.entries(application(port, database.port))) {
      await mkdir(dirname(join(home, path)), { recursive: true });
      await writeFile(join(home, path), text);
    }
    await mkdir(join(home, 'public/uploads'), { recursive: true });
    await symlink(join(root, 'node_modules'), join(home, 'node_modules'));
    const strapi = join(root, 'node_modules/@strapi/strapi/bin/strapi.js');
    const server = await start([process.execPath, strapi, 'start'], {
      cwd: home,
      log: join(home, 'log'),
      env: { STRAPI_TELEMETRY_DISABLED: 'true', NODE_ENV: 'production' },
      ready: async () => (await fetch(`${url}/_health`)).status === 204,
    });
    const stop = () => server.stop().finally(end);
    try {
      return { url, token: await firstToken(url), stop };
    } catch (error) {
      await server.stop();
      throw error;
    }
  } catch (error) {
    await end();
    throw error;
  }
}

async function firstToken(url: string): Promise<string> {
  const person = { email: 'admin@example.com', password: 'Correct-horse-1', firstname: 'A', lastname: 'B' };
  const registered = (await post(`${url}/admin/register-admin`, person)) as { data: { token: string } };
  const actions = ['access', 'create', 'read', 'update', 'delete', 'regenerate'];
  const adminPermissions = actions.map((action) => ({ action: `admin::api-tokens.${action}` }));
  const wanted = { name: 'keys', description: '', lifespan: null, adminPermissions };
  const made = (await post(`${url}/admin/admin-tokens`, wanted, registered.data.token)) as {
    data: { accessKey: string };
  };
  return made.data.accessKey;
}

async function post(url: string, body: unknown, token?: string): Promise<unknown> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${url} answers ${response.status}: ${await response.text()}`);
  return response.json();
}

function application(port: number, databasePort: number): Record<string, string> {
  const client = `client: 'postgres', connection: { host: '127.0.0.1', port: ${databasePort}, database: 'strapi', user: 'postgres', password: 'none' }`;
  return {
    'package.json':
      '{ "name": "keys-live-strapi", "private": true, "strapi": { "uuid": false }, "dependencies": { "@strapi/strapi": "5.54.0" } }',
    'config/server.js': `module.exports = { host: '127.0.0.1', port: ${port}, app: { keys: ['one', 'two'] } };`,
    'config/admin.js': `module.exports = {
  serveAdminPanel: false,
  auth: { secret: 'for tests' },
  apiToken: { salt: 'for tests' },
  transfer: { token: { salt: 'for tests' } },
  rateLimit: { enabled: false },
};`,
    'config/database.js': `module.exports = { connection: { ${client} } };`,
    'config/plugins.js': 'module.exports = {};',
    'config/middlewares.js': `module.exports = ['strapi::logger', 'strapi::errors', 'strapi::security', 'strapi::cors', 'strapi::poweredBy',
  'strapi::query', 'strapi::body', 'strapi::session', 'strapi::favicon', 'strapi::public'];`,
    'src/index.js': 'module.exports = {};',
    'src/api/note/content-types/note/schema.json': JSON.stringify({
      kind: 'collectionType',
      collectionName: 'notes',
      info: { singularName: 'note', pluralName: 'notes', displayName: 'Note' },
      attributes: { text: { type: 'string' } },
    }),
    'src/api/note/routes/note.js':
      "module.exports = require('@strapi/strapi').factories.createCoreRouter('api::note.note');",
    'src/api/note/controllers/note.js':
      "module.exports = require('@strapi/strapi').factories.createCoreController('api::note.note');",
    'src/api/note/services/note.js':
      "module.exports = require('@strapi/strapi').factories.createCoreService('api::note.note');",
    'favicon.png': '',
  };
}
