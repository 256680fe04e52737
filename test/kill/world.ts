/** A home, a database and a destination of one run that is going to die. */
import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import type { KeyService } from '../../src/keys.ts';
import type { Secret } from '../../src/secret.ts';
import { openLocal } from '../../src/service/local.ts';
import type { Scenario } from './scenarios.ts';

export const launcher = fileURLToPath(new URL('../../bin/keys.js', import.meta.url));

export interface World {
  readonly path: string;
  /** The database as it is, without a server. */
  service: KeyService;
  /** What the commands run with. */
  readonly env: Record<string, string | undefined>;
  /** The secret that the key had before, where there is one. */
  old: Secret | null;
  keyId: string | null;
  /** What the runs have printed on standard output, each in a file of its own. */
  readonly printed: string[];
  /** The command line that starts the built `keys`. */
  readonly command: readonly string[];
  spawn(program: string, args: readonly string[]): SpawnSyncReturns<string>;
  /** One `keys recover --all`, which must succeed. */
  recover(): void;
  /** How many secrets of a key work, and how many of them without an end. */
  liveSecrets(keyId: string): { working: number; endless: number };
  unfinished(): string[];
  /** Every file of journal, database and write-ahead log. */
  searchable(): Buffer[];
  openDatabase(): Promise<void>;
  close(): Promise<void>;
}

export async function newWorld(scenario: Scenario): Promise<World> {
  const path = mkdtempSync(join(tmpdir(), 'keys-kill-'));
  const env: World['env'] = {
    ...process.env,
    KEYS_CONFIG_DIR: join(path, 'config'),
    KEYS_DATA_DIR: join(path, 'data'),
    KEYS_STATE_DIR: join(path, 'state'),
    // One thread for the file system, so that its calls come in one order and every one of them can be counted.
    UV_THREADPOOL_SIZE: '1',
    // Its writes are not ours, and differ from run to run.
    NODE_DISABLE_COMPILE_CACHE: '1',
    CI: '',
  };
  const database = join(path, 'data', 'keys.db');
  mkdirSync(join(path, 'data'), { mode: 0o700 });
  const openDatabase = () => openLocal({ url: `sqlite:${database}`, now: Date.now });
  const world: World = {
    path,
    service: await openDatabase(),
    env,
    old: null,
    keyId: null,
    printed: [],
    command: [process.execPath, launcher],
    spawn(program, args) {
      const file = join(path, `stdout-${world.printed.length}`);
      const fd = openSync(file, 'w', 0o600);
      try {
        const pipe = scenario.stdout === 'pipe';
        const [name, rest] = pipe
          ? ['sh', ['-c', '{ "$@"; echo $? >"$STATUS"; } | cat', 'sh', program, ...args]]
          : [program, args];
        const result = spawnSync(name, rest, {
          env: { ...env, STATUS: join(path, 'status') },
          stdio: ['ignore', fd, 'pipe'],
          encoding: 'utf8',
        });
        world.printed.push(readFileSync(file, 'utf8'));
        return pipe ? ofPipe(result, join(path, 'status')) : result;
      } finally {
        closeSync(fd);
      }
    },
    recover() {
      const [program = '', ...words] = world.command;
      const { status, stderr } = world.spawn(program, [...words, 'recover', '--all', '--yes']);
      if (status !== 0) throw new Error(`keys recover --all ended with ${status}: ${stderr}`);
    },
    liveSecrets(keyId) {
      const db = new DatabaseSync(database);
      try {
        const rows = db.prepare('SELECT ends_at FROM secrets WHERE key_id = ?').all(keyId) as {
          ends_at: number | null;
        }[];
        const working = rows.filter(({ ends_at }) => ends_at === null || ends_at > Date.now());
        return { working: working.length, endless: working.filter(({ ends_at }) => ends_at === null).length };
      } finally {
        db.close();
      }
    },
    unfinished() {
      const directory = join(path, 'state', 'operations');
      if (!existsSync(directory)) return [];
      const files = readdirSync(directory).filter((name) => name.endsWith('.json'));
      return files.filter(
        (name) => JSON.parse(readFileSync(join(directory, name), 'utf8')).state !== 'unproven',
      );
    },
    searchable: () =>
      ['data', 'state', 'config']
        .map((name) => join(path, name))
        .filter((directory) => existsSync(directory))
        .flatMap((directory) =>
          readdirSync(directory, { recursive: true, encoding: 'utf8' }).map((name) => join(directory, name)),
        )
        .filter((file) => statSync(file).isFile())
        .map((file) => readFileSync(file)),
    async openDatabase() {
      world.service = await openDatabase();
    },
    async close() {
      await world.service.close();
      rmSync(path, { recursive: true, force: true });
    },
  };
  await scenario.prepare(world);
  return world;
}

/** The end of a pipeline's first command, as if it had been run by itself: a shell tells a kill by 128 + 9. */
function ofPipe(result: SpawnSyncReturns<string>, statusFile: string): SpawnSyncReturns<string> {
  const status = Number(readFileSync(statusFile, 'utf8').trim());
  return status === 137 ? { ...result, status: null, signal: 'SIGKILL' } : { ...result, status };
}
