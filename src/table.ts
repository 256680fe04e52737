/** Tables and records for people: every column whole or gone, ids never cut, wide characters counted as two cells. */
import { Chalk } from 'chalk';
import stringWidth from 'string-width';
import type { Column, Noun, Tone } from './output.ts';
import { terminalSafe } from './text.ts';

export interface Drawing {
  /** Cells in a line. */
  readonly columns: number;
  readonly color: boolean;
  readonly nowMs: number;
}

const gap = 2;
/** What a column that shrinks keeps while there are others to leave out, and what it keeps in the end. */
const comfortable = 20;
const narrowest = 8;

interface Drawn<T> {
  readonly column: Column<T>;
  readonly texts: readonly string[];
  width: number;
}

export function drawTable<T>(noun: Noun<T>, rows: readonly T[], drawing: Drawing): string {
  const { nowMs } = drawing;
  const paint = painter(drawing.color);
  const columns = fit(
    noun.columns.map((column) => measured(column, rows, nowMs)),
    drawing.columns,
  );
  const line = (texts: readonly string[], tone: (column: Column<T>) => Tone | null) => {
    let drawn = '';
    let owed = 0;
    columns.forEach(({ column, width }, index) => {
      const text = shortened(texts[index] ?? '', width);
      if (text !== '') drawn += ' '.repeat(owed) + paint(text, tone(column));
      owed = (text === '' ? owed : 0) + width - stringWidth(text) + gap;
    });
    return `${drawn}\n`;
  };
  const head = line(
    columns.map(({ column }) => column.title.toUpperCase()),
    () => 'bold',
  );
  const body = rows.map((row, index) =>
    line(
      columns.map(({ texts }) => texts[index] ?? ''),
      (column) => noun.tone?.(row, nowMs) ?? column.tone?.(row, nowMs) ?? null,
    ),
  );
  return head + body.join('');
}

/** One row as a list of its fields, those without a value left out. */
export function drawRecord<T>(noun: Noun<T>, row: T, drawing: Drawing): string {
  const paint = painter(drawing.color);
  const fields = (noun.details ?? noun.columns)
    .map((column) => ({ column, text: cell(column, row, drawing.nowMs) }))
    .filter(({ text }) => text !== '');
  const width = Math.max(...fields.map(({ column }) => column.title.length)) + 1;
  return fields
    .map(({ column, text }) => {
      const exact = column.human ? terminalSafe(column.value(row) ?? '') : '';
      const detail = exact && exact !== text ? paint(` (${exact})`, 'dim') : '';
      const label = paint(`${column.title}:`.padEnd(width), 'dim');
      return `${label}  ${paint(text, column.tone?.(row, drawing.nowMs) ?? null)}${detail}\n`;
    })
    .join('');
}

function cell<T>(column: Column<T>, row: T, nowMs: number): string {
  return terminalSafe((column.human ? column.human(row, nowMs) : column.value(row)) ?? '');
}

function measured<T>(column: Column<T>, rows: readonly T[], nowMs: number): Drawn<T> {
  const texts = rows.map((row) => cell(column, row, nowMs));
  const width = texts.reduce((most, text) => Math.max(most, stringWidth(text)), stringWidth(column.title));
  return { column, texts, width };
}

/** Which columns are drawn and how wide: those that may shrink do, then the dispensable ones go, empty ones first. */
function fit<T>(columns: readonly Drawn<T>[], available: number): Drawn<T>[] {
  const kept = [...columns];
  while (excess(kept, available, comfortable) > 0) {
    const goes = kept.reduce((worst, entry) => (rank(entry) > rank(worst) ? entry : worst));
    if (rank(goes) === 0) break;
    kept.splice(kept.indexOf(goes), 1);
  }
  for (const entry of kept) {
    const over = total(kept) - available;
    if (entry.column.shrinks && over > 0)
      entry.width = Math.max(entry.width - over, atLeast(entry, narrowest));
  }
  return kept;
}

function rank<T>({ column, texts }: Drawn<T>): number {
  const empty = texts.every((text) => text === '');
  return (column.dispensable ?? 0) * (empty ? 100 : 1);
}

function total(drawn: readonly Drawn<unknown>[]): number {
  return drawn.reduce((sum, { width }) => sum + width + gap, -gap);
}

/** Cells too many even when all that shrink have. */
function excess(drawn: readonly Drawn<unknown>[], available: number, limit: number): number {
  return (
    total(
      drawn.map((entry) => ({ ...entry, width: entry.column.shrinks ? atLeast(entry, limit) : entry.width })),
    ) - available
  );
}

function atLeast({ width }: { width: number }, limit: number): number {
  return Math.min(width, limit);
}

const graphemes = new Intl.Segmenter();

/** The beginning of a text that fits, with an ellipsis in its last cell when something is missing. */
export function shortened(text: string, width: number): string {
  if (stringWidth(text) <= width) return text;
  let result = '';
  let used = 1;
  for (const { segment } of graphemes.segment(text)) {
    used += stringWidth(segment);
    if (used > width) break;
    result += segment;
  }
  return `${result}…`;
}

/** Amber is an orange that can be read on black and on white; plain yellow cannot be read on white. */
function painter(color: boolean): (text: string, tone: Tone | null) => string {
  const chalk = new Chalk({ level: color ? 2 : 0 });
  const tones = {
    amber: chalk.ansi256(166),
    red: chalk.red,
    dim: chalk.dim,
    green: chalk.green,
    bold: chalk.bold,
  };
  return (text, tone) => (tone === null || text === '' ? text : tones[tone](text));
}
