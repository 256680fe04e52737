/**
 * better-auth's API-key plugin behind `node:http`, asked as its documentation says: `auth.api.verifyApiKey`, `createApiKey`,
 * `listApiKeys`. Its settings are its defaults but for these:
 * - SQLite through `node:sqlite`, opened as its documentation shows (`new DatabaseSync(path)`, which comes to a rollback journal and
 *   `synchronous = FULL`). With `?synchronous=FULL` behind the path in WAL mode, as ours is; with `?synchronous=NORMAL` it does not wait
 *   for the disk either: a power cut takes keys that were just created. PostgreSQL through a `pg` pool of 10, as ours.
 * - the plugin's limit on, higher than any bench reaches, and counted by each key, as it counts.
 * - its log off. It has no audit log of keys.
 * Keys live in the database (`storage: 'database'`, the default), as ours do: a revoke counts at once.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { DatabaseSync } from 'node:sqlite';
import { apiKey } from '@better-auth/api-key';
import { betterAuth } from 'better-auth';
import { getMigrations } from 'better-auth/db/migration';
import pg from 'pg';

const { DATABASE = '', SECRETS = '' } = process.env;
const onPostgres = DATABASE.startsWith('postgres:');
const rateLimit = { enabled: true, timeWindow: 60_000, maxRequests: 999_999_999 };

function openDatabase() {
  if (onPostgres) return new pg.Pool({ connectionString: DATABASE, max: 10 });
  const [path, synchronous] = DATABASE.split('?synchronous=');
  const db = new DatabaseSync(path);
  if (synchronous) db.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = ${synchronous}`);
  return db;
}

const database = openDatabase();
const options = {
  baseURL: 'http://127.0.0.1',
  secret: 'a secret of a bench, which signs the cookies of nobody else',
  database,
  emailAndPassword: { enabled: true },
  rateLimit: { enabled: false },
  logger: { disabled: true },
  telemetry: { enabled: false },
  plugins: [apiKey({ defaultPrefix: 'keys_', rateLimit })],
};
const auth = betterAuth(options);
await (await getMigrations(options)).runMigrations();

/** As many users as keys belong to, a hundred each; the first one has a session, to list with. */
const secrets = readFileSync(SECRETS, 'utf8').split('\n').filter(Boolean);
const userIds = [];
const context = await auth.$context;
for (let n = 0; n < 1_000; n++) {
  if (n === 0) {
    const body = { name: 'user-0', email: 'user-0@example.com', password: 'a long password of a bench' };
    userIds.push((await auth.api.signUpEmail({ body })).user.id);
    continue;
  }
  const user = { name: `user-${n}`, email: `user-${n}@example.com`, emailVerified: false };
  userIds.push((await context.internalAdapter.createUser(user)).id);
}
await seed();
const headers = await signIn();

async function signIn() {
  const { headers } = await auth.api.signInEmail({
    body: { email: 'user-0@example.com', password: 'a long password of a bench' },
    returnHeaders: true,
  });
  const cookies = headers.getSetCookie().map((cookie) => cookie.split(';')[0]);
  return new Headers({ cookie: cookies.join('; ') });
}

/** As `createApiKey` writes them; one was made to look at. */
async function seed() {
  const made = await auth.api.createApiKey({ body: { name: 'key-0', userId: userIds[0] } });
  const columns = (row) =>
    Object.keys(row).filter((name) => !['id', 'key', 'name', 'referenceId'].includes(name));
  const quoted = (name) => `"${name}"`;
  const rows = secrets.map((secret, n) => [
    `bench-${n}`,
    createHash('sha256').update(secret).digest('base64url'),
    `key-${n}`,
    userIds[n % userIds.length],
  ]);
  if (onPostgres) {
    const { rows: found } = await database.query('SELECT * FROM apikey WHERE id = $1', [made.id]);
    const names = columns(found[0]).map(quoted).join(', ');
    await database.query(
      `INSERT INTO apikey (id, key, name, "referenceId", ${names})
       SELECT made.*, ${columns(found[0]).map((name) => `apikey.${quoted(name)}`)} FROM apikey,
         unnest($1::text[], $2::text[], $3::text[], $4::text[]) AS made WHERE apikey.id = $5`,
      [...[0, 1, 2, 3].map((at) => rows.map((row) => row[at])), made.id],
    );
    await database.query('VACUUM ANALYZE');
    return;
  }
  const found = database.prepare('SELECT * FROM apikey WHERE id = ?').get(made.id);
  const names = columns(found).map(quoted).join(', ');
  const insert = database.prepare(
    `INSERT INTO apikey (id, key, name, "referenceId", ${names}) SELECT ?, ?, ?, ?, ${names} FROM apikey WHERE id = ?`,
  );
  database.exec('BEGIN');
  for (const row of rows) insert.run(...row, made.id);
  database.exec('COMMIT');
}

async function answer(path, body) {
  if (path === '/verify') return auth.api.verifyApiKey({ body: { key: body.secret } });
  if (path === '/create') {
    const userId = userIds[Number(body.owner.slice('user-'.length))];
    return auth.api.createApiKey({ body: { name: body.name, userId } });
  }
  return auth.api.listApiKeys({ headers, query: { limit: 100 } });
}

const server = createServer((request, response) => {
  let body = '';
  request.on('data', (chunk) => {
    body += chunk;
  });
  request.on('end', async () => {
    const [status, found] = await answer(request.url, body === '' ? {} : JSON.parse(body)).then(
      (value) => [200, value],
      (error) => [500, { error: String(error) }],
    );
    response.statusCode = status;
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(found));
  });
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
