/** Tables and records for people: every column whole or gone, ids never cut, wide characters counted as two cells. */
import { Chalk } from 'chalk';
import Table from 'cli-table3';
import stringWidth from 'string-width';
import type { Column, Noun, Tone } from './output.ts';
import { terminalSafe } from './text.ts';

export interface Drawing {
  readonly columns: number;
  readonly color: boolean;
  readonly nowMs: number;
}

const gap = 2;
const narrowest = 12;

const borderless = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '',
};

export function drawTable<T>(noun: Noun<T>, rows: readonly T[], drawing: Drawing): string {
  const texts = new Map(
    noun.columns.map((column) => [column, rows.map((row) => cell(column, row, drawing.nowMs))]),
  );
  const columns = fit(noun.columns, (column) => widest(column, texts.get(column) ?? []), drawing.columns);
  const paint = painter(drawing.color);
  const table = new Table({
    chars: borderless,
    style: { 'padding-left': 0, 'padding-right': gap, head: [], border: [] },
    colWidths: columns.map(({ width }) => width + gap),
    head: columns.map(({ column }) => paint(column.title.toUpperCase(), 'bold')),
  });
  rows.forEach((row, index) => {
    table.push(
      columns.map(({ column }) => {
        const tone = noun.tone?.(row, drawing.nowMs) ?? column.tone?.(row, drawing.nowMs) ?? null;
        return paint(texts.get(column)?.[index] ?? '', tone);
      }),
    );
  });
  return `${trimLines(table.toString())}\n`;
}

/** One row as a list of its fields, those without a value left out. */
export function drawRecord<T>(noun: Noun<T>, row: T, drawing: Drawing): string {
  const paint = painter(drawing.color);
  const fields = noun.columns
    .map((column) => ({ column, text: cell(column, row, drawing.nowMs) }))
    .filter(({ text }) => text !== '');
  const width = Math.max(...fields.map(({ column }) => stringWidth(column.title)));
  return fields
    .map(({ column, text }) => {
      const exact = column.human ? column.value(row) : null;
      const detail = exact && terminalSafe(exact) !== text ? paint(` (${terminalSafe(exact)})`, 'dim') : '';
      const label = paint(`${column.title}:`.padEnd(width + 1), 'dim');
      return `${label}  ${paint(text, column.tone?.(row, drawing.nowMs) ?? null)}${detail}\n`;
    })
    .join('');
}

function cell<T>(column: Column<T>, row: T, nowMs: number): string {
  return terminalSafe((column.human ? column.human(row, nowMs) : column.value(row)) ?? '');
}

function widest<T>(column: Column<T>, texts: readonly string[]): number {
  return texts.reduce((width, text) => Math.max(width, stringWidth(text)), stringWidth(column.title));
}

/** Which columns are drawn and how wide: first those that may shrink do, then the dispensable ones go. */
function fit<T>(columns: readonly Column<T>[], natural: (column: Column<T>) => number, available: number) {
  const kept = columns.map((column) => ({ column, width: natural(column) }));
  const total = () => kept.reduce((sum, { width }) => sum + width + gap, -gap);
  for (;;) {
    const shrinking = kept.filter(({ column }) => column.shrinks);
    const slack = shrinking.reduce((sum, { width }) => sum + Math.max(0, width - narrowest), 0);
    if (total() - slack <= available) {
      for (const entry of shrinking) {
        entry.width -= Math.min(Math.max(0, total() - available), Math.max(0, entry.width - narrowest));
      }
      return kept;
    }
    const goes = kept.reduce((worst, entry, index) => {
      const rank = entry.column.dispensable ?? 0;
      return rank > (kept[worst]?.column.dispensable ?? 0) ? index : worst;
    }, 0);
    if (!kept[goes]?.column.dispensable) return kept;
    kept.splice(goes, 1);
  }
}

function painter(color: boolean): (text: string, tone: Tone | null) => string {
  const chalk = new Chalk({ level: color ? 1 : 0 });
  const tones = { amber: chalk.yellow, red: chalk.red, dim: chalk.dim, green: chalk.green, bold: chalk.bold };
  return (text, tone) => (tone === null || text === '' ? text : tones[tone](text));
}

function trimLines(text: string): string {
  return text
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}
