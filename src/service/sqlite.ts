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

interface Prepared {
  readonly statement: StatementSync;
  /** Of the rows it gives; none where it gives no rows. */
  readonly columns: readonly string[];
}

/** A row under the names of its columns. */
function named(columns: readonly string[], values: readonly Value[]): Row {
  const row: Record<string, Value> = {};
  for (let n = 0; n < columns.length; n++) row[columns[n] ?? ''] = values[n] ?? null;
  return row;
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
    return { statement, columns: statement.columns().map(({ name }) => name) };
  }

  function ask({ text, values, first, varied }: Query): Answer {
    const { statement, columns } = varied ? prepare(text) : prepared(text);
    if (columns.length === 0) return { rows: [], changes: Number(statement.run(...values).changes) };
    if (!first) {
      const rows = statement.all(...values) as unknown as Value[][];
      return { rows: rows.map((row) => named(columns, row)), changes: 0 };
    }
    const row = statement.get(...values) as unknown as Value[] | undefined;
    return { rows: row ? [named(columns, row)] : [], changes: 0 };
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
