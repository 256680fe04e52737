/** A key that has been taken away is refused from that moment on, by every instance, whoever asks. */
import { type ChildProcess, fork } from 'node:child_process';
import { describe, expect, onTestFinished, test } from 'vitest';
import { lacksPostgres, startPostgres } from '../fakes/postgres.ts';
import { serverProcess } from '../fakes/server.ts';
import type { FromClient, NamedSecret, Round, ToClient } from '../workers/client.ts';
import { type Operation, unexplained } from './history.ts';
import { runs } from './scale.ts';

const clients = 4;
const lanes = 2;
const keysAtOnce = 4;
const rounds = runs({ usual: 4, deep: 250 });
const revokes = rounds * keysAtOnce;
const verifies = revokes * 100;

function startClients(): ChildProcess[] {
  const started = Array.from({ length: clients }, () => fork('test/workers/client.ts'));
  onTestFinished(() => {
    for (const client of started) client.disconnect();
  });
  for (const client of started) {
    client.on('message', (message: FromClient) => {
      if (!('learned' in message)) return;
      for (const other of started) if (other !== client) other.send(message satisfies ToClient);
    });
  }
  return started;
}

function play(client: ChildProcess, round: Round): Promise<Operation[]> {
  const { promise, resolve, reject } = Promise.withResolvers<Operation[]>();
  const onExit = (code: number | null) => reject(new Error(`a client ended with ${code}`));
  const onMessage = (message: FromClient) => {
    if (!('history' in message)) return;
    client.off('message', onMessage).off('exit', onExit);
    resolve(message.history);
  };
  client.on('message', onMessage).on('exit', onExit);
  client.send({ round } satisfies ToClient);
  return promise;
}

async function createKey(url: string, admin: string, name: string): Promise<NamedSecret> {
  const answer = await fetch(`${url}/v1/keys`, {
    method: 'POST',
    headers: { authorization: `Bearer ${admin}`, 'content-type': 'application/json' },
    body: JSON.stringify({ name }),
  });
  expect(answer.status).toBe(201);
  const { key, secret } = (await answer.json()) as { key: { id: string }; secret: string };
  return { key: key.id, name: 'first', secret };
}

async function proveRevocation(urls: readonly string[], admin: string): Promise<void> {
  const started = startClients();
  const seen = { verify: 0, revoke: 0, disable: 0, enable: 0, regenerate: 0, valid: 0, refused: 0 };
  for (let n = 0; n < rounds; n++) {
    const secrets = await Promise.all(
      Array.from({ length: keysAtOnce }, (_, k) => createKey(urls[0] ?? '', admin, `key-${n}-${k}`)),
    );
    const share = (verifies / rounds / clients / lanes) | 0;
    const histories = await Promise.all(
      started.map((client, c) => {
        const own = secrets.flatMap(({ key }, k) => (k % clients === c ? [key] : []));
        return play(client, { urls, admin, secrets, lanes, verifies: share, revokes: own });
      }),
    );
    const history = histories.flat();
    expect(unexplained(history, new Map(secrets.map(({ key, name }) => [key, name])))).toEqual([]);
    for (const operation of history) {
      seen[operation.verb] += 1;
      if (operation.verb === 'verify') seen[operation.answer === 'valid' ? 'valid' : 'refused'] += 1;
    }
  }
  expect(seen.revoke).toBe(revokes);
  expect(seen.verify).toBeGreaterThanOrEqual(verifies);
  // A history in which little happens proves little.
  for (const much of ['valid', 'refused'] as const) expect(seen[much]).toBeGreaterThan(verifies / 10);
  for (const some of ['disable', 'enable', 'regenerate'] as const)
    expect(seen[some]).toBeGreaterThan(verifies / 60);
}

const what = `${verifies} verifies by ${clients} processes during ${revokes} revokes and more disables, enables and regenerates: none accepts what was taken away before it began, none refuses what was good`;

test(`on SQLite, ${what}`, async () => {
  const server = await serverProcess();
  await proveRevocation([server.url], server.secret);
}, 3_600_000);

describe.skipIf(lacksPostgres)(
  `on PostgreSQL${lacksPostgres ? ` (skipped: ${lacksPostgres})` : ''}`,
  async () => {
    const postgres = await startPostgres();

    test(`on two instances, ${what}`, async () => {
      const address = await postgres.newDatabase();
      const one = await serverProcess([], address);
      const other = await serverProcess([], address);
      await proveRevocation([one.url, other.url], one.secret);
    }, 3_600_000);
  },
);
