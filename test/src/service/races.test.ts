/** Several processes on one database file. All of them wait at a gate, so that they arrive together. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { DatabaseSync } from 'node:sqlite';
import { expect, onTestFinished, test, vi } from 'vitest';
import { newDatabasePath } from '../../fakes/database.ts';

interface Crowd {
  /** Gives all processes the same task at once and waits for every answer. */
  all(task: unknown): Promise<unknown[]>;
  /** Gives one of them a task. */
  one(task: unknown): Promise<unknown>;
  /** Another answer of each. */
  more(): Promise<unknown[]>;
  /** Whether each of them is stopped in a system call, as one that waits for the database is. */
  areWaiting(): boolean;
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
  function hear(asked: typeof members): Promise<unknown[]> {
    return Promise.all(asked.map(async ({ lines }) => JSON.parse((await lines.next()).value as string)));
  }
  function ask(asked: typeof members, task: unknown): Promise<unknown[]> {
    for (const { child } of asked) child.stdin!.write(`${JSON.stringify(task)}\n`);
    return hear(asked);
  }
  return {
    all: (task) => ask(members, task),
    one: async (task) => (await ask(members.slice(0, 1), task))[0],
    more: () => hear(members),
    areWaiting: () => members.every(({ child }) => !existsSync('/proc/self/stat') || isAsleep(child.pid)),
  };
}

/** By the letter after its name, which is in parentheses. */
function isAsleep(pid: number | undefined): boolean {
  return / S (?!.*\))/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
}

test('64 creates of 8 processes at limit - 1, let go together, 50 rounds: one more key each round, never a busy error', async () => {
  const crowd = newCrowd(8);
  const path = newDatabasePath();
  expect(await crowd.all({ open: path, quota: 2 })).toEqual(Array(8).fill('opened'));
  const gate = new DatabaseSync(path);
  onTestFinished(() => gate.close());
  for (let round = 0; round < 50; round++) {
    const namespace = `round-${round}`;
    expect(await crowd.one({ create: 1, namespace })).toEqual(['created']);
    const arrived = await crowd.all({ create: 8, namespace, prefix: 'more', gated: true });
    expect(arrived).toEqual(Array(8).fill('arrived'));
    // All 64 are at their transactions. The first of each process begins its own, and finds the database taken.
    gate.exec('BEGIN IMMEDIATE');
    expect(await crowd.all({ go: true })).toEqual(Array(8).fill('going'));
    await vi.waitUntil(() => crowd.areWaiting(), { timeout: 10_000, interval: 5 });
    gate.exec('COMMIT');
    const outcomes = (await crowd.more()).flat();
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
