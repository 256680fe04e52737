/**
 * `keys serve` with 100,000 keys, limits and audit on, against a bare `node:http` server on the same rows and, with `--better-auth`,
 * against better-auth's API-key plugin: verify, create, list and a mix of them, on SQLite and on PostgreSQL. Wanted of verify: at
 * least 0.6 of the bare server's requests a second, and at least 10 times better-auth's. `npm run bench:load` measures all of it;
 * `--store sqlite` or `--store postgres` one database alone, `--work verify` one of the works, `--connections 64` with so many.
 */
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { lacksPostgres, type Postgres, runPostgres } from '../test/fakes/postgres-server.ts';
import { startBetterAuth } from './better-auth.ts';
import { measure, timesOf, usualConnections } from './load.ts';
import { memoryOf, type Program, startProgram } from './program.ts';
import { newSecrets, seed } from './seed.ts';
import { type BenchServer, serve } from './serve.ts';
import { type Asks, askOf, otherAsks, ourAsks, works } from './targets.ts';

const { values } = parseArgs({
  options: {
    short: { type: 'boolean', default: false },
    'better-auth': { type: 'boolean', default: false },
    store: { type: 'string' },
    work: { type: 'string', multiple: true },
    connections: { type: 'string', default: String(usualConnections) },
  },
});
const connections = Number(values.connections);
const effort = { rounds: values.short ? 2 : 9, seconds: values.short ? 1 : 3, connections };
const secrets = newSecrets(values.short ? 10_000 : 100_000);

/** Databases of the three, two of them with the same keys. */
interface Databases {
  readonly ours: string;
  readonly bare: string;
  readonly betterAuth: Readonly<Record<string, string>>;
}

const home = mkdtempSync(join(tmpdir(), 'keys-bench-'));
try {
  if (values.store !== 'postgres') await bench('SQLite', await sqliteDatabases());
  if (values.store !== 'sqlite') {
    if (lacksPostgres) console.log(`without PostgreSQL: ${lacksPostgres}`);
    else await onPostgres((postgres) => postgresDatabases(postgres));
  }
} finally {
  rmSync(home, { recursive: true });
}

async function sqliteDatabases(): Promise<Databases> {
  const ours = join(home, 'data', 'keys.db');
  await seed(ours, secrets);
  const bare = join(home, 'bare.db');
  copyFileSync(ours, bare);
  return {
    ours,
    bare,
    betterAuth: {
      'better-auth': join(home, 'better-auth.db'),
      'better-auth WAL': `${join(home, 'better-auth-wal.db')}?synchronous=FULL`,
      'better-auth NORMAL': `${join(home, 'better-auth-normal.db')}?synchronous=NORMAL`,
    },
  };
}

async function onPostgres(databases: (postgres: Postgres) => Promise<Databases>): Promise<void> {
  const postgres = await runPostgres({ durable: true });
  try {
    await bench('PostgreSQL', await databases(postgres));
  } finally {
    postgres.remove();
  }
}

async function postgresDatabases(postgres: Postgres): Promise<Databases> {
  const ours = await postgres.newDatabase();
  await seed(ours, secrets);
  const bare = await postgres.newDatabase();
  await seed(bare, secrets);
  return { ours, bare, betterAuth: { 'better-auth': await postgres.newDatabase() } };
}

interface Contestant extends Program {
  readonly name: string;
  readonly asks: Asks;
}

async function bench(store: string, databases: Databases): Promise<void> {
  const contestants: Contestant[] = [];
  try {
    const bare = await startProgram(['bench/bare.ts'], { DATABASE: databases.bare });
    contestants.push({ name: 'bare node:http', ...bare, asks: otherAsks(secrets, '"owner":') });
    const ours = await serve(databases.ours);
    contestants.push({ name: 'keys serve', ...ours, asks: ourAsks(ours, secrets) });
    for (const [name, address] of Object.entries(values['better-auth'] ? databases.betterAuth : {})) {
      const other = await startBetterAuth(address, join(home, 'secrets'), secrets);
      contestants.push({ name, ...other, asks: otherAsks(secrets, '"referenceId":') });
    }
    console.log(
      `\n${store}, ${secrets.length} keys, ${connections} connections, ${effort.rounds} rounds; × to the bare server`,
    );
    for (const work of works.filter((name) => values.work?.includes(name) ?? true)) {
      const targets = contestants.map(({ port, pid, asks }) => ({ port, pid, ask: askOf(asks, work) }));
      const measured = await measure(targets, effort);
      for (const [index, { name }] of contestants.entries()) {
        const { rate = 0, cpuMs = 0, medianMs = 0, p99Ms = 0 } = measured[index] ?? {};
        const ratio = timesOf(measured[index], measured[0]);
        console.log(
          `${work.padEnd(8)}${name.padEnd(20)}${rate.toFixed(0).padStart(7)} a second  ×${ratio.toFixed(2).padStart(5)}` +
            `  median ${medianMs.toFixed(2)} ms  p99 ${p99Ms.toFixed(2)} ms  processor ${cpuMs.toFixed(3)} ms`,
        );
      }
      const [, own, ...others] = measured;
      for (const [index, other] of others.entries()) {
        const times = timesOf(own, other).toFixed(1);
        console.log(`        keys serve to ${contestants[index + 2]?.name}  ×${times}`);
      }
    }
    const memory = contestants.map(({ name, pid }) => `${name} ${memoryOf(pid).peakMb.toFixed(0)} MB`);
    console.log(`memory at most: ${memory.join(', ')}`);
    console.log(`verifies that the audit log counts and does not tell: ${await untold(ours)}`);
  } finally {
    for (const { stop } of contestants) await stop();
  }
}

/** Under a load that its queue does not stand, the log holds a count instead of rows. */
async function untold({ url, adminSecret }: BenchServer): Promise<number> {
  const answer = await fetch(`${url}/v1/audit?action=unrecorded&limit=1000`, {
    headers: { authorization: `Bearer ${adminSecret}` },
  });
  const { entries } = (await answer.json()) as { entries: { details: { count: number } }[] };
  return entries.reduce((sum, { details }) => sum + details.count, 0);
}
