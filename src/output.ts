/** Results on stdout: a noun declares its columns once, one place prints it in every format. */
import { KeysError } from './errors.ts';
import type { Io } from './io.ts';
import { jsonSafe, terminalSafe, yamlSafe } from './text.ts';

export const outputFormats = ['table', 'json', 'ndjson', 'yaml', 'csv', 'name'] as const;
export type OutputFormat = (typeof outputFormats)[number];

export type Tone = 'amber' | 'red' | 'dim' | 'green' | 'bold';

export interface Column<T> {
  /** The field's name in JSON, which is also its CSV heading. */
  readonly field: string;
  /** The heading in a table. */
  readonly title: string;
  /** The exact value; `null` when there is none. */
  value(row: T): string | null;
  /** The value as a person reads it, when that differs. */
  human?(row: T, nowMs: number): string | null;
  tone?(row: T, nowMs: number): Tone | null;
  /** May be cut short in a narrow terminal. */
  readonly shrinks?: boolean;
  /** Left out of a table that is too narrow: the highest number goes first. Without a number a column always stays. */
  readonly dispensable?: number;
}

export interface Noun<T> {
  /** What a table and a pipe show. */
  readonly columns: readonly Column<T>[];
  /** All there is to know, for a record and for CSV; the same columns when absent. */
  readonly details?: readonly Column<T>[];
  name(row: T): string;
  /** A tone for whole rows, such as dim for what is out of service. */
  tone?(row: T, nowMs: number): Tone | null;
  /** What to say to a person when there is nothing to show. */
  readonly none: string;
}

export interface OutputOptions {
  readonly output?: OutputFormat;
  readonly query?: string;
  readonly quiet?: boolean;
}

type Pages<T> = AsyncIterable<readonly T[]> | Iterable<readonly T[]>;

export interface Printer {
  readonly format: OutputFormat | 'tsv';
  /** Whether results are for a program that parses them. */
  readonly structured: boolean;
  /** Throws `invalid` when the output options cannot work, such as a `--query` that is no JMESPath. */
  check(): Promise<void>;
  /** What `--query` leaves of a result. */
  part(json: unknown): Promise<unknown>;
  /** One line or block of text that is the result itself. */
  text(text: string): Promise<void>;
  /** Many rows, printed as they come where the format allows it. Throws `invalid` where endless ones would never be. */
  rows<T>(noun: Noun<T>, rows: Pages<T>, options?: { readonly endless?: boolean }): Promise<void>;
  /** One row on its own. */
  row<T>(noun: Noun<T>, row: T): Promise<void>;
  /** A result that is not a row of a noun: its JSON, and its words for people, line by line. */
  value(json: unknown, words: () => string): Promise<void>;
}

