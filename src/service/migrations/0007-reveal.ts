import type { Dialect } from '../sql.ts';

/** Secrets that can be shown again, encrypted under a master key that is not here. */
export function sql({ integer, bytes, sortedText, tableOptions }: Dialect): string {
  return `
ALTER TABLE keys ADD COLUMN recoverable ${integer} NOT NULL DEFAULT 0;

CREATE TABLE kept_secrets (
  hash ${bytes} PRIMARY KEY REFERENCES secrets (hash),
  key_id ${sortedText} NOT NULL REFERENCES keys (id),
  master_key TEXT NOT NULL,
  sealed ${bytes} NOT NULL
) ${tableOptions};

CREATE INDEX kept_by_key ON kept_secrets (key_id);
CREATE INDEX kept_by_master_key ON kept_secrets (master_key);
`;
}
