/** A real PostgreSQL on loopback, in a directory of its own. */
import { execFileSync, spawnSync } from 'node:child_process';
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';

const debian = '/usr/lib/postgresql';

function binaries(): string | null {
  const versions = existsSync(debian) ? readdirSync(debian) : [];
  const directories = versions
    .toSorted((a, b) => Number(b) - Number(a))
    .map((version) => join(debian, version, 'bin'));
  return directories.find((directory) => existsSync(join(directory, 'initdb'))) ?? null;
}

/** Why no test can have one here; `null` when it can. CI has to have it. */
export const lacksPostgres =
  binaries() === null && !process.env.CI ? 'PostgreSQL is not installed: apt-get install postgresql' : null;

export interface Postgres {
  /** The address of a new, empty database. */
  newDatabase(): Promise<string>;
  stop(): void;
  start(): void;
  /** Starts it as one that takes no changes until it is started otherwise. */
  startAsStandby(): void;
  /** Stops it and removes what it kept. */
  remove(): void;
}

export interface PostgresOptions {
  /** Otherwise its disk is not waited for. */
  readonly durable: boolean;
  /** With one it speaks TLS as well. */
  readonly certificate?: { readonly cert: Buffer; readonly key: Buffer };
}

export async function runPostgres({ durable, certificate }: PostgresOptions): Promise<Postgres> {
  const bin = binaries();
  if (bin === null) throw new Error('PostgreSQL is not installed: apt-get install postgresql');
  const directory = mkdtempSync(join(tmpdir(), 'keys-pg-'));
  const data = join(directory, 'data');
  const port = await freePort();
  // PostgreSQL does not run as root.
  const isRoot = process.getuid?.() === 0;
  if (isRoot) chownSync(directory, Number(execFileSync('id', ['-u', 'postgres'])), -1);

  function command(name: string, ...args: string[]): void {
    const line = [join(bin ?? '', name), ...args];
    const [program = '', ...rest] = isRoot ? ['runuser', '-u', 'postgres', '--', ...line] : line;
    const { status, stderr } = spawnSync(program, rest, {
      stdio: ['ignore', 'ignore', 'pipe'],
      cwd: directory,
    });
    if (status !== 0) throw new Error(`${name} failed: ${stderr}`);
  }

  function start(): void {
    const fsync = durable ? 'on' : 'off';
    const options = `-c listen_addresses=127.0.0.1 -c port=${port} -c unix_socket_directories= -c fsync=${fsync} -c ssl=${certificate ? 'on' : 'off'}`;
    command('pg_ctl', 'start', '-w', '-D', data, '-l', join(directory, 'log'), '-o', options);
  }

  function startAsStandby(): void {
    const signal = join(data, 'standby.signal');
    writeFileSync(signal, '');
    start();
    rmSync(signal);
  }

  function stop(): void {
    command('pg_ctl', 'stop', '-w', '-m', 'immediate', '-D', data);
  }

  command('initdb', '-D', data, '-A', 'trust', '-U', 'postgres', '--no-sync', '-E', 'UTF8');
  if (certificate) {
    const files = { 'server.crt': certificate.cert, 'server.key': certificate.key };
    for (const [name, content] of Object.entries(files)) {
      writeFileSync(join(data, name), content, { mode: 0o600 });
      if (isRoot) chownSync(join(data, name), statSync(data).uid, -1);
    }
  }
  start();
  let databases = 0;
  return {
    async newDatabase() {
      const name = `keys_${++databases}`;
      const client = new Client(`postgres://postgres@127.0.0.1:${port}/postgres`);
      await client.connect();
      await client.query(`CREATE DATABASE ${name}`);
      await client.end();
      return `postgres://postgres@127.0.0.1:${port}/${name}`;
    },
    start,
    startAsStandby,
    stop,
    remove() {
      try {
        stop();
      } finally {
        rmSync(directory, { recursive: true, force: true });
      }
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address ? address.port : 0;
}
