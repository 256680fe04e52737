/** What SQLite calls things. */
import type { Dialect } from './sql.ts';

export const sqliteDialect: Dialect = {
  integer: 'INTEGER',
  bytes: 'BLOB',
  sortedText: 'TEXT',
  sequence: 'INTEGER PRIMARY KEY AUTOINCREMENT',
  strict: 'STRICT',
  tableOptions: 'STRICT, WITHOUT ROWID',
  passing: '',
  withRoom: () => '',
  hasElement: (column, element) => ({
    text: `EXISTS (SELECT 1 FROM json_each(${column}) AS element WHERE element.value = ?)`,
    values: [element],
  }),
  hasEntry: (column, name, value) => ({
    text: `EXISTS (SELECT 1 FROM json_each(${column}) AS entry WHERE entry.key = ? AND entry.value = ?)`,
    values: [name, value],
  }),
  // GLOB knows sets in brackets as well; here a bracket is a bracket.
  matches: (column, glob) => ({ text: `${column} GLOB ?`, values: [glob.replaceAll('[', '[[]')] }),
};
