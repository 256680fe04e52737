/**
 * Whether `keys serve` keeps what it is done with: `npm run bench:soak -- 10` loads it for ten minutes with verifies, creates and lists,
 * looks at its memory after a garbage collection again and again, and compares the first third of the samples with the last one.
 * Wanted: no growth, and no error. `--store postgres` for the other database.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { runPostgres } from '../test/fakes/postgres-server.ts';
import { type Connection, open } from './client.ts';
import { usualConnections } from './load.ts';
import { memoryOf } from './program.ts';
import { newSecrets, seed } from './seed.ts';
import { type BenchServer, serve } from './serve.ts';
import { askOf, ourAsks } from './targets.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { store: { type: 'string', default: 'sqlite' } },
});
const minutes = Number(positionals[0] ?? 10);
const samples = 60;
/** What garbage collections and pages of a cache let it swing by. */
const tolerance = 1.1;

const secrets = newSecrets(100_000);
const home = mkdtempSync(join(tmpdir(), 'keys-bench-'));
const postgres = values.store === 'postgres' ? await runPostgres({ durable: true }) : null;
try {
  await soak(postgres ? await postgres.newDatabase() : join(home, 'data', 'keys.db'));
} finally {
  postgres?.remove();
  rmSync(home, { recursive: true });
}

async function soak(database: string): Promise<void> {
  await seed(database, secrets);
  const server = await serve(database, { inspected: true });
  const memory = await inspect(server);
  const load = startLoad(server);
  const stepMs = (minutes * 60_000) / (samples + samples / 10);
  const heapMb: number[] = [];
  const residentMb: number[] = [];
  try {
    // A tenth of the time to warm up: caches fill, counts of limits begin.
    await wait((stepMs * samples) / 10);
    for (let sample = 0; sample < samples; sample++) {
      await wait(stepMs);
      heapMb.push(await memory.heapMb());
      residentMb.push(memoryOf(server.pid).nowMb);
    }
  } finally {
    await load.stop();
    memory.close();
    await server.stop();
  }
  const heap = thirds(heapMb);
  const resident = thirds(residentMb);
  const { answered, errors, firstError } = load.report();
  console.log(
    `${values.store}, ${secrets.length} keys at first, ${minutes} minutes, ${usualConnections} connections`,
  );
  console.log(`${answered} requests, ${errors} errors${firstError ? `, the first: ${firstError}` : ''}`);
  console.log(`heap after a collection  ${heap.text}`);
  console.log(`resident memory          ${resident.text}`);
  if (errors > 0 || heap.growth > tolerance) process.exitCode = 1;
}

function startLoad(server: BenchServer) {
  const ask = askOf(ourAsks(server, secrets), 'mixed');
  let [n, answered, errors, stopped] = [0, 0, 0, false];
  let firstError: unknown = null;
  async function call(): Promise<void> {
    let connection: Connection | null = null;
    while (!stopped) {
      try {
        connection ??= await open(server.port);
        await connection.ask(ask(n++));
        answered += 1;
      } catch (error) {
        errors += 1;
        firstError ??= error;
        connection?.close();
        connection = null;
        await wait(100);
      }
    }
    connection?.close();
  }
  const callers = Array.from({ length: usualConnections }, call);
  return {
    async stop() {
      stopped = true;
      await Promise.all(callers);
    },
    report: () => ({ answered, errors, firstError }),
  };
}

/** Through the inspector of Node, which can ask for a garbage collection. */
async function inspect({ inspector }: BenchServer) {
  const socket = new WebSocket(inspector ?? '');
  const waiting = new Map<number, (result: { usedSize: number }) => void>();
  socket.addEventListener('message', ({ data }) => {
    const { id, result } = JSON.parse(String(data)) as { id: number; result: { usedSize: number } };
    waiting.get(id)?.(result);
    waiting.delete(id);
  });
  await new Promise((resolve, reject) => {
    socket.addEventListener('open', resolve);
    socket.addEventListener('error', reject);
  });
  let id = 0;
  function call(method: string): Promise<{ usedSize: number }> {
    id += 1;
    socket.send(JSON.stringify({ id, method }));
    return new Promise((resolve) => waiting.set(id, resolve));
  }
  return {
    async heapMb() {
      await call('HeapProfiler.collectGarbage');
      return (await call('Runtime.getHeapUsage')).usedSize / 1_048_576;
    },
    close: () => socket.close(),
  };
}

function thirds(values: readonly number[]): { growth: number; text: string } {
  const third = Math.floor(values.length / 3);
  const [first, last] = [values.slice(0, third), values.slice(-third)].map(
    (part) => part.reduce((sum, value) => sum + value, 0) / third,
  ) as [number, number];
  const growth = last / first;
  return {
    growth,
    text: `first third ${first.toFixed(1)} MB, last third ${last.toFixed(1)} MB, ×${growth.toFixed(3)}, ${Math.max(...values).toFixed(1)} MB at most`,
  };
}