export function createPrinter(io: Io, options: OutputOptions, color: boolean, now: () => number): Printer {
  const { query } = options;
  const format = options.output ?? (query === undefined ? (io.stdout.isTerminal ? 'table' : 'tsv') : 'json');
  const structured = format === 'json' || format === 'ndjson' || format === 'yaml';
  const write = (text: string) => io.stdout.write(text);
  const drawing = () => ({ columns: io.columns, color, nowMs: now() });
  const part = async (json: unknown) => (query === undefined ? json : runQuery(json, query));

  async function document(json: unknown): Promise<void> {
    const result = await part(json);
    if (format === 'yaml') return write(await toYaml(result));
    if (format === 'json') return write(`${toJson(result, 2)}\n`);
    for (const item of Array.isArray(result) ? result : [result]) await write(`${toJson(item)}\n`);
  }

  async function tabular<T>(noun: Noun<T>, pages: Pages<T>): Promise<void> {
    if (format === 'csv') return writeCsv(noun.details ?? noun.columns, pages, write);
    const line = (row: T) =>
      format === 'name'
        ? terminalSafe(noun.name(row))
        : noun.columns.map((column) => terminalSafe(column.value(row) ?? '')).join('\t');
    for await (const page of pages) {
      if (page.length > 0) await write(page.map((row) => `${line(row)}\n`).join(''));
    }
  }

  return {
    format,
    structured,
    part,
    text: write,
    async check() {
      if (query === undefined) return;
      if (!structured) {
        throw new KeysError('invalid', `--query works on JSON, not on -o ${format}`, {
          hint: 'use -o json, ndjson or yaml',
        });
      }
      await checkQuery(query);
    },
    async rows(noun, rows, { endless = false } = {}) {
      if (endless && structured && format !== 'ndjson') {
        throw new KeysError('invalid', `-o ${format} prints what has an end`, { hint: 'use -o ndjson' });
      }
      if (format === 'ndjson') {
        for await (const page of rows) {
          if (query !== undefined) for (const row of page) await document(row);
          else if (page.length > 0) await write(page.map((row) => `${toJson(row)}\n`).join(''));
        }
      } else if (structured) await document(await collect(rows));
      else if (format !== 'table' || endless) await tabular(noun, rows);
      else {
        const all = await collect(rows);
        const { drawTable } = await import('./table.ts');
        if (all.length > 0) await write(drawTable(noun, all, drawing()));
        else if (!options.quiet) await io.stderr.write(`${noun.none}\n`);
      }
    },
    async row(noun, row) {
      if (structured) return document(row);
      if (format !== 'table') return tabular(noun, [[row]]);
      const { drawRecord } = await import('./table.ts');
      return write(drawRecord(noun, row, drawing()));
    },
    async value(json, words) {
      if (structured) return document(json);
      const lines = words().split('\n').map(terminalSafe);
      return write(lines.join('\n'));
    },
  };
}

async function collect<T>(pages: Pages<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const page of pages) for (const row of page) all.push(row);
  return all;
}

async function writeCsv<T>(
  columns: readonly Column<T>[],
  pages: Pages<T>,
  write: (text: string) => Promise<void>,
): Promise<void> {
  const { stringify } = await import('csv-stringify/sync');
  // A cell that a spreadsheet would run gets a leading quote, also behind white space, which some of them skip. Where a
  // comma stands in numbers they part cells at a semicolon, unless it is in quotes.
  const cell = (text: string | null) => terminalSafe(text ?? '').trimStart();
  await write(stringify([columns.map(({ field }) => field)]));
  for await (const page of pages) {
    const cells = page.map((row) => columns.map((column) => cell(column.value(row))));
    if (cells.length > 0) await write(stringify(cells, { escape_formulas: true, quoted_match: /;/ }));
  }
}

/** JSON text without a character that could move a terminal's cursor or reorder its line. */
export function toJson(value: unknown, indent?: number): string {
  return jsonSafe(JSON.stringify(value, null, indent) ?? 'null');
}

/** YAML of the same value as the JSON, and as safe. */
async function toYaml(value: unknown): Promise<string> {
  const { stringify } = await import('yaml');
  const json = JSON.stringify(value) ?? 'null';
  // Escapes hold only in double quotes.
  const escapes = jsonSafe(json) !== json || json.includes('\\');
  const text = stringify(JSON.parse(json), {
    lineWidth: 0,
    aliasDuplicateObjects: false,
    ...(escapes ? { defaultStringType: 'QUOTE_DOUBLE', defaultKeyType: 'QUOTE_DOUBLE' } : {}),
  });
  return yamlSafe(text);
}

/** Before anything is done: what is told afterwards would pass for a command that did nothing. */
async function checkQuery(query: string): Promise<void> {
  const { expressionProblem } = await import('./jmespath.ts');
  const problem = expressionProblem(query);
  if (problem !== null) throw badQuery(query, problem);
}

async function runQuery(json: unknown, query: string): Promise<unknown> {
  const { search } = await import('@jmespath-community/jmespath');
  try {
    return search(JSON.parse(JSON.stringify(json)), query);
  } catch (error) {
    throw badQuery(query, (error as Error).message);
  }
}

function badQuery(query: string, problem: string): KeysError {
  return new KeysError('invalid', `--query '${query}': ${problem}`, {
    hint: "it takes a JMESPath expression, such as '[].name'",
  });
}
