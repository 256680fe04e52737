/** A PostgreSQL of Debian's, with a database for one service, on loopback. */
import { chown, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { newDataDirectory } from './places.ts';
import { freePort, needPackages, run, start } from './process.ts';

export interface Postgres {
  readonly port: number;
  /** Runs statements in the database, from a text or a file. */
  sql(source: { text: string } | { file: string }): Promise<void>;
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
  const psql = ['psql', '-q', '-v', 'ON_ERROR_STOP=1', '-h', '127.0.0.1', '-p', String(port), '-U', user];
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
      ready: async () => (await run([...psql, '-c', 'select 1'])) !== '',
    },
  );
  await run([...psql, '-c', `create database ${database}`]);
  return {
    port,
    sql: async (source) => {
      const from = 'text' in source ? ['-c', source.text] : ['-1', '-f', source.file];
      await run([...psql, '-d', database, ...from]);
    },
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
