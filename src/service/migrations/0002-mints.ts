import type { Dialect } from '../sql.ts';

export function sql({ integer, bytes, sortedText, tableOptions }: Dialect): string {
  return `
CREATE TABLE mints (
  hash ${bytes} PRIMARY KEY,
  request_hash ${bytes},
  caller TEXT,
  key_id ${sortedText} REFERENCES keys (id),
  secret_hash ${bytes} REFERENCES secrets (hash),
  seal ${bytes},
  state TEXT NOT NULL CHECK (state IN ('sealed', 'used', 'acknowledged', 'expired', 'cancelled')),
  created_at ${integer} NOT NULL,
  overlap TEXT CHECK (overlap IN ('open', 'new', 'old', 'ended')),
  old_hash ${bytes} REFERENCES secrets (hash),
  old_prefix TEXT,
  old_last_four TEXT,
  old_rotated_at ${integer},
  CHECK ((seal IS NOT NULL) = (state = 'sealed'))
) ${tableOptions};

CREATE INDEX mints_sealed ON mints (secret_hash) WHERE seal IS NOT NULL;
CREATE INDEX mints_by_key ON mints (key_id);
CREATE INDEX mints_by_age ON mints (created_at);
CREATE UNIQUE INDEX mints_open_overlap ON mints (key_id) WHERE overlap = 'open';
`;
}
