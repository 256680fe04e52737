import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { keyNoun } from '../../commands/key-noun.ts';
import { createPrinter, type OutputFormat, outputFormats } from '../../src/output.ts';
import { drawTable } from '../../src/table.ts';
import { fakeKey } from '../fakes/service.ts';
import { collectingSink } from '../run.ts';

function printer(
  output: OutputFormat | undefined,
  { terminal = false, columns = 80, query = undefined as string | undefined } = {},
) {
  const stdout = collectingSink(terminal);
  const stdin = { isTerminal: terminal, readAll: async () => '' };
  const io = { stdin, stdout, stderr: collectingSink(terminal), columns };
  return { ...createPrinter(io, { output, query }, false, () => 0), stdout };
}

async function printed(output: OutputFormat, json: unknown): Promise<string> {
  const { value, stdout } = printer(output);
  await value(json, () => '');
  return stdout.text();
}

/** Text full of what is dangerous in one place or another. */
const foreign = fc.string({
  unit: fc.oneof(
    fc.constantFrom(...'=+-@\t\r\n"\',;:#{}[]\\ |\u001b\u009b\u202e\u2066\ufeff\u200d\ud800＝＋－＠'),
    fc.constantFrom(
      '键',
      '😀',
      'é',
      'a',
      '0',
      '\u{10ffff}',
      '\u{e0001}',
      '\u2028',
      'true',
      'null',
      '~',
      '---',
      '1e3',
    ),
    fc.string({ unit: 'binary', minLength: 1, maxLength: 2 }),
  ),
  maxLength: 12,
});

test('YAML and NDJSON say the same as JSON, whatever the text', async () => {
  const value = fc.oneof(foreign, fc.constant(null), fc.boolean(), fc.integer());
  const json = fc.array(
    fc.dictionary(
      foreign.filter((name) => name !== '__proto__'),
      value,
      { maxKeys: 4 },
    ),
    { maxLength: 3 },
  );
  await fc.assert(
    fc.asyncProperty(json, async (data) => {
      const plain = JSON.parse(await printed('json', data));
      expect(parse(await printed('yaml', data))).toEqual(plain);
      const lines = (await printed('ndjson', data)).split('\n').slice(0, -1);
      expect(lines.map((line) => JSON.parse(line))).toEqual(plain);
    }),
    { numRuns: 3_000 },
  );
});

/** The cells of CSV text: RFC 4180, and semicolons as some spreadsheets read them, by a reader of the test's own. */
function cells(csv: string): string[] {
  return [...csv.matchAll(/("(?:[^"]|"")*"|[^,;\n]*)(?:[,;]|\n|$)/g)].map(([, cell = '']) =>
    cell.startsWith('"') ? cell.slice(1, -1).replaceAll('""', '"') : cell,
  );
}

test('no CSV cell begins with what a spreadsheet would run, white space before it or not', async () => {
  await fc.assert(
    fc.asyncProperty(foreign, foreign, async (name, value) => {
      const { rows, stdout } = printer('csv');
      await rows(keyNoun, [
        [fakeKey({ name, description: value, owner: ` ${value}`, labels: { [name]: value } })],
      ]);
      for (const cell of cells(stdout.text())) expect(cell).not.toMatch(/^\s*[=+\-@＝＋－＠]/);
    }),
    { numRuns: 3_000 },
  );
});

test('a row in a pipe has as many cells as the noun has columns, whatever the text', async () => {
  await fc.assert(
    fc.asyncProperty(foreign, async (name) => {
      const { rows, stdout } = printer(undefined);
      await rows(keyNoun, [[fakeKey({ name, owner: name })]]);
      expect(stdout.text().split('\n')).toHaveLength(2);
      expect(stdout.text().split('\t')).toHaveLength(keyNoun.columns.length);
    }),
    { numRuns: 2_000 },
  );
});

describe('rows and row in every format, in a terminal and in a pipe', () => {
  const cases = [undefined, ...outputFormats].flatMap((format) =>
    [true, false].map((terminal) => ({ format, terminal })),
  );

  test.each(cases)('$format, terminal $terminal: ends with a line break', async ({ format, terminal }) => {
    for (const print of ['rows', 'row'] as const) {
      const target = printer(format, { terminal });
      await (print === 'rows' ? target.rows(keyNoun, [[fakeKey()]]) : target.row(keyNoun, fakeKey()));
      expect(target.stdout.text()).toMatch(/demo[\s\S]*\n$/);
    }
  });

  test('no rows: [] as JSON and YAML, a header as CSV, nothing in other formats', async () => {
    const none = async (format: OutputFormat | undefined, terminal = false) => {
      const target = printer(format, { terminal });
      await target.rows(keyNoun, []);
      return target.stdout.text();
    };
    expect(await none('json')).toBe('[]\n');
    expect(await none('yaml')).toBe('[]\n');
    expect(await none('csv')).toMatch(/^id,name,[^\n]*\n$/);
    for (const format of [undefined, 'ndjson', 'name'] as const) expect(await none(format)).toBe('');
    expect(await none(undefined, true)).toBe('');
  });
});

test('--query alone means JSON', () => expect(printer(undefined, { query: 'a' }).format).toBe('json'));

test('a table of 10,000 rows is drawn in one go, every line with its id', () => {
  const keys = Array.from({ length: 10_000 }, (_, index) => fakeKey({ id: `key_${index}` }));
  const lines = drawTable(keyNoun, keys, { columns: 80, color: false, nowMs: 0 }).split('\n');
  expect(lines).toHaveLength(10_002);
});
