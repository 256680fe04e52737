import type { Dialect } from '../sql.ts';

/** What was taken of limits need not outlive a crash, and who asks need not wait for the disk: the counts begin anew in such a table. */
export function sql({ integer, tableOptions, passing }: Dialect): string {
  return `
DROP TABLE rate_limits;

CREATE ${passing} TABLE rate_limits (
  bucket TEXT PRIMARY KEY,
  taken TEXT NOT NULL,
  version ${integer} NOT NULL,
  changed_at ${integer} NOT NULL
) ${tableOptions};
`;
}
