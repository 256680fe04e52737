import type { Dialect } from '../sql.ts';

/** The one row that whoever writes locks first, where the database itself lets several write at once. */
export function sql({ integer, tableOptions }: Dialect): string {
  return `
CREATE TABLE audit_head (
  id ${integer} PRIMARY KEY CHECK (id = 1),
  seq ${integer} NOT NULL
) ${tableOptions};

INSERT INTO audit_head (id, seq) SELECT 1, coalesce(max(seq), 0) FROM audit;
`;
}
