/** Several processes on one database file. All of them wait at a gate, so that they arrive together. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { expect, onTestFinished, test } from 'vitest';
import { newDatabasePath } from '../../fakes/database.ts';

interface Crowd {
  /** Gives all processes the same task at once and waits for every answer. */
  all(task: unknown): Promise<unknown[]>;
  /** Gives one of them a task. */
  one(task: unknown): Promise<unknown>;
}

function newCrowd(size: number): Crowd {
  const members = Array.from({ length: size }, () => {
    const child: ChildProcess = spawn(process.execPath, ['test/workers/creator.ts'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
    return { child, lines };
  });
  onTestFinished(async () => {
    const ends = members.map(({ child }) => new Promise((resolve) => child.once('exit', resolve)));
    for (const { child } of members) child.stdin!.end();
    await Promise.all(ends);
  });
  async function ask(asked: typeof members, task: unknown): Promise<unknown[]> {
    for (const { child } of asked) child.stdin!.write(`${JSON.stringify(task)}\n`);
    return Promise.all(asked.map(async ({ lines }) => JSON.parse((await lines.next()).value as string)));
  }
  return {
    all: (task) => ask(members, task),
    one: async (task) => (await ask(members.slice(0, 1), task))[0],
  };
}

test('8 processes, 64 creates at limit - 1, 20 rounds: one more key each round, never a busy error', async () => {
  const crowd = newCrowd(8);
  const opened = await crowd.all({ open: newDatabasePath(), quota: 2 });
  expect(opened).toEqual(Array(8).fill('opened'));
  for (let round = 0; round < 20; round++) {
    const namespace = `round-${round}`;
    expect(await crowd.one({ create: 1, namespace })).toEqual(['created']);
    const outcomes = (await crowd.all({ create: 8, namespace, prefix: 'more' })).flat();
    expect(outcomes.toSorted()).toEqual(['created', ...Array(63).fill('quota_exceeded')]);
  }
}, 120_000);

test('6 processes that open a new database at once all find it ready', async () => {
  const crowd = newCrowd(6);
  for (let round = 0; round < 15; round++) {
    expect(await crowd.all({ open: newDatabasePath() })).toEqual(Array(6).fill('opened'));
    const outcomes = (await crowd.all({ create: 1, namespace: 'default' })).flat();
    expect(outcomes).toEqual(Array(6).fill('created'));
  }
}, 120_000);
