/** A database with many keys, filled in one transaction: minting them one by one would sync the disk for each. */
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { openLocal } from '../src/service/local.ts';

export interface SeededHome {
  readonly env: Readonly<Record<string, string>>;
  readonly database: string;
  /** One secret of the many, and not the first. */
  readonly secret: string;
  remove(): void;
}

export async function seededHome(keys: number): Promise<SeededHome> {
  const home = mkdtempSync(join(tmpdir(), 'keys-bench-'));
  const database = join(home, 'data', 'keys.db');
  const embedded = await openLocal({ url: `sqlite:${database}`, now: Date.now });
  const { key } = await embedded.create({ name: 'key-0', roles: ['viewer'], labels: { team: 'bench' } });
  await embedded.close();
  const db = new DatabaseSync(database);
  const columns = (db.prepare("SELECT name FROM pragma_table_info('keys')").all() as { name: string }[]).map(
    ({ name }) => name,
  );
  const copied = columns.map((name) => (name === 'id' || name === 'name' ? '?' : name)).join(', ');
  const insertKey = db.prepare(
    `INSERT INTO keys (${columns.join(', ')}) SELECT ${copied} FROM keys WHERE id = ?`,
  );
  const insertSecret = db.prepare(
    'INSERT INTO secrets (hash, key_id, created_at, ends_at) VALUES (?, ?, ?, NULL)',
  );
  db.exec('BEGIN');
  for (let n = 1; n < keys; n++) {
    const id = `key_${String(n).padStart(16, '0')}`;
    insertKey.run(id, `key-${n}`, key.id);
    insertSecret.run(createHash('sha256').update(secretOf(n)).digest(), id, Date.now());
  }
  db.exec('COMMIT');
  db.close();
  return {
    env: {
      KEYS_CONFIG_DIR: join(home, 'config'),
      KEYS_DATA_DIR: join(home, 'data'),
      KEYS_STATE_DIR: join(home, 'state'),
    },
    database,
    secret: secretOf(keys >> 1),
    remove: () => rmSync(home, { recursive: true }),
  };
}

function secretOf(n: number): string {
  return `bench_secret_${String(n).padStart(24, '0')}`;
}
