export const sql = `
CREATE TABLE namespaces (
  name TEXT PRIMARY KEY,
  quota INTEGER,
  created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE keys (
  id TEXT PRIMARY KEY,
  namespace TEXT NOT NULL REFERENCES namespaces (name),
  name TEXT NOT NULL,
  description TEXT,
  owner TEXT,
  type TEXT NOT NULL CHECK (type IN ('view', 'manage')),
  roles TEXT NOT NULL,
  permissions TEXT NOT NULL,
  api_version TEXT NOT NULL,
  prefix TEXT,
  last_four TEXT NOT NULL,
  labels TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  created_by TEXT NOT NULL,
  expires_at INTEGER,
  disabled_at INTEGER,
  revoked_at INTEGER,
  rotated_at INTEGER,
  last_used_at INTEGER,
  version INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX keys_live_name ON keys (namespace, name) WHERE revoked_at IS NULL;
CREATE INDEX keys_by_namespace ON keys (namespace, id);
CREATE INDEX keys_usable ON keys (namespace, expires_at) WHERE revoked_at IS NULL AND disabled_at IS NULL;

CREATE TABLE secrets (
  hash BLOB PRIMARY KEY,
  key_id TEXT NOT NULL REFERENCES keys (id),
  created_at INTEGER NOT NULL,
  ends_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX secrets_by_key ON secrets (key_id);

CREATE TABLE audit (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  time INTEGER NOT NULL,
  actor TEXT NOT NULL,
  agent TEXT,
  action TEXT NOT NULL,
  target TEXT NOT NULL,
  outcome TEXT NOT NULL,
  request_id TEXT,
  details TEXT NOT NULL
) STRICT;
`;
