import type { Dialect } from '../sql.ts';

export function sql({ integer, bytes, sortedText, sequence, strict, tableOptions }: Dialect): string {
  return `
CREATE TABLE namespaces (
  name TEXT PRIMARY KEY,
  quota ${integer},
  created_at ${integer} NOT NULL
) ${tableOptions};

CREATE TABLE keys (
  id ${sortedText} PRIMARY KEY,
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
  created_at ${integer} NOT NULL,
  created_by TEXT NOT NULL,
  expires_at ${integer},
  disabled_at ${integer},
  revoked_at ${integer},
  rotated_at ${integer},
  last_used_at ${integer},
  version ${integer} NOT NULL
) ${tableOptions};

CREATE UNIQUE INDEX keys_live_name ON keys (namespace, name) WHERE revoked_at IS NULL;
CREATE INDEX keys_by_namespace ON keys (namespace, id);
CREATE INDEX keys_usable ON keys (namespace, expires_at) WHERE revoked_at IS NULL AND disabled_at IS NULL;

CREATE TABLE secrets (
  hash ${bytes} PRIMARY KEY,
  key_id ${sortedText} NOT NULL REFERENCES keys (id),
  created_at ${integer} NOT NULL,
  ends_at ${integer}
) ${tableOptions};

CREATE INDEX secrets_by_key ON secrets (key_id);

CREATE TABLE audit (
  seq ${sequence},
  time ${integer} NOT NULL,
  actor TEXT NOT NULL,
  agent TEXT,
  action TEXT NOT NULL,
  target TEXT NOT NULL,
  outcome TEXT NOT NULL,
  request_id TEXT,
  details TEXT NOT NULL
) ${strict};
`;
}
