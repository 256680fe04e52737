/** What PostgreSQL calls things; CockroachDB and YugabyteDB know the same words. */
import type { Dialect } from './sql.ts';

export const postgresDialect: Dialect = {
  integer: 'BIGINT',
  bytes: 'BYTEA',
  // The order of a language would put ids, and so pages, in another order than their age.
  sortedText: 'TEXT COLLATE "C"',
  sequence: 'BIGINT PRIMARY KEY',
  strict: '',
  tableOptions: '',
  // CockroachDB and YugabyteDB (since 2024.2) take the word and pass over it, as over the setting below.
  passing: 'UNLOGGED',
  // A new version of a row that has no room on the page of the old one goes to another page, and into every index of its table.
  withRoom: (table) => `ALTER TABLE ${table} SET (fillfactor = 50);`,
  hasElement: (column, element) => ({
    text: `${column}::jsonb @> ?::jsonb`,
    values: [JSON.stringify([element])],
  }),
  hasEntry: (column, name, value) => ({
    text: `${column}::jsonb @> ?::jsonb`,
    values: [JSON.stringify({ [name]: value })],
  }),
  matches: (column, glob) => ({ text: `${column} LIKE ?`, values: [likeOf(glob)] }),
};

function likeOf(glob: string): string {
  return glob
    .replace(/[\\%_]/g, (sign) => `\\${sign}`)
    .replaceAll('*', '%')
    .replaceAll('?', '_');
}

/** With `$1` for the first `?`, and so on. No text of ours has a question mark in quotes. */
export function numberedText(text: string): string {
  let n = 0;
  return text.replaceAll('?', () => `$${++n}`);
}
