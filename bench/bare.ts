/**
 * What the others are measured by: `node:http` and the database of the service, with the same lookup of a secret, the same page of
 * keys, and a new key with its secret in one transaction that is on the disk before the answer. No rules, no limits, no audit.
 */
import { createHash, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { DatabaseSync } from 'node:sqlite';
import { Pool } from 'pg';
import { secretText } from '../src/service/sql-keys.ts';

interface Rows {
  /** With `?` for each value. */
  get(text: string, ...values: (string | Buffer)[]): Promise<unknown[]> | unknown[];
  /** The first two values of each statement are its own. */
  insert(statements: readonly (readonly [text: string, values: (string | number | Buffer)[]])[]): unknown;
}

const database = process.env.DATABASE ?? '';

function sqlite(): Rows {
  const db = new DatabaseSync(database);
  db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL');
  const prepared = new Map<string, ReturnType<typeof db.prepare>>();
  const statement = (text: string) => {
    const found = prepared.get(text) ?? db.prepare(text);
    prepared.set(text, found);
    return found;
  };
  return {
    get: (text, ...values) => statement(text).all(...values),
    insert(statements) {
      db.exec('BEGIN IMMEDIATE');
      for (const [text, values] of statements) statement(text).run(...values);
      db.exec('COMMIT');
    },
  };
}

function postgres(): Rows {
  const pool = new Pool({ connectionString: database, max: 10 });
  const named = new Map<string, { name: string; text: string }>();
  const statement = (text: string) => {
    let n = 0;
    const found = named.get(text) ?? {
      name: `bare_${named.size}`,
      text: text.replaceAll('?', () => `$${++n}`),
    };
    named.set(text, found);
    return found;
  };
  return {
    get: async (text, ...values) => (await pool.query({ ...statement(text), values })).rows,
    async insert(statements) {
      const client = await pool.connect();
      await client.query('BEGIN');
      for (const [text, values] of statements) await client.query({ ...statement(text), values });
      await client.query('COMMIT');
      client.release();
    },
  };
}

const rows = database.startsWith('postgres:') ? postgres() : sqlite();
const hashOf = (secret: string) => createHash('sha256').update(secret).digest();

const insertKey = `INSERT INTO keys (id, namespace, name, owner, type, roles, permissions, api_version, prefix, last_four, labels,
    created_at, created_by, version)
  VALUES (?, 'default', ?, ?, 'manage', '["viewer"]', '[]', '2026-11-01', 'keys_', 'abcd', '{}', ?, 'bare', 1)`;

async function answer(path: string, body: { secret: string; name: string; owner: string }): Promise<unknown> {
  if (path === '/verify') {
    const [key] = await rows.get(secretText, hashOf(body.secret));
    return { valid: key !== undefined, reason: null, key: key ?? null };
  }
  if (path === '/create') {
    const id = `key_${randomBytes(12).toString('hex')}`;
    const secret = `keys_${randomBytes(27).toString('base64url')}`;
    const now = Date.now();
    await rows.insert([
      [insertKey, [id, body.name, body.owner, now]],
      ['INSERT INTO secrets (hash, key_id, created_at) VALUES (?, ?, ?)', [hashOf(secret), id, now]],
    ]);
    return { key: { id, name: body.name, owner: body.owner }, secret };
  }
  const owner = path.slice('/list?owner='.length);
  return { keys: await rows.get('SELECT * FROM keys WHERE owner = ? ORDER BY id DESC LIMIT 100', owner) };
}

const server = createServer((request, response) => {
  let body = '';
  request.on('data', (chunk) => {
    body += chunk;
  });
  request.on('end', async () => {
    const text = JSON.stringify(await answer(request.url ?? '', body === '' ? {} : JSON.parse(body)));
    response.setHeader('content-type', 'application/json');
    response.end(text);
  });
});
server.listen(0, '127.0.0.1', () => console.log((server.address() as AddressInfo).port));
