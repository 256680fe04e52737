/** Opens the database: the right one, durable, at the latest step, also when several instances open it first at once. */
import { Client, Pool, type PoolConfig, type QueryConfig, type QueryResult, types } from 'pg';
import { KeysError } from '../errors.ts';
import { migrations } from './migrations/index.ts';
import { postgresDialect } from './postgres-dialect.ts';
import { postgresError, told } from './postgres-errors.ts';
import { withPassword } from './postgres-password.ts';

const int8 = 20;

/** As long as a timer can wait: 24 days. */
const longestMs = 2 ** 31 - 1;

/** The connections of one instance. */
export interface Pools {
  /** For transactions, which come one by one: one is at work, and the next one is at the lock when it is free. */
  readonly writers: Pool;
  /** For single statements, which so wait for no lock. */
  readonly others: Pool;
}

/** A connection string as libpq knows it, and what every connection keeps to. */
function poolConfig(url: string): PoolConfig {
  return {
    connectionString: url,
    application_name: 'keys',
    keepAlive: true,
    // One that is away never says that a connection has ended; the process does not wait for it.
    allowExitOnIdle: true,
    connectionTimeoutMillis: 5_000,
    // A database that does not answer is away, and a request that waits for it is refused.
    query_timeout: 10_000,
    statement_timeout: 8_000,
    lock_timeout: 5_000,
    idle_in_transaction_session_timeout: 15_000,
    types: {
      // Whole numbers are times in milliseconds and counts: all of them are exact as numbers.
      getTypeParser: ((oid: number, format?: 'text' | 'binary') =>
        oid === int8 ? Number : types.getTypeParser(oid, format as 'text')) as typeof types.getTypeParser,
    },
  };
}

/** Throws `unavailable`, and `invalid` when it is not a database of ours or a newer one. */
export async function openPools(url: string): Promise<Pools> {
  const address = strict(await withPassword(url));
  // What a transaction sends and does not wait for is on its way together.
  const writers = newPool(address, { max: 2, pipeline: true });
  try {
    const client = await told(writers.connect());
    try {
      await prepare((text, values = [], timeoutMs) => {
        // The types do not know of it.
        const limit = timeoutMs === undefined ? {} : { query_timeout: timeoutMs };
        const query: QueryConfig = { text, values, ...limit };
        return told(client.query(query));
      });
    } finally {
      client.release();
    }
    return { writers, others: newPool(address, { max: 8 }) };
  } catch (error) {
    await writers.end();
    throw postgresError(error);
  }
}

function newPool(url: string, options: Pick<PoolConfig, 'max' | 'pipeline'>): Pool {
  const config = { ...poolConfig(url), ...options };
  try {
    // A pool reads its address, and the files it names, when it first connects; what is wrong with them is told now.
    void new Client(config);
  } catch (cause) {
    if (cause instanceof Error && 'syscall' in cause) {
      throw new KeysError('invalid', `the address of the database names a file: ${cause.message}`, { cause });
    }
    throw new KeysError('invalid', 'the address of the database makes no sense', {
      cause,
      hint: 'write it as postgres://USER@HOST/DATABASE?sslmode=verify-full',
    });
  }
  const pool = new Pool(config);
  // A connection that breaks leaves the pool, and whoever asked it is told; nobody else has to know.
  pool.on('error', () => {});
  pool.on('connect', (client) => client.on('error', () => {}));
  return pool;
}

/** Where no certificate is checked, whoever is in between has the password. The driver's next version would read these modes so. */
function strict(address: string): string {
  // Not as a URL: it knows no address with a user and without a host, as `postgres://USER@/DATABASE?host=…`; the driver does.
  const [place = '', ...query] = address.split('?');
  const parameters = new URLSearchParams(query.join('?'));
  requireKnownTls(parameters);
  const mode = parameters.get('sslmode') ?? '';
  const isLax = ['prefer', 'require', 'verify-ca'].includes(mode) && !parameters.has('uselibpqcompat');
  if (!isLax) return address;
  parameters.set('sslmode', 'verify-full');
  return `${place}?${parameters}`;
}

