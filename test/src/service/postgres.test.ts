/** What several instances on one PostgreSQL must do, on bad days too. The verbs themselves are in the contracts. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer as createNetServer } from 'node:net';
import { Client } from 'pg';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { allEntries } from '../../../src/audit.ts';
import { checkChain } from '../../../src/audit-chain.ts';
import { Secret } from '../../../src/secret.ts';
import { migrations } from '../../../src/service/migrations/index.ts';
import { openStore } from '../../../src/service/open-store.ts';
import { postgresDialect } from '../../../src/service/postgres-dialect.ts';
import { createServer } from '../../../src/service/server.ts';
import { createService, type Service } from '../../../src/service/service.ts';
import type { Settings } from '../../../src/service/settings.ts';
import { keyServiceContract, refuses } from '../../contracts/key-service.ts';
import { checkAnswers } from '../../fakes/described.ts';
import { arrivalGate, type Gate } from '../../fakes/gate.ts';
import { machineAdmin } from '../../fakes/key-service.ts';
import { lacksPostgres, startPostgres } from '../../fakes/postgres.ts';
import { blocksOf } from '../../scripts/page.ts';

/**
 * Another address of a database. Once told to lose, it keeps the answers from the first statement on that names a key's id, and
 * closes the connection when the database has committed, with last words if it has some. Once told to hush, it keeps everything that comes, also that a side
 * has ended, until it may speak; told a text, it passes what has that text on before.
 */
async function badWire(address: string) {
  const { hostname, port } = new URL(address);
  let loses = false;
  let words = '';
  let silent = false;
  let last: string | null = null;
  const wire = createNetServer({ allowHalfOpen: true }, (client) => {
    const database = connect(Number(port), hostname);
    let holds = false;
    client.on('data', (sent) => {
      if (silent) return;
      if (last !== null && sent.includes(last)) silent = true;
      holds ||= loses && sent.includes('key_0');
      database.write(sent);
    });
    database.on('data', (answer) => {
      if (!holds) client.write(answer);
      else if (answer.includes('COMMIT')) {
        loses = false;
        client.end(words, 'latin1', () => client.destroy());
      }
    });
    for (const [socket, other] of [
      [client, database],
      [database, client],
    ] as const) {
      socket
        .on('error', () => {})
        .on('end', () => silent || socket.end())
        .on('close', () => silent || other.destroy());
    }
  });
  await once(wire.listen(0, '127.0.0.1'), 'listening');
  onTestFinished(() => void wire.close());
  const own = new URL(address);
  own.port = String((wire.address() as AddressInfo).port);
  return {
    address: own.href,
    lose(saying = '') {
      loses = true;
      words = saying;
    },
    hush(after: string | null = null) {
      silent = after === null;
      last = after;
    },
    speak() {
      silent = false;
    },
  };
}

/** An error of PostgreSQL's protocol, after which the connection ends. */
function fatal(state: string, message: string): string {
  const fields = `SFATAL\0VFATAL\0C${state}\0M${message}\0\0`;
  return `E\0\0\0${String.fromCharCode(fields.length + 4)}${fields}`;
}

