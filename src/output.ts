/** Results on stdout: a noun declares its columns once, one place prints it in every format. */
import { stripVTControlCharacters } from 'node:util';
import { KeysError } from './errors.ts';
import type { Io } from './io.ts';
import { jsonSafe, terminalSafe } from './text.ts';

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
  readonly columns: readonly Column<T>[];
  name(row: T): string;
  /** A tone for whole rows, such as dim for what is out of service. */
  tone?(row: T, nowMs: number): Tone | null;
  /** What to say to a person when there is nothing to show. */
  readonly none: string;
}

export interface OutputOptions {
  readonly output?: OutputFormat;
  readonly query?: string;
}

export interface Printer {
  readonly format: OutputFormat | 'tsv';
  /** Whether results are for a program that parses them, so that errors are too. */
  readonly structured: boolean;
  readonly color: boolean;
  /** One line or block of text that is the result itself. */
  text(text: string): Promise<void>;
  /** Many rows, printed as they come where the format allows it. */
  rows<T>(noun: Noun<T>, rows: AsyncIterable<T[]> | Iterable<T[]>): Promise<void>;
  /** One row on its own. */
  row<T>(noun: Noun<T>, row: T): Promise<void>;
  /** A result that is not a row of a noun: its JSON, and its words for people. */
  value(json: unknown, words: () => string): Promise<void>;
}

export function createPrinter(io: Io, options: OutputOptions, color: boolean, now: () => number): Printer {
  const { query } = options;
  const format = options.output ?? (query === undefined ? (io.stdout.isTerminal ? 'table' : 'tsv') : 'json');
  const structured = format === 'json' || format === 'ndjson' || format === 'yaml';
  if (query !== undefined && !structured) {
    throw new KeysError('invalid', `--query works on JSON, not on -o ${format}`, {
      hint: 'use -o json, ndjson or yaml',
    });
  }
  const write = (text: string) => io.stdout.write(text);

  async function document(json: unknown): Promise<void> {
    const result = query === undefined ? json : await runQuery(json, query);
    if (format === 'yaml') return write(await toYaml(result));
    if (format === 'ndjson') {
      for (const item of Array.isArray(result) ? result : [result]) await write(`${toJson(item)}\n`);
      return;
    }
    return write(`${toJson(result, 2)}\n`);
  }

  async function tabular<T>(noun: Noun<T>, pages: AsyncIterable<T[]> | Iterable<T[]>): Promise<void> {
    if (format === 'table') {
      const all = await collect(pages);
      if (all.length === 0) return io.stderr.write(`${noun.none}\n`);
      const { drawTable } = await import('./table.ts');
      return write(drawTable(noun, all, { columns: io.columns, color, nowMs: now() }));
    }
    if (format === 'csv') {
      const { stringify } = await import('csv-stringify/sync');
      await write(stringify([noun.columns.map((column) => column.field)]));
      for await (const page of pages) {
        const cells = page.map((row) => noun.columns.map((column) => terminalSafe(column.value(row) ?? '')));
        // A cell that a spreadsheet would run as a formula is neutralised by a leading quote.
        await write(stringify(cells, { escape_formulas: true }));
      }
      return;
    }
    for await (const page of pages) {
      const lines = page.map((row) =>
        format === 'name'
          ? terminalSafe(noun.name(row))
          : noun.columns.map((column) => terminalSafe(column.value(row) ?? '')).join('\t'),
      );
      if (lines.length > 0) await write(`${lines.join('\n')}\n`);
    }
  }

  return {
    format,
    structured,
    color,
    text: write,
    async rows(noun, rows) {
      if (!structured) return tabular(noun, rows);
      if (format !== 'ndjson') return document(await collect(rows));
      for await (const page of rows) {
        if (query !== undefined) for (const row of page) await document(row);
        else if (page.length > 0) await write(`${page.map((row) => toJson(row)).join('\n')}\n`);
      }
    },
    async row(noun, row) {
      if (structured) return document(row);
      if (format !== 'table') return tabular(noun, [[row]]);
      const { drawRecord } = await import('./table.ts');
      return write(drawRecord(noun, row, { columns: io.columns, color, nowMs: now() }));
    },
    async value(json, words) {
      if (structured) return document(json);
      const text = words();
      return write(color ? text : stripVTControlCharacters(text));
    },
  };
}

async function collect<T>(pages: AsyncIterable<T[]> | Iterable<T[]>): Promise<T[]> {
  const all: T[] = [];
  for await (const page of pages) all.push(...page);
  return all;
}

/** JSON text without a character that could move a terminal's cursor or reorder its line. */
export function toJson(value: unknown, indent?: number): string {
  return jsonSafe(JSON.stringify(value, null, indent) ?? 'null');
}

async function toYaml(value: unknown): Promise<string> {
  const { stringify, Scalar } = await import('yaml');
  // Round trip through JSON, so that YAML and JSON never differ; double quotes, so that \u escapes hold.
  const text = stringify(
    JSON.parse(JSON.stringify(value)),
    (_key, item) => {
      if (typeof item !== 'string' || terminalSafe(item) === item) return item;
      const scalar = new Scalar(item);
      scalar.type = 'QUOTE_DOUBLE';
      return scalar;
    },
    { lineWidth: 0 },
  );
  return jsonSafe(text);
}

async function runQuery(json: unknown, query: string): Promise<unknown> {
  const { search } = await import('@jmespath-community/jmespath');
  try {
    return search(JSON.parse(JSON.stringify(json)), query);
  } catch (error) {
    throw new KeysError('invalid', `--query '${query}': ${(error as Error).message}`, {
      hint: "a JMESPath expression, such as --query '[].name'",
    });
  }
}
