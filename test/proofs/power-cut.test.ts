/** What the service has acknowledged is there after a power cut, whenever it comes. */
import { hash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, test } from 'vitest';
import { type Audit, allEntries } from '../../src/audit.ts';
import { checkChain } from '../../src/audit-chain.ts';
import { allKeys, type Key, type KeyService, keyStatuses } from '../../src/keys.ts';
import { Secret } from '../../src/secret.ts';
import { openLocal } from '../../src/service/local.ts';
import { serverProcess } from '../fakes/server.ts';
import { temporaryDirectory } from '../fakes/temporary.ts';
import { Disk, everything, type Fate, type Files, firstOnly, nothing, torn } from '../power/disk.ts';
import { buildRecorder, type Entry, lacksCompiler } from '../power/recorder.ts';
import { isDeep, runs } from './scale.ts';

interface Run {
  readonly entries: readonly Entry[];
  readonly admin: string;
  /** What the service holds after each change, beginning with none. */
  readonly snapshots: readonly Snapshot[];
}

/** Every key by its id, and the secret of it that is good while the key is active. */
type Snapshot = ReadonlyMap<string, { readonly key: Key; readonly secret: string }>;

/** Changes one after the other, each under the request id `change-N`; on the way the server is stopped and started again. */
async function recordedRun(changes: number): Promise<Run> {
  const work = temporaryDirectory();
  const data = join(work, 'data');
  mkdirSync(data, { mode: 0o700 });
  const recorder = buildRecorder(data, work);
  const start = () => serverProcess([], join(data, 'keys.db'), recorder.env);
  let server = await start();
  const admin = server.secret;
  const snapshots: Snapshot[] = [new Map()];

  async function change(method: string, path: string, body: unknown): Promise<string> {
    const headers = {
      authorization: `Bearer ${admin}`,
      'content-type': 'application/json',
      'x-request-id': `change-${snapshots.length}`,
    };
    const answer = await fetch(`${server.url}/v1/keys${path}`, {
      ...{ method, headers },
      body: JSON.stringify(body),
    });
    const answered = (await answer.json()) as Key & { key?: Key; secret?: string };
    expect(answer.status, JSON.stringify(answered)).toBeLessThan(300);
    const key = answered.key ?? answered;
    const before: Snapshot = snapshots.at(-1) ?? new Map();
    const secret = answered.secret ?? before.get(key.id)?.secret ?? '';
    snapshots.push(new Map([...before, [key.id, { key, secret }]]));
    return key.id;
  }

  for (let n = 0; snapshots.length <= changes; n++) {
    const id = await change('POST', '', { name: `key-${n}`, description: `made ${'.'.repeat(n % 900)}` });
    await change('PATCH', `/${id}`, { description: `edited ${n}` });
    if (n % 3 === 0) await change('POST', `/${id}/disable`, {});
    if (n % 6 === 0) await change('POST', `/${id}/enable`, {});
    if (n % 2 === 0) await change('POST', `/${id}/regenerate`, {});
    if (n % 4 > 0) await change('POST', `/${id}/revoke`, {});
    if (n % 50 !== 3) continue;
    expect(await server.stop()).toBe(0);
    server = await start();
  }
  expect(await server.stop()).toBe(0);
  return { entries: recorder.entries(), admin, snapshots };
}

/** The number of the change that an answer on its way out acknowledges. */
function acknowledgedBy(entry: Entry): number | null {
  if (entry.kind !== 'send') return null;
  const text = entry.bytes.toString('latin1');
  const id = /^HTTP\/1\.1 2\d\d (?:.*\r\n)+?x-request-id: change-(\d+)\r\n/i.exec(text)?.[1];
  return id === undefined ? null : Number(id);
}

/**
 * What is wrong after power cuts. Every `stride`-th entry of the record is a moment for one; each leaves the disk as several
 * fates have it. Ends with the first problem when `first` is set.
 */
async function problemsOf(
  run: Run,
  stride: number,
  first = false,
): Promise<{ problems: string[]; states: number }> {
  const seed = Date.now() % 1_000_000;
  const random = randomNumbers(seed);
  const texts = new Map(
    run.snapshots.map((snapshot, n) => [textOf([...snapshot.values()].map(({ key }) => key)), n]),
  );
  const disk = new Disk();
  const seen = new Map<string, number | string>();
  const problems: string[] = [];
  let acknowledged = 0;
  for (const [at, entry] of run.entries.entries()) {
    acknowledged = acknowledgedBy(entry) ?? acknowledged;
    disk.apply(entry);
    if (at % stride !== 0 || (first && problems.length > 0)) continue;
    for (const [name, fate] of fatesOf(disk.pending, random)) {
      const files = disk.cut(fate);
      const id = idOf(files);
      const found =
        seen.get(id) ?? (await recovered(files, run, texts).catch((error: unknown) => String(error)));
      seen.set(id, found);
      if (found === acknowledged || found === acknowledged + 1) continue;
      const what = typeof found === 'string' ? found : `the service is as after change ${found}`;
      problems.push(`cut at ${at}, ${name}, seed ${seed}, ${acknowledged} acknowledged: ${what}`);
    }
  }
  return { problems, states: seen.size };
}

