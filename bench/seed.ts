/** A database with many keys, filled in a few statements: minting them one by one would sync the disk for each. */
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Client } from 'pg';
import { machineAdministrator } from '../src/service/machine.ts';
import { openStore } from '../src/service/open-store.ts';
import { defaultPrefix, mintSecret } from '../src/service/secret-format.ts';
import { createService } from '../src/service/service.ts';

export interface SeededHome {
  readonly env: Readonly<Record<string, string>>;
  readonly database: string;
  /** One secret of the many, and not the first. */
  readonly secret: string;
  remove(): void;
}

/** As many users own the keys, or one for each key. */
const owners = 1_000;

export function ownerOf(n: number): string {
  return `user-${n % owners}`;
}

export function newSecrets(count: number): string[] {
  return Array.from({ length: count }, () => mintSecret(defaultPrefix).reveal());
}

export async function seededHome(keys: number): Promise<SeededHome> {
  const home = mkdtempSync(join(tmpdir(), 'keys-bench-'));
  const database = join(home, 'data', 'keys.db');
  const secrets = newSecrets(keys);
  await seed(database, secrets);
  return {
    env: {
      KEYS_CONFIG_DIR: join(home, 'config'),
      KEYS_DATA_DIR: join(home, 'data'),
      KEYS_STATE_DIR: join(home, 'state'),
    },
    database,
    secret: secrets[keys >> 1] ?? '',
    remove: () => rmSync(home, { recursive: true }),
  };
}

/** Fills a database of either kind with a key for each secret, copies of one that the service has made. */
export async function seed(database: string, secrets: readonly string[]): Promise<void> {
  const service = createService({ store: await openStore(database), now: Date.now });
  const machine = service.as(machineAdministrator());
  await machine.users.create({ name: ownerOf(0) });
  const { key } = await machine.create({
    ...{ name: 'key-0', owner: ownerOf(0), roles: ['viewer'], labels: { team: 'bench' } },
  });
  await service.close();
  await (database.startsWith('postgres:') ? seedPostgres : seedSqlite)(database, key.id, secrets);
}

const idOf = (n: number) => `key_${String(n).padStart(16, '0')}`;
const hashOf = (secret: string) => createHash('sha256').update(secret).digest();

function copied(table: string, columns: readonly string[], instead: Readonly<Record<string, string>>) {
  const values = columns.map((name) => instead[name] ?? `${table}.${name}`);
  return `INSERT INTO ${table} (${columns.join(', ')}) SELECT ${values.join(', ')} FROM ${table}`;
}

async function seedSqlite(path: string, keyId: string, secrets: readonly string[]): Promise<void> {
  const db = new DatabaseSync(path);
  const columnsOf = (table: string) =>
    db
      .prepare('SELECT name FROM pragma_table_info(?)')
      .all(table)
      .map(({ name }) => String(name));
  const own = { id: '?', name: '?', owner: '?' };
  const insertUser = db.prepare(`${copied('users', columnsOf('users'), { name: '?' })} WHERE name = ?`);
  const insertKey = db.prepare(`${copied('keys', columnsOf('keys'), own)} WHERE id = ?`);
  const insertSecret = db.prepare('INSERT INTO secrets (hash, key_id, created_at) VALUES (?, ?, ?)');
  db.exec('BEGIN');
  for (let n = 1; n < owners; n++) insertUser.run(ownerOf(n), ownerOf(0));
  for (const [n, secret] of secrets.entries()) {
    if (n > 0) insertKey.run(idOf(n), `key-${n}`, ownerOf(n), keyId);
    insertSecret.run(hashOf(secret), n > 0 ? idOf(n) : keyId, Date.now());
  }
  db.exec('COMMIT');
  db.close();
}

async function seedPostgres(address: string, keyId: string, secrets: readonly string[]): Promise<void> {
  const client = new Client(address);
  await client.connect();
  const columnsOf = async (table: string) => {
    const { rows } = await client.query(
      'SELECT column_name FROM information_schema.columns WHERE table_name = $1',
      [table],
    );
    return rows.map(({ column_name: name }) => String(name));
  };
  const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);
  await client.query('BEGIN');
  await client.query(
    `${copied('users', await columnsOf('users'), { name: 'made.name' })}, unnest($1::text[]) AS made (name) WHERE users.name = $2`,
    [numbers(1, owners).map(ownerOf), ownerOf(0)],
  );
  const own = { id: 'made.id', name: 'made.name', owner: 'made.owner' };
  const insertKeys = `${copied('keys', await columnsOf('keys'), own)},
    unnest($1::text[], $2::text[], $3::text[]) AS made (id, name, owner) WHERE keys.id = $4`;
  for (let from = 0; from < secrets.length; from += 10_000) {
    const part = numbers(from, Math.min(from + 10_000, secrets.length));
    const made = part.filter((n) => n > 0);
    await client.query(insertKeys, [made.map(idOf), made.map((n) => `key-${n}`), made.map(ownerOf), keyId]);
    await client.query(
      'INSERT INTO secrets (hash, key_id, created_at) SELECT hash, key_id, $3 FROM unnest($1::bytea[], $2::text[]) AS made (hash, key_id)',
      [
        part.map((n) => hashOf(secrets[n] ?? '')),
        part.map((n) => (n > 0 ? idOf(n) : keyId)),
        String(Date.now()),
      ],
    );
  }
  await client.query('COMMIT');
  await client.query('VACUUM ANALYZE');
  await client.end();
}
