/**
 * A conversation with a database: the verbs of the store are written once, as generators that ask and are answered.
 * SQLite answers at once, in this thread; PostgreSQL takes its time.
 */

export type Value = string | number | null | Uint8Array;

export type Row = Readonly<Record<string, Value>>;

/** SQL, or a part of it; `?` stands for a value, in order. */
export interface Query {
  readonly text: string;
  readonly values: readonly Value[];
  /** Whether nobody looks at more than the first row. */
  readonly first?: true;
  /** Whether nobody looks at the answer: it need not be waited for before the next one is asked, only before the end. */
  readonly unanswered?: true;
  /** Whether its text is made of what somebody asks for: more of them than there is memory for, so that none is kept prepared. */
  readonly varied?: true;
}

export interface Answer {
  readonly rows: readonly Row[];
  /** How many rows were changed. */
  readonly changes: number;
}

/** What is left of a piece of work, up to its result. */
export type Work<T> = Generator<Query, T, Answer>;

/** How many rows changed. */
export function* run(text: string, ...values: Value[]): Work<number> {
  return (yield { text, values }).changes;
}

/** Changes what it changes; only within a transaction, which fails with it. */
export function* send(text: string, ...values: Value[]): Work<void> {
  yield { text, values, unanswered: true };
}

/** The first row. */
export function* get(text: string, ...values: Value[]): Work<Row | undefined> {
  return (yield { text, values, first: true }).rows[0];
}

export function* all(text: string, ...values: Value[]): Work<readonly Row[]> {
  return (yield { text, values }).rows;
}

export function* exists(text: string, ...values: Value[]): Work<boolean> {
  return (yield { text, values, first: true }).rows.length > 0;
}

/** In pieces of few sizes, so that the statement for each is prepared once. */
export function* chunksOf<T>(values: readonly T[]): Generator<T[]> {
  for (let from = 0; from < values.length; ) {
    const size = [100, 10].find((each) => each <= values.length - from) ?? 1;
    yield values.slice(from, from + size);
    from += size;
  }
}

/** Thrown by a piece of work whose transaction must leave nothing behind. */
export class Refused<Refusal extends { readonly refused: string }> extends Error {
  readonly refusal: Refusal;

  constructor(refusal: Refusal) {
    super(refusal.refused);
    this.refusal = refusal;
  }
}

/** The few words in which the databases differ. */
export interface Dialect {
  /** Types of columns: a whole number of 64 bits, bytes, and a text that sorts by its bytes. */
  readonly integer: string;
  readonly bytes: string;
  readonly sortedText: string;
  /** A column of numbers that rise from row to row. */
  readonly sequence: string;
  /** What stands behind the columns of a new table: one with a sequence, and any other. */
  readonly strict: string;
  readonly tableOptions: string;
  /** What stands before TABLE where a crash of the database may empty it, so that its changes need not wait for the disk. */
  readonly passing: string;
  /** A statement after which a table's pages keep room for their rows to change; nothing where a row changes in its place. */
  withRoom(table: string): string;
  /** Whether the JSON array in a column holds a text. */
  hasElement(column: string, element: string): Query;
  /** Whether the JSON object in a column has a text under a name. */
  hasEntry(column: string, name: string, value: string): Query;
  /** Whether a column matches a pattern of `*` and `?`. */
  matches(column: string, glob: string): Query;
}

export interface Database {
  readonly dialect: Dialect;
  /** Whether instances on other machines may use it as well. */
  readonly shared: boolean;
  /** Throws `unavailable` when the database cannot be asked. */
  read<T>(work: () => Work<T>): Promise<T>;
  /**
   * The row that a statement finds by its one value, a hash, with no bytes in the row: for what every request asks. It is looked
   * for after the call; a database at a distance may be asked for several at once. Throws `unavailable`.
   */
  lookup(text: string): (hash: Uint8Array) => Promise<Row | undefined>;
  /**
   * All of the work or nothing of it, while nobody else writes: what it reads, it may rely on. It may be begun more than
   * once, so it changes nothing but the database. Unless it is `lasting`, a database in this process may leave it to the next
   * one to wait for the disk. Throws `unavailable`, with nothing changed, and `outcome_unknown`.
   */
  transaction<T>(work: () => Work<T>, options?: { lasting: boolean }): Promise<T>;
  /** Each statement by itself, without waiting for those who write: for counts that need no order. Throws `unavailable`. */
  single<T>(work: () => Work<T>): Promise<T>;
  /** The step that it is at by now: a newer version may have opened it meanwhile. Throws `unavailable`. */
  step(): Promise<number>;
  /** Takes what was destroyed out of logs too, as far as that can be done now. */
  scrub(): Promise<void>;
  close(): Promise<void>;
}
