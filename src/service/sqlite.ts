/** One SQLite file, which several processes may have open. */
import { statSync } from 'node:fs';
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { KeysError } from '../errors.ts';
import type { Answer, Database, Query, Row, Value, Work } from './sql.ts';
import { sqlStore } from './sql-store.ts';
import { sqliteDialect } from './sqlite-dialect.ts';
import { busyMs, databaseError, openDatabase, requireFullSync, stepOf } from './sqlite-open.ts';
import type { Store } from './store.ts';

/** Throws `unavailable` and `invalid` as `openDatabase`. */
export async function openSqlite(path: string): Promise<Store> {
  // A process that died may have left destroyed seals in the log.
  const leftOver = hasLog(path);
  return sqlStore(sqliteDatabase(await openDatabase(path), path, leftOver));
}

function hasLog(path: string): boolean {
  try {
    return (statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0) > 0;
  } catch {
    // Opening the file will say why.
    return true;
  }
}

/** Which file is there, `undefined` where there is none; `null` where that cannot be seen. */
function fileAt(path: string): number | undefined | null {
  try {
    return statSync(path, { throwIfNoEntry: false })?.ino;
  } catch {
    return null;
  }
}

type RowMaker = (values: readonly Value[]) => Row;

interface Prepared {
  readonly statement: StatementSync;
  /** `null` where it gives no rows. */
  readonly toRow: RowMaker | null;
}

/** By the names of the columns, of which our statements have few sets. */
const rowMakers = new Map<string, RowMaker>();

/**
 * Puts values under the names of their columns. It is compiled for them: an object whose fields are set one by one takes a third as
 * long as the whole lookup of a secret.
 */
function rowMaker(columns: readonly string[]): RowMaker {
  const fields = columns.map((name, n) => `${JSON.stringify(name)}: values[${n}]`).join(', ');
  const known = rowMakers.get(fields);
  if (known) return known;
  const fresh = new Function('values', `return { ${fields} };`) as RowMaker;
  rowMakers.set(fields, fresh);
  return fresh;
}

function sqliteDatabase(db: DatabaseSync, path: string, leftOver: boolean): Database {
  const statements = new Map<string, Prepared>();
  const opened = fileAt(path);
  let fullSync = false;
  /** Whether the log may hold what has been destroyed since. */
  let traces = leftOver;

  function prepared(text: string): Prepared {
    const known = statements.get(text);
    if (known) return known;
    const fresh = prepare(text);
    statements.set(text, fresh);
    return fresh;
  }

  function prepare(text: string): Prepared {
    const statement = db.prepare(text);
    // SQLite's binding looks up the name of every column again for every row that it makes an object of.
    statement.setReturnArrays(true);
    const columns = statement.columns().map(({ name }) => name);
    return { statement, toRow: columns.length === 0 ? null : rowMaker(columns) };
  }

  function ask({ text, values, first, varied }: Query): Answer {
    const { statement, toRow } = varied ? prepare(text) : prepared(text);
    if (!toRow) return { rows: [], changes: Number(statement.run(...values).changes) };
    if (!first) {
      const rows = statement.all(...values) as unknown as Value[][];
      return { rows: rows.map(toRow), changes: 0 };
    }
    const row = statement.get(...values) as unknown as Value[] | undefined;
    return { rows: row ? [toRow(row)] : [], changes: 0 };
  }

  function finish<T>(work: Work<T>): T {
    let step = work.next();
    while (!step.done) step = work.next(ask(step.value));
    return step.value;
  }

  /** What is written into a file that has been removed, or has another one in its place, would be gone with this process. */
  function requireInPlace(): void {
    const found = fileAt(path);
    if (found === opened || found === null) return;
    throw new KeysError(
      'unavailable',
      `the database ${path} has been removed or replaced while it was in use`,
      { hint: 'stop what uses it, put the file back in its place, and start again' },
    );
  }

  /** `NORMAL` appends to the log and does not wait for it; the next `FULL` commit waits for both. */
  function syncWith(level: 'NORMAL' | 'FULL'): void {
    if (db.isOpen) prepared(`PRAGMA synchronous = ${level}`).statement.run();
  }

  async function told<T>(answer: () => T): Promise<T> {
    try {
      return answer();
    } catch (error) {
      throw databaseError(path, error);
    }
  }

  const single = <T>(work: () => Work<T>) => told(() => finish(work()));

  return {
    dialect: sqliteDialect,
    shared: false,
    read: single,
    single,
    lookup: (text) => (hash) => told(() => ask({ text, values: [hash], first: true }).rows[0]),

    async transaction(work, { lasting } = { lasting: true }) {
      try {
        if (!lasting) syncWith('NORMAL');
        prepared('BEGIN IMMEDIATE').statement.run();
        requireInPlace();
        const result = finish(work());
        if (lasting && !fullSync) requireFullSync(db);
        fullSync = lasting;
        traces = true;
        prepared('COMMIT').statement.run();
        return result;
      } catch (error) {
        if (db.isOpen && db.isTransaction) db.exec('ROLLBACK');
        throw databaseError(path, error);
      } finally {
        if (!lasting) syncWith('FULL');
      }
    },

    step: () => told(() => stepOf(db)),

    async scrub() {
      if (!traces) return;
      // Whoever reads or writes at this moment is not waited for; the next time will do.
      db.exec('PRAGMA busy_timeout = 0');
      try {
        traces = db.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get()?.busy !== 0;
      } finally {
        db.exec(`PRAGMA busy_timeout = ${busyMs}`);
      }
    },

    async close() {
      statements.clear();
      if (db.isOpen) db.close();
    },
  };
}
