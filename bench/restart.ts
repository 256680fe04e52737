/**
 * From the start of `keys serve`, on 100,000 keys and after a kill, to the first good verify: on SQLite, and on PostgreSQL where it is
 * installed. Wanted: at most 1 s. Beside it a Node that does nothing, which is the machine's part of it.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { lacksPostgres, runPostgres } from '../test/fakes/postgres-server.ts';
import { open } from './client.ts';
import { median } from './load.ts';
import { newSecrets, seed } from './seed.ts';
import { type BenchServer, serve } from './serve.ts';
import { askOf, ourAsks } from './targets.ts';

const short = process.argv.includes('--short');
const rounds = short ? 5 : 21;
const secrets = newSecrets(short ? 10_000 : 100_000);

async function bench(store: string, database: string): Promise<void> {
  await seed(database, secrets);
  const { adminSecret, stop } = await serve(database);
  await stop();
  const nodeMs: number[] = [];
  const timesMs: number[] = [];
  for (let round = 0; round <= rounds; round++) {
    const beganMs = performance.now();
    spawnSync(process.execPath, ['-e', '0']);
    const startedMs = performance.now();
    const server = await serve(database, { adminSecret });
    await verifies(server, 1);
    const servedMs = performance.now();
    // Something to recover from.
    await verifies(server, 1_000);
    await server.stop('SIGKILL');
    if (round === 0) continue;
    nodeMs.push(startedMs - beganMs);
    timesMs.push(servedMs - startedMs);
  }
  console.log(
    `${store}, ${secrets.length} keys: ${median(timesMs).toFixed(0)} ms to the first verify, ${Math.max(...timesMs).toFixed(0)} ms at most of ${rounds}; ` +
      `node -e 0 ${median(nodeMs).toFixed(0)} ms, ×${(median(timesMs) / median(nodeMs)).toFixed(1)}`,
  );
}

async function verifies(server: BenchServer, count: number): Promise<void> {
  const ask = askOf(ourAsks(server, secrets), 'verify');
  const connection = await open(server.port);
  for (let n = 0; n < count; n++) await connection.ask(ask(n));
  connection.close();
}

const home = mkdtempSync(join(tmpdir(), 'keys-bench-'));
await bench('SQLite', join(home, 'data', 'keys.db'));
rmSync(home, { recursive: true });
if (lacksPostgres) console.log(`without PostgreSQL: ${lacksPostgres}`);
else {
  const postgres = await runPostgres({ durable: true });
  try {
    await bench('PostgreSQL', await postgres.newDatabase());
  } finally {
    postgres.remove();
  }
}
