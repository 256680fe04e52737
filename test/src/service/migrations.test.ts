/** What is in a database is in it after every step, whichever version of keys it is from. */
import { createHash } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Client } from 'pg';
import { describe, expect, onTestFinished, test } from 'vitest';
import { allEntries } from '../../../src/audit.ts';
import { checkChain } from '../../../src/audit-chain.ts';
import { Secret } from '../../../src/secret.ts';
import { migrations } from '../../../src/service/migrations/index.ts';
import { openStore } from '../../../src/service/open-store.ts';
import { postgresDialect } from '../../../src/service/postgres-dialect.ts';
import { createService } from '../../../src/service/service.ts';
import type { Dialect } from '../../../src/service/sql.ts';
import { sqliteDialect } from '../../../src/service/sqlite-dialect.ts';
import { newDatabasePath } from '../../fakes/database.ts';
import { machineAdmin } from '../../fakes/key-service.ts';
import { lacksPostgres, startPostgres } from '../../fakes/postgres.ts';

const now = Date.UTC(2026, 10, 21);
const later = now + 86_400_000;

/** `sha256('…')` stands for the bytes of a hash. */
const rows: Readonly<Record<number, string>> = {
  1: `
    INSERT INTO namespaces (name, quota, created_at) VALUES ('team', 7, ${now});
    INSERT INTO keys (id, namespace, name, owner, type, roles, permissions, api_version, prefix, last_four, labels, created_at, created_by, expires_at, revoked_at, version) VALUES
      ('key_0000000000000001', 'team', 'old', 'alice', 'manage', '["viewer"]', '[]', '2026-11-01', 'keys_', 'abcd', '{"a":"b"}', ${now}, 'root', ${later}, NULL, 3),
      ('key_0000000000000002', 'team', 'gone', 'alice', 'view', '[]', '["a.view"]', '2026-11-01', NULL, 'efgh', '{}', ${now - 1}, 'root', NULL, ${now}, 2),
      ('key_0000000000000003', 'team', 'nobodys', NULL, 'manage', '["owner"]', '[]', '2026-11-01', 'keys_', 'ijkl', '{}', ${now}, 'root', NULL, NULL, 1);
    INSERT INTO secrets (hash, key_id, created_at, ends_at) VALUES
      (sha256('keys_old'), 'key_0000000000000001', ${now}, NULL),
      (sha256('keys_replaced'), 'key_0000000000000001', ${now}, ${now}),
      (sha256('keys_gone'), 'key_0000000000000002', ${now}, NULL);
    INSERT INTO audit (seq, time, actor, agent, action, target, outcome, request_id, details) VALUES
      (1, ${now}, 'root', 'ci', 'create', 'key_0000000000000001', 'done', 'req-1', '{"name":"old"}'),
      (2, ${now + 1}, 'root', NULL, 'revoke', 'key_0000000000000002', 'done', NULL, '{}');`,
  6: `
    INSERT INTO sessions (id, user_name, key_id, created_at, expires_at) VALUES
      ('ses_password', 'alice', NULL, ${now}, ${later}), ('ses_key', 'alice', 'key_0000000000000001', ${now}, ${later});
    INSERT INTO session_tokens (hash, session, kind, expires_at) VALUES
      (sha256('keyss_password'), 'ses_password', 'access', ${later}), (sha256('keyss_key'), 'ses_key', 'access', ${later});`,
};

/** All of a database at an earlier step, one statement after the other. */
function statements(step: number, dialect: Dialect, bytes: (hex: string) => string): string {
  const hashed = (sql: string) =>
    sql.replace(/sha256\('(\w+)'\)/g, (_, text: string) =>
      bytes(createHash('sha256').update(text).digest('hex')),
    );
  return migrations
    .slice(0, step)
    .map((sql, at) => sql(dialect) + hashed(rows[at + 1] ?? ''))
    .join('');
}

async function isKept(address: string, step: number): Promise<void> {
  const service = createService({ store: await openStore(address), now: () => now + 10 });
  onTestFinished(() => service.close());
  const admin = service.as(machineAdmin);
  const { keys } = await admin.list({ namespace: null, statuses: ['active', 'revoked'] });
  expect(keys.map(({ name, owner, status, version }) => [name, owner, status, version])).toEqual([
    ['nobodys', null, 'active', '1'],
    ['gone', 'alice', 'revoked', '2'],
    ['old', 'alice', 'active', '3'],
  ]);
  expect(keys.at(-1)).toMatchObject({
    ...{ roles: ['viewer'], labels: { a: 'b' }, prefix: 'keys_', lastFour: 'abcd', rateLimit: null },
    ...{ recoverable: false, expiresAt: new Date(later).toISOString() },
  });
  const good = async (secret: string) => (await service.as(null).verify(new Secret(secret))).valid;
  expect([await good('keys_old'), await good('keys_replaced'), await good('keys_gone')]).toEqual([
    ...[true, false, false],
  ]);
  expect(await admin.users.list()).toMatchObject([{ name: 'alice', role: 'member', memberships: [] }]);
  expect(await admin.namespaces.list()).toMatchObject([
    { name: 'team', quota: 7, activeKeys: 2, recoverable: false },
  ]);
  // A session that a key opened is over: nobody knows with which secret.
  const session = async (token: string) => (await service.authenticate(new Secret(token)))?.owner ?? null;
  expect([await session('keyss_password'), await session('keyss_key')]).toEqual([
    ...[step < 6 ? null : 'alice', null],
  ]);
  const { audit } = admin;
  const log = (after = 0) => allEntries(audit, { order: 'oldest', after });
  const { entries } = await audit.list({ order: 'oldest', pageSize: 2 });
  expect(entries).toMatchObject([
    {
      ...{ seq: 1, time: new Date(now).toISOString(), actor: 'root', agent: 'ci', action: 'create' },
      ...{ target: 'key_0000000000000001', outcome: 'done', requestId: 'req-1', details: { name: 'old' } },
    },
    { seq: 2, actor: 'root', agent: null, action: 'revoke', requestId: null, details: {} },
  ]);
  const { broken, last } = await checkChain(log(), { head: () => audit.head(), after: log, checkpoints: [] });
  expect({ broken, last }).toEqual({ broken: null, last: await audit.head() });
}

const steps = Array.from({ length: migrations.length }, (_, at) => at + 1);

test.each(steps)(
  'a SQLite file at step %i keeps its keys, secrets, users, sessions and log',
  async (step) => {
    const path = newDatabasePath();
    mkdirSync(dirname(path), { recursive: true });
    const before = new DatabaseSync(path);
    before.exec(statements(step, sqliteDialect, (hex) => `x'${hex}'`));
    before.exec(`PRAGMA application_id = ${0x6b657973}; PRAGMA user_version = ${step}`);
    before.close();
    await isKept(path, step);
  },
);

describe.skipIf(lacksPostgres)(
  `on PostgreSQL${lacksPostgres ? ` (skipped: ${lacksPostgres})` : ''}`,
  async () => {
    const postgres = await startPostgres();

    test.each(steps)(
      'a database at step %i keeps its keys, secrets, users, sessions and log',
      async (step) => {
        const address = await postgres.newDatabase();
        const before = new Client(address);
        await before.connect();
        try {
          await before.query(`CREATE TABLE keys_schema (id INT PRIMARY KEY, step BIGINT NOT NULL);
          INSERT INTO keys_schema (id, step) VALUES (1, ${step})`);
          await before.query(statements(step, postgresDialect, (hex) => `decode('${hex}', 'hex')`));
        } finally {
          await before.end();
        }
        await isKept(address, step);
      },
    );
  },
);
