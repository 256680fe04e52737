export const sql = `
CREATE TABLE mints (
  hash BLOB PRIMARY KEY,
  request_hash BLOB,
  caller TEXT,
  key_id TEXT REFERENCES keys (id),
  secret_hash BLOB REFERENCES secrets (hash),
  seal BLOB,
  state TEXT NOT NULL CHECK (state IN ('sealed', 'used', 'acknowledged', 'expired', 'cancelled')),
  created_at INTEGER NOT NULL,
  overlap TEXT CHECK (overlap IN ('open', 'new', 'old', 'ended')),
  old_hash BLOB REFERENCES secrets (hash),
  old_prefix TEXT,
  old_last_four TEXT,
  old_rotated_at INTEGER,
  CHECK ((seal IS NOT NULL) = (state = 'sealed'))
) STRICT, WITHOUT ROWID;

CREATE INDEX mints_sealed ON mints (secret_hash) WHERE seal IS NOT NULL;
CREATE INDEX mints_by_key ON mints (key_id);
CREATE INDEX mints_by_age ON mints (created_at);
CREATE UNIQUE INDEX mints_open_overlap ON mints (key_id) WHERE overlap = 'open';
`;