describe.skipIf(lacksPostgres)(
  `on PostgreSQL${lacksPostgres ? ` (skipped: ${lacksPostgres})` : ''}`,
  async () => {
    const postgres = await startPostgres();

    async function open(address: string, settings: Partial<Settings> = {}): Promise<Service> {
      const service = createService({ store: await openStore(address), now: Date.now, settings });
      onTestFinished(() => service.close());
      return service;
    }

    async function twoInstances(settings: Partial<Settings> = {}): Promise<[Service, Service, string]> {
      const address = await postgres.newDatabase();
      return [await open(address, settings), await open(address, settings), address];
    }

    async function withClient(address: string, work: (client: Client) => Promise<void>): Promise<void> {
      const client = new Client(address);
      await client.connect();
      try {
        await work(client);
      } finally {
        await client.end();
      }
    }

    function outcomeOf(verified: Promise<unknown>): Promise<string> {
      return verified.then(
        () => 'good',
        (error) => error.code,
      );
    }

    /** How many connections wait for a lock; two instances have two each that write. */
    async function waiting(client: Client): Promise<number> {
      const { rows } = await client.query('SELECT pid FROM pg_locks WHERE NOT granted');
      return rows.length;
    }

    keyServiceContract('the service on PostgreSQL', async () => {
      const service = createService({ store: await openStore(await postgres.newDatabase()), now: Date.now });
      return Object.assign(service.as(machineAdmin), { close: () => service.close() });
    });

    test('6 instances that open a new database at once all find it ready', async () => {
      for (let round = 0; round < 5; round++) {
        const address = await postgres.newDatabase();
        const services = await Promise.all(Array.from({ length: 6 }, () => open(address)));
        const created = services.map((service, n) => service.as(machineAdmin).create({ name: `first-${n}` }));
        expect(new Set((await Promise.all(created)).map(({ key }) => key.id)).size).toBe(6);
      }
    });

    /** A database at an earlier step, where a later one does this first. */
    async function oldDatabase(step: number, meanwhile: string): Promise<string> {
      const address = await postgres.newDatabase();
      await withClient(address, async (client) => {
        await client.query('CREATE TABLE keys_schema (id INT PRIMARY KEY, step BIGINT NOT NULL)');
        await client.query('INSERT INTO keys_schema (id, step) VALUES (1, $1)', [step]);
        for (const sql of migrations.slice(0, step)) await client.query(sql(postgresDialect));
        await client.query(meanwhile);
      });
      return address;
    }

    test('a step of the database may take longer than any request', async () => {
      const address = await oldDatabase(
        migrations.length - 1,
        `CREATE TABLE dawdled (tag TEXT);
         CREATE FUNCTION dawdle() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(3); INSERT INTO dawdled VALUES (tg_tag); END';
         CREATE EVENT TRIGGER dawdle ON ddl_command_end WHEN TAG IN ('ALTER TABLE') EXECUTE FUNCTION dawdle()`,
      );
      const service = (await open(`${address}?statement_timeout=2000&query_timeout=2000`)).as(machineAdmin);
      expect((await service.create({ name: 'a' })).key.name).toBe('a');
      await withClient(address, async (client) => {
        // A last step without such a statement would not show anything.
        expect((await client.query('SELECT tag FROM dawdled')).rows).not.toEqual([]);
      });
    });

    test('the note that a key was used costs hardly ever an entry in each index', async () => {
      const address = await postgres.newDatabase();
      const store = await openStore(address);
      const service = createService({ store, now: Date.now });
      onTestFinished(() => service.close());
      const admin = service.as(machineAdmin);
      const ids: string[] = [];
      for (let n = 0; n < 100; n++) ids.push((await admin.create({ name: `used-${n}` })).key.id);
      // As of a key that is used every minute, and one that is used at the same moment as its neighbours.
      for (let at = 1; at <= 5; at++) await store.touchKeys(ids.map((id) => ({ id, at })));
      await withClient(address, async (client) => {
        await vi.waitFor(async () => {
          const { rows } = await client.query(
            `SELECT n_tup_upd AS changed, n_tup_hot_upd > 0.9 * n_tup_upd AS "inPlace" FROM pg_stat_user_tables WHERE relname = 'keys'`,
          );
          expect(rows).toEqual([{ changed: '500', inPlace: true }]);
        }, 20_000);
      });
    });

    test('steps of which one fails leave the database as it was, and are taken when it can be', async () => {
      const address = await oldDatabase(2, 'CREATE TABLE sessions (id TEXT)');
      const tables = `SELECT string_agg(table_name, ' ' ORDER BY table_name) AS names, (SELECT step FROM keys_schema)
        FROM information_schema.tables WHERE table_schema = 'public'`;
      await withClient(address, async (client) => {
        const before = (await client.query(tables)).rows;
        await expect(openStore(address)).rejects.toThrow('"sessions" already exists');
        expect((await client.query(tables)).rows).toEqual(before);
        await client.query('DROP TABLE sessions');
      });
      expect((await open(address)).now()).toBeGreaterThan(0);
    });

    test('a disk that fails under PostgreSQL is no mistake of ours: 503 promises that nothing was changed', async () => {
      const address = await postgres.newDatabase();
      const admin = (await open(address)).as(machineAdmin);
      await withClient(address, async (client) => {
        await client.query(`CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS
          $$ BEGIN RAISE 'could not read block 0: Input/output error' USING ERRCODE = 'io_error'; END $$`);
        await client.query('CREATE TRIGGER fail BEFORE INSERT ON secrets EXECUTE FUNCTION fail()');
      });
      await refuses('unavailable', admin.create({ name: 'a' }), /Input\/output error/);
      expect((await admin.list({})).keys).toEqual([]);
    });

    test('a user who may not make tables, a database that takes no changes and a schema that is not there are told in words', async () => {
      const address = await postgres.newDatabase();
      await withClient(address, async (client) => {
        await client.query('CREATE ROLE reader LOGIN');
      });
      const reader = address.replace('postgres@', 'reader@');
      await expect(openStore(reader)).rejects.toThrow('not usable: permission denied for schema public');
      await (await openStore(address)).close();
      await expect(openStore(reader)).rejects.toThrow('not usable: permission denied for');
      const setting = (text: string) => `${address}?options=-c%20${encodeURIComponent(text)}`;
      await expect(openStore(setting('default_transaction_read_only=on'))).rejects.toThrow(
        'not usable: it is a standby, or set to take no changes',
      );
      await expect(openStore(setting('search_path=nowhere'))).rejects.toThrow('not usable: no schema has');
    });

    test('a password that is asked for or wrong, a user who is not let in and a database that is not there are told in words', async () => {
      const address = await postgres.newDatabase();
      const as = (user: string) => address.replace('postgres@', `${user}@`);
      await withClient(address, async (client) => {
        await client.query("CREATE ROLE guarded LOGIN PASSWORD 'right'; CREATE ROLE barred LOGIN");
        const { rows } = await client.query('SHOW hba_file');
        await client.query(`COPY (VALUES ('host all guarded 127.0.0.1/32 scram-sha-256'), ('host all barred 127.0.0.1/32 reject'),
          ('host all all 127.0.0.1/32 trust')) TO '${rows[0].hba_file}'`);
        await client.query('SELECT pg_reload_conf()');
      });
      await vi.waitFor(
        () => expect(withClient(as('barred'), async () => {})).rejects.toThrow('rejects'),
        20_000,
      );
      await refuses('unavailable', openStore(as('barred')), /it does not let this user in/);
      await refuses('unavailable', openStore(as('guarded')), /it asks for a password\n.*PGPASSWORD/);
      await refuses('unavailable', openStore(as('guarded:wrong')), /it does not accept the password/);
      await refuses('unavailable', openStore(`${address}_gone`), /there is no database of this name/);
    });

    test('a user who may not make tables serves the ones that are there', async () => {
      const address = await postgres.newDatabase();
      await (await openStore(address)).close();
      await withClient(address, async (client) => {
        await client.query('CREATE ROLE clerk LOGIN');
        await client.query('GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO clerk');
      });
      const service = await open(address.replace('postgres@', 'clerk@'));
      expect((await service.as(machineAdmin).create({ name: 'a' })).key.name).toBe('a');
      await service.check();
    });

    test('a database whose own isolation level is a higher one is opened by two at once, and counts what others count', async () => {
      const address = await oldDatabase(migrations.length - 1, 'SELECT 1');
      const name = new URL(address).pathname.slice(1);
      await withClient(address, async (client) => {
        await client.query(`ALTER DATABASE ${name} SET default_transaction_isolation = 'repeatable read'`);
        await client.query('BEGIN; SELECT step FROM keys_schema FOR UPDATE');
        const limit = { rateLimit: { requests: 40, perSeconds: 3_600 } };
        const opened = Promise.all([open(address, limit), open(address, limit)]);
        await vi.waitUntil(async () => (await waiting(client)) === 2, { timeout: 4_000, interval: 5 });
        await client.query('COMMIT');
        const [one, other] = await opened;
        const { secret } = await one.as(machineAdmin).create({ name: 'demo' });
        expect(await one.as(null).verify(secret)).toMatchObject({ valid: true });
        await client.query('BEGIN; UPDATE rate_limits SET changed_at = changed_at');
        const verified = other.as(null).verify(secret);
        await vi.waitUntil(async () => (await waiting(client)) === 1, { timeout: 4_000, interval: 5 });
        await client.query('COMMIT');
        expect(await verified).toMatchObject({ valid: true });
      });
    });

    test('an instance that still runs when a newer version has changed the database is not ready, and fails as when it is away', async () => {
      const address = await postgres.newDatabase();
      const service = await open(address);
      const admin = service.as(machineAdmin);
      const { key } = await admin.create({ name: 'demo' });
      await admin.get(key.id);
      await service.check();
      await withClient(address, async (client) => {
        await client.query('ALTER TABLE keys ADD COLUMN later TEXT');
        await client.query('UPDATE keys_schema SET step = step + 1');
      });
      await refuses('unavailable', admin.get(key.id));
      await refuses('unavailable', service.check());
    });

    test('a database of a newer version is refused', async () => {
      const address = await postgres.newDatabase();
      await (await openStore(address)).close();
      await withClient(address, async (client) => {
        await client.query(`UPDATE keys_schema SET step = ${migrations.length + 1}`);
      });
      await expect(openStore(address)).rejects.toThrow('was written by a newer version of keys');
    });

    test("another program's database is refused and left as it is", async () => {
      const address = await postgres.newDatabase();
      await withClient(address, async (client) => {
        await client.query('CREATE TABLE recipes (name TEXT)');
      });
      await refuses('invalid', openStore(address));
      await withClient(address, async (client) => {
        const { rows } = await client.query(
          "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'",
        );
        expect(rows).toEqual([{ table_name: 'recipes' }]);
      });
    });

    test('docs/service.md: what takes all administrators out, for the next start to make one', async () => {
      const [one, other, address] = await twoInstances();
      await one.createAdmin(new Secret('a'.repeat(32)));
      const admin = one.as(machineAdmin);
      await admin.users.create({ name: 'ann', role: 'admin', password: new Secret('correct horse') });
      await admin.create({ name: 'of-ann', owner: 'ann' });
      const context = { address: null, requestId: null };
      const session = await one.sessions.open('ann', new Secret('correct horse'), context);
      const { secret } = await admin.create({ name: 'app', roles: ['viewer'] });
      await withClient(address, async (client) => {
        await client.query(blocksOf('service.md', 'sql'));
      });
      expect(await other.hasAdmin()).toBe(false);
      expect(await other.authenticate(session.accessToken)).toBeNull();
      const key = await other.createAdmin(new Secret('b'.repeat(32)));
      expect(key).toMatchObject({ name: 'admin-2', roles: ['admin'], status: 'active' });
      expect(await one.as(null).verify(secret)).toMatchObject({ valid: true });
    });

    test('a database that forgets what it acknowledged is refused', async () => {
      const address = await postgres.newDatabase();
      await withClient(address, async (client) => {
        await client.query(
          `ALTER DATABASE ${new URL(address).pathname.slice(1)} SET synchronous_commit = off`,
        );
      });
      await expect(openStore(address)).rejects.toThrow('synchronous_commit is off');
    });

    test('two instances let a user through as often as the limit says, and neither without the count', async () => {
      const [one, other] = await twoInstances({ rateLimit: { requests: 300, perSeconds: 3_600 } });
      await one.as(machineAdmin).users.create({ name: 'ann' });
      const { secret } = await one.as(machineAdmin).create({ name: 'demo', owner: 'ann' });
      const verify = (service: Service) => outcomeOf(service.as(null).verify(secret));
      const outcomes = await Promise.all(
        Array.from({ length: 700 }, (_, n) => verify(n % 3 === 0 ? one : other)),
      );
      expect(outcomes.filter((outcome) => outcome !== 'good' && outcome !== 'rate_limited')).toEqual([]);
      let good = outcomes.filter((outcome) => outcome === 'good').length;
      // Whoever is asked last may be refused while the other has some of a chunk left: six here.
      expect(good).toBeGreaterThanOrEqual(294);
      for (const each of [one, other]) while ((await verify(each)) === 'good') good++;
      expect(good).toBe(300);
      postgres.stop();
      expect([await verify(one), await verify(other)]).toEqual(['unavailable', 'unavailable']);
      postgres.start();
    });

    test('on a standby nothing goes through uncounted, and the reason says that it is one', async () => {
      const service = await open(await postgres.newDatabase(), {
        rateLimit: { requests: 300, perSeconds: 3_600 },
      });
      const { secret } = await service.as(machineAdmin).create({ name: 'demo' });
      postgres.stop();
      postgres.startAsStandby();
      onTestFinished(() => {
        postgres.stop();
        postgres.start();
      });
      // The first to ask may meet a connection that the restart has ended.
      await vi.waitFor(() => refuses('unavailable', service.as(null).verify(secret), /it is a standby/));
    });

    test('a crash of the database forgets what was taken of limits, and not the limits', async () => {
      const [one] = await twoInstances({ rateLimit: { requests: 3, perSeconds: 3_600 } });
      const { secret } = await one.as(machineAdmin).create({ name: 'demo' });
      const verify = () => outcomeOf(one.as(null).verify(secret));
      expect([await verify(), await verify(), await verify(), await verify()]).toEqual([
        ...['good', 'good', 'good'],
        'rate_limited',
      ]);
      postgres.stop();
      postgres.start();
      await vi.waitUntil(async () => (await verify()) === 'good', { timeout: 20_000 });
      expect([await verify(), await verify(), await verify()]).toEqual(['good', 'good', 'rate_limited']);
    });

    test('secrets that are verified at the same moment are looked for in one statement, each for itself', async () => {
      const [one] = await twoInstances();
      const made = await Promise.all(
        Array.from({ length: 5 }, (_, n) => one.as(machineAdmin).create({ name: `key-${n}` })),
      );
      const secrets = made.flatMap(({ secret }, n) => [secret, new Secret(`keys_nobody-${n}`)]);
      const query = vi.spyOn(Client.prototype, 'query');
      onTestFinished(() => query.mockRestore());
      const verified = await Promise.all(secrets.map((secret) => one.as(null).verify(secret)));
      expect(verified.map(({ key }) => key?.id ?? null)).toEqual(made.flatMap(({ key }) => [key.id, null]));
      const texts = query.mock.calls.map(([query]) => (query as unknown as { text?: string }).text ?? '');
      expect(texts.filter((text) => text.includes('secrets'))).toHaveLength(1);
    });

    test('64 creates on two instances at limit - 1, let go together, 50 rounds: exactly one more key each round', async () => {
      const address = await postgres.newDatabase();
      let gate: Gate | undefined;
      const openGated = async () => {
        const store = await openStore(address);
        const gated: typeof store = {
          ...store,
          async insertKey(...row) {
            await gate?.arrive();
            return store.insertKey(...row);
          },
        };
        const service = createService({ store: gated, now: Date.now, settings: { quota: 2 } });
        onTestFinished(() => service.close());
        return service.as(machineAdmin);
      };
      const one = await openGated();
      const other = await openGated();
      await withClient(address, async (client) => {
        for (let round = 0; round < 50; round++) {
          const namespace = `round-${round}`;
          gate = undefined;
          await one.create({ name: 'first', namespace });
          gate = arrivalGate(64);
          const creates = Array.from({ length: 64 }, (_, n) =>
            (n % 2 ? one : other).create({ name: `more-${n}`, namespace }).then(
              () => 'created',
              (error) => error.code,
            ),
          );
          await gate.full;
          // All 64 are at their transactions. Those that have a connection begin theirs, and find the row of the writers taken.
          await client.query('BEGIN; SELECT id FROM audit_head FOR UPDATE');
          gate.open();
          await vi.waitUntil(async () => (await waiting(client)) === 4, { timeout: 4_000, interval: 5 });
          await client.query('COMMIT');
          expect((await Promise.all(creates)).toSorted()).toEqual([
            'created',
            ...Array(63).fill('quota_exceeded'),
          ]);
        }
      });
    }, 120_000);

    test('a verification is answered while 30 creates wait for the row of the writers', async () => {
      const address = await postgres.newDatabase();
      const service = await open(address);
      const { secret } = await service.as(machineAdmin).create({ name: 'app' });
      await withClient(address, async (client) => {
        await client.query('BEGIN; SELECT id FROM audit_head FOR UPDATE');
        const creates = Array.from({ length: 30 }, (_, n) =>
          service.as(machineAdmin).create({ name: `late-${n}` }),
        );
        await vi.waitUntil(async () => (await waiting(client)) > 1, { timeout: 4_000, interval: 5 });
        expect(await service.as(null).verify(secret)).toMatchObject({ valid: true });
        expect(await waiting(client)).toBe(2);
        await client.query('COMMIT');
        await Promise.all(creates);
      });
    });

    test('two instances that change, verify and record at once write one whole audit chain', async () => {
      const [one, other] = await twoInstances();
      await one.as(machineAdmin).users.create({ name: 'carol' });
      const { secret } = await one.as(machineAdmin).create({ name: 'app', owner: 'carol' });
      await Promise.all(
        Array.from({ length: 400 }, async (_, n) => {
          const service = n % 2 ? one : other;
          if (n % 10 === 0) await service.as(machineAdmin).create({ name: `key-${n}` });
          else await service.as(null).verify(secret);
        }),
      );
      const verifies = { action: 'verify', actor: 'carol', pageSize: 1_000 };
      // Each tells what it has recorded itself, and what the other has written.
      await one.as(machineAdmin).audit.head();
      expect((await other.as(machineAdmin).audit.list(verifies)).entries).toHaveLength(360);
      const { audit } = one.as(machineAdmin);
      const rows = (after = 0) => allEntries(audit, { order: 'oldest', after, pageSize: 100 });
      const report = await checkChain(rows(), { head: () => audit.head(), after: rows, checkpoints: [] });
      expect(report).toMatchObject({ broken: null, last: await audit.head() });
      expect(report.rows).toBeGreaterThanOrEqual(401);
    });

    test('audit rows that PostgreSQL could not take while it was away are written when it is back, once', async () => {
      const [one] = await twoInstances();
      const { secret } = await one.as(machineAdmin).create({ name: 'app' });
      for (let n = 0; n < 50; n++) await one.as(null).verify(secret);
      postgres.stop();
      await refuses('unavailable', one.as(machineAdmin).audit.head());
      postgres.start();
      const { entries } = await one.as(machineAdmin).audit.list({ action: 'verify' });
      expect(entries).toHaveLength(50);
    });

    test('16 creates of one name on two instances make one key', async () => {
      const [one, other] = await twoInstances();
      const outcomes = await Promise.allSettled(
        Array.from({ length: 16 }, (_, n) => (n % 2 ? one : other).as(machineAdmin).create({ name: 'same' })),
      );
      expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    });

    test('16 requests under one idempotency key on two instances get the same answer', async () => {
      const [one, other] = await twoInstances();
      const idempotencyKey = 'A'.repeat(43);
      const answers = await Promise.all(
        Array.from({ length: 16 }, (_, n) =>
          (n % 2 ? one : other).as(machineAdmin).create({ name: 'same' }, { idempotencyKey }),
        ),
      );
      expect(new Set(answers.map(({ secret }) => secret.reveal())).size).toBe(1);
    });

    test('what one instance has revoked, disabled or regenerated, the other refuses from then on', async () => {
      const [one, other] = await twoInstances();
      const admin = one.as(machineAdmin);
      for (const end of ['revoke', 'disable', 'regenerate'] as const) {
        const { key, secret } = await admin.create({ name: end });
        expect(await other.as(null).verify(secret)).toMatchObject({ valid: true });
        await admin[end](key.id);
        expect(await other.as(null).verify(secret)).toMatchObject({ valid: false });
      }
    });

    test('a serialization failure is survived: the transaction is begun again, and nothing of it is there twice', async () => {
      const address = await postgres.newDatabase();
      const service = (await open(address)).as(machineAdmin);
      await service.create({ name: 'before' });
      await withClient(address, async (client) => {
        await client.query(`CREATE SEQUENCE attempts;
          CREATE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            IF nextval('attempts') <= 3 THEN RAISE EXCEPTION 'lost' USING ERRCODE = '40001'; END IF;
            RETURN NEW;
          END $$;
          CREATE TRIGGER lose BEFORE INSERT ON keys FOR EACH ROW EXECUTE FUNCTION lose()`);
        const { key } = await service.create({ name: 'after' });
        const { rows } = await client.query('SELECT last_value FROM attempts');
        expect(rows).toEqual([{ last_value: '4' }]);
        // Nobody waits for this one, and what comes after it fails for another reason.
        await client.query(`ALTER SEQUENCE attempts RESTART;
          CREATE TRIGGER lose BEFORE INSERT ON secrets FOR EACH ROW EXECUTE FUNCTION lose()`);
        await service.regenerate(key.id, { overlap: true, idempotencyKey: 'a'.repeat(40) });
        expect((await client.query('SELECT last_value FROM attempts')).rows).toEqual(rows);
      });
      const { entries } = await service.audit.list({ action: 'create' });
      expect(entries.map(({ details }) => details.name)).toEqual(['after', 'before']);
    });

    test('a deadlock is survived: the transaction is begun again', async () => {
      const address = await postgres.newDatabase();
      const service = (await open(address)).as(machineAdmin);
      const { key } = await service.create({ name: 'locked' });
      await withClient(address, async (client) => {
        // The service notices the deadlock first, and gives way.
        await client.query("SET deadlock_timeout = '30s'");
        await client.query('BEGIN');
        await client.query('SELECT id FROM keys WHERE id = $1 FOR UPDATE', [key.id]);
        const disabled = service.disable(key.id);
        await withClient(
          address,
          (watcher) =>
            vi.waitUntil(
              async () => {
                const waiting = await watcher.query(
                  "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'",
                );
                return waiting.rowCount === 1;
              },
              { timeout: 10_000 },
            ) as Promise<never>,
        );
        await client.query('SELECT id FROM audit_head FOR UPDATE');
        await client.query('COMMIT');
        expect(await disabled).toMatchObject({ status: 'disabled' });
      });
    });

    test('without its database the service answers 503, never valid, and is back when the database is', async () => {
      const service = await open(await postgres.newDatabase());
      const { secret } = await service.as(machineAdmin).create({ name: 'demo' });
      const server = createServer({ service });
      checkAnswers(server);
      onTestFinished(() => server.close());
      const verify = () =>
        server.inject({ method: 'POST', url: '/v1/verify', body: { secret: secret.reveal() } });
      expect((await verify()).json()).toMatchObject({ valid: true });
      postgres.stop();
      try {
        for (let n = 0; n < 20; n++) expect((await verify()).statusCode).toBe(503);
        const listed = await server.inject({
          url: '/v1/keys',
          headers: { authorization: `Bearer ${secret.reveal()}` },
        });
        expect(listed.statusCode).toBe(503);
        await refuses('unavailable', service.as(machineAdmin).create({ name: 'meanwhile' }));
      } finally {
        postgres.start();
      }
      expect((await verify()).json()).toMatchObject({ valid: true });
    });

    test('a restart in the middle of creates loses none that was answered', async () => {
      const [one, other] = await twoInstances();
      const answered: string[] = [];
      const failed: { name: string; code: string }[] = [];
      let stopped = false;
      async function work(service: Service, prefix: string): Promise<void> {
        for (let n = 0; !stopped; n++) {
          const name = `${prefix}-${n}`;
          await service
            .as(machineAdmin)
            .create({ name })
            .then(
              ({ key }) => answered.push(key.id),
              ({ code }) => failed.push({ name, code }),
            );
        }
      }
      const workers = [one, other, one, other].map((service, n) => work(service, `worker-${n}`));
      for (let round = 0; round < 3; round++) {
        const before = answered.length;
        await vi.waitUntil(() => answered.length > before + 20, { timeout: 20_000 });
        postgres.stop();
        postgres.start();
      }
      const before = answered.length;
      await vi.waitUntil(() => answered.length > before + 20, { timeout: 20_000 });
      stopped = true;
      await Promise.all(workers);
      // Where the answer to COMMIT was lost, the service says that it does not know; else nothing was changed.
      for (const { name, code } of failed) {
        expect(['unavailable', 'outcome_unknown']).toContain(code);
        if (code !== 'unavailable') continue;
        expect((await other.as(machineAdmin).list({ nameGlob: name })).keys).toEqual([]);
      }
      for (const id of answered) expect(await other.as(machineAdmin).get(id)).toMatchObject({ id });
    });

    test.each([
      ['were lost', ''],
      ["were lost with PgBouncer's connection to the database", fatal('08P01', 'server conn crashed?')],
    ])(
      'a create whose COMMIT took place and whose answers %s is said to be unknown, not unavailable',
      async (_how, saying) => {
        const address = await postgres.newDatabase();
        const wire = await badWire(address);
        const service = (await open(wire.address)).as(machineAdmin);
        await service.create({ name: 'before' });
        wire.lose(saying);
        await refuses('outcome_unknown', service.create({ name: 'committed' }));
        expect((await service.list({ nameGlob: 'committed' })).keys).toHaveLength(1);
      },
    );

    test('a database that takes requests and answers none is not waited for without end, and used again when it answers', async () => {
      const wire = await badWire(await postgres.newDatabase());
      const service = await open(wire.address);
      const admin = service.as(machineAdmin);
      const { secret } = await admin.create({ name: 'before' });
      wire.hush();
      await Promise.all([
        refuses('unavailable', service.as(null).verify(secret)),
        refuses('unavailable', admin.create({ name: 'meanwhile' })),
      ]);
      wire.speak();
      expect((await service.as(null).verify(secret)).valid).toBe(true);
      expect((await admin.list({ nameGlob: 'meanwhile' })).keys).toEqual([]);
    });

    test('a change that waits for a lock, or takes too long, is given up before the database counts as away, and nothing of it is there', async () => {
      const address = await postgres.newDatabase();
      const service = (await open(address)).as(machineAdmin);
      await withClient(address, async (client) => {
        await client.query('BEGIN; SELECT id FROM audit_head FOR UPDATE');
        await expect(service.create({ name: 'waits' })).rejects.toMatchObject({
          code: 'unavailable',
          message: expect.stringContaining('due to lock timeout'),
        });
        await client.query('ROLLBACK');
        await client.query(`CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(30); RETURN NEW; END';
          CREATE TRIGGER dawdle BEFORE INSERT ON keys FOR EACH ROW EXECUTE FUNCTION dawdle()`);
        await expect(service.create({ name: 'dawdles' })).rejects.toMatchObject({
          code: 'unavailable',
          message: expect.stringContaining('due to statement timeout'),
        });
        await client.query('DROP TRIGGER dawdle ON keys');
      });
      await service.create({ name: 'good' });
      expect((await service.list({})).keys.map(({ name }) => name)).toEqual(['good']);
    });

    test('an instance that falls silent in the middle of a change keeps the others from theirs for a while, not for ever', async () => {
      const address = await postgres.newDatabase();
      const wire = await badWire(address);
      const [silent, other] = [await open(wire.address), await open(address)];
      wire.hush('FOR UPDATE');
      const lost = refuses('unavailable', silent.as(machineAdmin).create({ name: 'lost' }));
      await withClient(address, async (client) => {
        const held = "SELECT 1 FROM pg_stat_activity WHERE state = 'idle in transaction'";
        await vi.waitUntil(async () => (await client.query(held)).rowCount === 1, { timeout: 10_000 });
        await vi.waitUntil(async () => (await client.query(held)).rowCount === 0, { timeout: 25_000 });
      });
      expect((await other.as(machineAdmin).create({ name: 'other' })).key.name).toBe('other');
      await lost;
    });

    test('a process that closes its store ends, also when the database answers nothing any more', async () => {
      const wire = await badWire(await postgres.newDatabase());
      const child = fork('test/workers/closer.ts', [wire.address]);
      onTestFinished(() => void child.kill('SIGKILL'));
      await once(child, 'message');
      wire.hush();
      child.send('close');
      expect(await once(child, 'exit')).toEqual([0, null]);
    });

    test('a text that the database cannot hold is refused as such', async () => {
      const service = (await open(await postgres.newDatabase())).as(machineAdmin);
      await refuses('invalid', service.list({ owner: 'a\0b' }));
      await refuses('invalid', service.list({ labels: { a: 'b\0' } }));
    });
  },
);
