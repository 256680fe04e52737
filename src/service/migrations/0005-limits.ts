import type { Dialect } from '../sql.ts';

/** Limits of single keys, and what several instances have taken of limits together. */
export function sql({ integer, tableOptions }: Dialect): string {
  return `
ALTER TABLE keys ADD COLUMN rate_limit TEXT;

CREATE TABLE rate_limits (
  bucket TEXT PRIMARY KEY,
  taken TEXT NOT NULL,
  version ${integer} NOT NULL,
  changed_at ${integer} NOT NULL
) ${tableOptions};
`;
}
