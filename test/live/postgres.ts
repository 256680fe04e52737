/** A PostgreSQL of Debian's, with a database for one service, on loopback. */
import { chown, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Client } from 'pg';
import { newDataDirectory } from './places.ts';
import { freePort, needPackages, run, start } from './process.ts';

export interface Postgres {
  readonly port: number;
  /** Runs statements in the database, as one request: a round trip each takes minutes on a machine that is busy. */
  sql(statements: string): Promise<void>;
  stop(): Promise<void>;
}

/** PostgreSQL refuses to run as root. */
const user = 'postgres';

export async function startPostgres(database: string): Promise<Postgres> {
  await needPackages('postgresql');
  const bin = await binaries();
  const home = await newDataDirectory('postgres');
  if (process.getuid?.() === 0) {
    const uid = Number(await run(['id', '-u', user]));
    await chown(home, uid, Number(await run(['id', '-g', user])));
  }
  const data = join(home, 'data');
  await run([join(bin, 'initdb'), '-D', data, '-A', 'trust', '-U', user, '--no-sync', '-E', 'UTF8'], {
    user,
  });
  const port = await freePort();
  const sql = async (to: string, statements: string) => {
    const client = new Client({ host: '127.0.0.1', port, user, database: to });
    try {
      await client.connect();
      await client.query(statements);
    } finally {
      await client.end();
    }
  };
  const settings = [
    'listen_addresses=127.0.0.1',
    `port=${port}`,
    `unix_socket_directories=${home}`,
    'fsync=off',
    'synchronous_commit=off',
  ];
  const server = await start(
    [join(bin, 'postgres'), '-D', data, ...settings.flatMap((each) => ['-c', each])],
    {
      user,
      log: join(home, 'log'),
      signal: 'SIGINT',
      ready: () => sql('postgres', 'select 1').then(() => true),
    },
  );
  await sql('postgres', `create database ${database}`);
  return {
    port,
    sql: (statements) => sql(database, statements),
    async stop() {
      await server.stop();
      await rm(home, { recursive: true, force: true });
    },
  };
}

async function binaries(): Promise<string> {
  const base = '/usr/lib/postgresql';
  const newest = (await readdir(base)).sort((a, b) => Number(a) - Number(b)).at(-1) ?? '';
  return join(base, newest, 'bin');
}
