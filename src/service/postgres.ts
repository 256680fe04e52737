/** A PostgreSQL database, which several instances share. */
import type { PoolClient, QueryResult } from 'pg';
import { KeysError } from '../errors.ts';
import { numberedText, postgresDialect } from './postgres-dialect.ts';
import { isBroken, isRetryable, postgresError, told } from './postgres-errors.ts';
import { openPools, type Pools } from './postgres-open.ts';
import { type Answer, type Database, get, type Query, type Row, type Work } from './sql.ts';
import { headText } from './sql-audit.ts';
import { sqlStore } from './sql-store.ts';
import type { Store } from './store.ts';
import { together } from './together.ts';

/** How often what lost against another transaction is begun. */
const attempts = 10;

/** Throws `unavailable` and `invalid` as `openPools`. */
export async function openPostgres(url: string): Promise<Store> {
  return sqlStore(postgresDatabase(await openPools(url)));
}

function postgresDatabase({ writers, others }: Pools): Database {
  const statements = new Map<string, { readonly name: string; readonly text: string }>();

  /** Under one name the database plans a statement once for each connection. */
  function prepared(text: string) {
    const known = statements.get(text);
    if (known) return known;
    const fresh = { name: `keys_${statements.size}`, text: numberedText(text) };
    statements.set(text, fresh);
    return fresh;
  }

  async function ask(client: PoolClient, { text, values, varied }: Query): Promise<Answer> {
    const statement = varied ? { text: numberedText(text) } : prepared(text);
    return toAnswer(await told(client.query({ ...statement, values: [...values] })));
  }

  async function finish<T>(client: PoolClient, work: Work<T>): Promise<T> {
    let step = work.next();
    while (!step.done) step = work.next(await ask(client, step.value));
    return step.value;
  }

  /** All of the work but for what nobody waits for, which is added to `sent`. */
  async function finishSending<T>(client: PoolClient, work: Work<T>, sent: Promise<Answer>[]): Promise<T> {
    try {
      let step = work.next();
      while (!step.done) {
        const asked = ask(client, step.value);
        if (step.value.unanswered) {
          // Looked at later.
          asked.catch(() => {});
          sent.push(asked);
          step = work.next(noAnswer);
        } else step = work.next(await asked);
      }
      return step.value;
    } catch (error) {
      // What failed first made what came after it fail.
      const [first] = await failuresOf(sent);
      throw first ?? error;
    }
  }

  async function attempt<T>(work: () => Work<T>): Promise<T> {
    const client = await told(writers.connect());
    const sent: Promise<Answer>[] = [];
    let broken = false;
    try {
      const head = await begin(client);
      const result = await finishSending(client, withHead(work(), head), sent);
      await commit(client, sent);
      return result;
    } catch (error) {
      broken = await client.query('ROLLBACK').then(
        () => false,
        () => true,
      );
      throw error;
    } finally {
      client.release(broken);
    }
  }

  async function withClient<T>(use: (client: PoolClient) => Promise<T>): Promise<T> {
    const client = await told(others.connect());
    let broken = false;
    try {
      return await use(client);
    } catch (error) {
      broken = isBroken(error);
      throw error;
    } finally {
      client.release(broken);
    }
  }

  // A database whose own isolation level is a higher one lets a single statement lose, too.
  const single = <T>(work: () => Work<T>) => untilWon(() => withClient((client) => finish(client, work())));

  return {
    dialect: postgresDialect,
    shared: true,
    read: single,
    single,
    lookup(text) {
      const inOne = lookupText(text);
      return together(async (hashes) => {
        const values = [JSON.stringify(hashes.map((hash) => Buffer.from(hash).toString('hex')))];
        const { rows } = await untilWon(() => withClient((client) => ask(client, { text: inOne, values })));
        return rows.map(({ found }) => (found === null ? undefined : (JSON.parse(String(found)) as Row)));
      });
    },

    transaction: (work) => untilWon(() => attempt(work)),

    step: () =>
      single(function* () {
        return Number((yield* get('SELECT step FROM keys_schema WHERE id = 1'))?.step);
      }),

    // What was destroyed is gone from every answer at once; its bytes go with VACUUM and with the write-ahead log's end.
    async scrub() {},

    async close() {
      await Promise.all([writers.end(), others.end()]);
    },
  };
}

/** Begins again what lost against another transaction, and tells errors in our words. */
async function untilWon<T>(attempt: () => Promise<T>): Promise<T> {
  for (let n = 1; ; n++) {
    try {
      return await attempt();
    } catch (error) {
      if (!isRetryable(error)) throw postgresError(error);
      if (n === attempts) {
        throw new KeysError('unavailable', 'PostgreSQL is too busy; nothing was changed', { cause: error });
      }
    }
  }
}

/**
 * A lookup for any number of hashes, given as JSON of hexadecimal digits: of an array whose length it can see PostgreSQL would plan
 * each question anew. The driver reads a description of every column with every answer, so each row comes as one column of JSON.
 */
function lookupText(text: string): string {
  return `SELECT (SELECT row_to_json(found)::text FROM (${text.replace('?', "decode(asked.hash, 'hex')")}) AS found) AS found
    FROM json_array_elements_text(CAST(? AS JSON)) WITH ORDINALITY AS asked (hash, n) ORDER BY n`;
}

/** Each statement sees what was committed before it; the lock on one row makes writers come one by one, and brings the row. */
async function begin(client: PoolClient): Promise<Answer> {
  const began = await told(client.query(`BEGIN ISOLATION LEVEL READ COMMITTED; ${headText} FOR UPDATE`));
  // Several statements have several results, which the types do not say.
  const [, locked] = began as unknown as [QueryResult, QueryResult];
  return toAnswer(locked);
}

/** Whoever asks for the head of the audit log is answered from the locked row, once: afterwards the work may have changed it. */
function* withHead<T>(work: Work<T>, head: Answer): Work<T> {
  let known: Answer | null = head;
  let step = work.next();
  while (!step.done) {
    if (known && step.value.text === headText) {
      step = work.next(known);
      known = null;
    } else step = work.next(yield step.value);
  }
  return step.value;
}

/**
 * Asks to commit without waiting for what was sent before: where some of that is refused, COMMIT changes nothing. Throws what was
 * refused, and `outcome_unknown` when the connection breaks before all answers are there.
 */
async function commit(client: PoolClient, sent: readonly Promise<Answer>[]): Promise<void> {
  const committed = told(client.query('COMMIT'));
  const failures = await failuresOf([...sent, committed]);
  const refused = failures.find((failure) => !isBroken(failure));
  if (refused) throw refused;
  if (failures.length > 0) {
    throw new KeysError('outcome_unknown', 'PostgreSQL was asked to commit and did not answer', {
      cause: failures[0],
    });
  }
  const { command } = await committed;
  if (command !== 'COMMIT') throw new Error(`PostgreSQL answered ${command} to COMMIT`);
}

async function failuresOf(sent: readonly Promise<unknown>[]): Promise<unknown[]> {
  const outcomes = await Promise.allSettled(sent);
  return outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []));
}

const noAnswer: Answer = { rows: [], changes: 0 };

function toAnswer({ rows, rowCount }: QueryResult): Answer {
  return { rows, changes: rowCount ?? 0 };
}