function fatesOf(pending: number, random: () => number): [string, Fate][] {
  const fates: [string, Fate][] = [
    ['nothing more', nothing],
    ['everything', everything],
    ['torn at 512', torn(512, random)],
    ['torn at 4096', torn(4_096, random)],
  ];
  const count = Math.floor(random() * pending);
  return pending < 2 ? fates : [...fates, [`the first ${count}`, firstOnly(count)]];
}

/** After which change the service is that starts on these files. Throws when it is after none of them, and when it does not start. */
async function recovered(files: Files, run: Run, texts: ReadonlyMap<string, number>): Promise<number> {
  const directory = mkdtempSync(join(tmpdir(), 'keys-cut-'));
  try {
    for (const [name, bytes] of files) {
      // Memory that processes share; after a power cut there are none.
      if (!name.endsWith('-shm')) writeFileSync(join(directory, name), bytes, { mode: 0o600 });
    }
    const path = join(directory, 'keys.db');
    const service = await openLocal({ url: `sqlite:${path}`, now: Date.now });
    try {
      const keys: Key[] = [];
      for await (const page of allKeys(service, { statuses: [...keyStatuses], namespace: null })) {
        keys.push(...page.filter(({ name }) => name !== 'admin'));
      }
      const change = texts.get(textOf(keys));
      if (change === undefined) throw new Error('no change has left the keys as they are');
      await requireSecrets(service, run, change);
      await requireAudit(service, change);
      return change;
    } finally {
      await service.close();
      requireSound(path);
    }
  } finally {
    rmSync(directory, { recursive: true });
  }
}

async function requireSecrets(service: KeyService, { admin, snapshots }: Run, change: number): Promise<void> {
  const isGood = async (secret: string) => (await service.verify(new Secret(secret))).valid;
  if (change > 0 && !(await isGood(admin))) throw new Error('the administrator is locked out');
  for (const { key, secret } of snapshots[change]?.values() ?? []) {
    if ((await isGood(secret)) !== (key.status === 'active')) {
      throw new Error(`the secret of ${key.name}, which is ${key.status}, is not`);
    }
  }
}

const mutations = new Set(['create', 'edit', 'disable', 'enable', 'regenerate', 'revoke']);

/** Each change has its row, in a chain that is whole. */
async function requireAudit(service: KeyService, change: number): Promise<void> {
  const { audit } = service;
  if (!audit) throw new Error('there is no audit log');
  const recorded: string[] = [];
  async function* rows(after = 0) {
    for await (const page of allEntries(audit as Audit, { order: 'oldest', after })) {
      for (const { action, requestId } of page) {
        if (requestId?.startsWith('change-') && mutations.has(action)) recorded.push(requestId);
      }
      yield page;
    }
  }
  const { broken } = await checkChain(rows(), { head: () => audit.head(), after: rows, checkpoints: [] });
  if (broken) throw new Error(`row ${broken.seq} of the audit log: ${broken.problem}`);
  const wanted = Array.from({ length: change }, (_, n) => `change-${n + 1}`);
  if (recorded.join() !== wanted.join())
    throw new Error(`the audit log has ${recorded.length} of ${change} changes`);
}

function requireSound(path: string): void {
  const db = new DatabaseSync(path);
  const found = [db.prepare('PRAGMA integrity_check').all(), db.prepare('PRAGMA foreign_key_check').all()];
  db.close();
  const text = JSON.stringify(found);
  if (text !== '[[{"integrity_check":"ok"}],[]]') throw new Error(text);
}

/** When a key was used is not acknowledged to anybody. */
function textOf(keys: readonly Key[]): string {
  return JSON.stringify(
    keys
      .map((key) => Object.entries({ ...key, lastUsedAt: null }).sort())
      .sort((a, b) => (`${a}` < `${b}` ? -1 : 1)),
  );
}

function idOf(files: Files): string {
  const parts = [...files].filter(([name]) => !name.endsWith('-shm')).sort(([a], [b]) => (a < b ? -1 : 1));
  return parts.map(([name, bytes]) => `${name} ${hash('sha256', bytes)}`).join();
}

/** The same for the same seed; mulberry32. */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

describe.skipIf(lacksCompiler)(`power cuts${lacksCompiler ? ` (skipped: ${lacksCompiler})` : ''}`, () => {
  const changes = runs({ usual: 40, deep: 400 });
  const moments = isDeep ? 'every moment' : 'moments';

  test(`at ${moments} of ${changes} changes: no acknowledged change is lost, the file is sound, the audit log whole`, async () => {
    const run = await recordedRun(changes);
    const { problems, states } = await problemsOf(run, runs({ usual: 17, deep: 1 }));
    expect(problems).toEqual([]);
    expect(states).toBeGreaterThan(changes);
  }, 3_600_000);

  test('the same with a disk that ignores the syncs of the log, or of the database, loses changes', async () => {
    const run = await recordedRun(12);
    for (const file of ['keys.db-wal', 'keys.db']) {
      const entries = run.entries.filter((entry) => entry.kind !== 'sync' || entry.file !== file);
      const { problems } = await problemsOf({ ...run, entries }, 3, true);
      expect(problems.length, file).toBeGreaterThan(0);
    }
  });
});