const tlsModes = ['disable', 'prefer', 'require', 'verify-ca', 'verify-full', 'no-verify'];
const tlsParameters = ['ssl', 'sslmode', 'sslcert', 'sslkey', 'sslrootcert', 'sslnegotiation'];

/** The driver passes over what it does not know: TLS would be off, or a list of revoked certificates not looked at. Throws `invalid`. */
function requireKnownTls(parameters: URLSearchParams): void {
  for (const [name, value] of parameters) {
    const hint = 'write it as postgres://USER@HOST/DATABASE?sslmode=verify-full';
    if (/^ssl|^tls/i.test(name) && !tlsParameters.includes(name)) {
      throw new KeysError('invalid', `the address of the database has an unknown parameter ${name}`, {
        hint,
      });
    }
    if (name === 'sslmode') requireKnownMode('the address of the database', value);
  }
  const { PGSSLMODE } = process.env;
  if (PGSSLMODE && !parameters.has('sslmode')) requireKnownMode('PGSSLMODE', PGSSLMODE);
}

function requireKnownMode(place: string, mode: string): void {
  if (tlsModes.includes(mode)) return;
  throw new KeysError('invalid', `${place} has an unknown sslmode ${mode}`, {
    hint: `one of ${tlsModes.join(', ')}`,
  });
}

/** `timeoutMs` is how long the answer may take, where it is not the usual time. */
type Ask = (text: string, values?: unknown[], timeoutMs?: number) => Promise<QueryResult>;

async function prepare(ask: Ask): Promise<void> {
  const durable = await ask('SHOW synchronous_commit');
  if (durable.rows[0]?.synchronous_commit === 'off') {
    throw new KeysError(
      'invalid',
      'this PostgreSQL forgets what it has acknowledged: synchronous_commit is off',
      {
        hint: 'turn it on for this user: ALTER ROLE … SET synchronous_commit = on',
      },
    );
  }
  await refuseForeign(ask);
  // Two that create a table at once can get in each other's way, `IF NOT EXISTS` or not; the one that failed finds it there.
  const failure = await ask(
    'CREATE TABLE IF NOT EXISTS keys_schema (id INT PRIMARY KEY, step BIGINT NOT NULL)',
  ).then(
    () => null,
    (error) => error,
  );
  await ask('INSERT INTO keys_schema (id, step) VALUES (1, 0) ON CONFLICT DO NOTHING').catch((error) => {
    throw failure ?? error;
  });
  // Whoever waited here for another instance is to see what that one did. What fails is undone when the connection is closed.
  await ask('BEGIN ISOLATION LEVEL READ COMMITTED');
  const found = await ask('SELECT step FROM keys_schema WHERE id = 1 FOR UPDATE');
  const step = Number(found.rows[0]?.step);
  if (step > migrations.length) {
    throw new KeysError('invalid', 'the database was written by a newer version of keys', {
      hint: `install that version; this one knows the database up to step ${migrations.length}, it is at ${step}`,
    });
  }
  // A step may go through all rows there are.
  await ask('SET LOCAL statement_timeout = 0');
  for (const sql of migrations.slice(step)) await ask(sql(postgresDialect), [], longestMs);
  if (step < migrations.length) await ask('UPDATE keys_schema SET step = $1', [migrations.length]);
  await ask('COMMIT');
}

/** Only an empty schema becomes ours. */
async function refuseForeign(ask: Ask): Promise<void> {
  const tables = await ask(
    'SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema()',
  );
  const names = tables.rows.map(({ table_name: name }) => name);
  if (names.length === 0 || names.includes('keys_schema')) return;
  throw new KeysError('invalid', 'this database holds tables of some other program', {
    hint: 'make one for the keys alone: createdb keys',
  });
}
