import type { Dialect } from '../sql.ts';

/**
 * Whoever owns a key becomes a user: a member without a namespace, so that a key without roles can do as little as before.
 * `string_agg` and `user_name` are words that both databases take, and a name has the collation of `keys.owner`.
 */
export function sql({ integer, bytes, sortedText, tableOptions }: Dialect): string {
  return `
CREATE TABLE users (
  name TEXT PRIMARY KEY,
  role TEXT NOT NULL CHECK (role IN ('admin', 'member')),
  password TEXT,
  disabled_at ${integer},
  created_at ${integer} NOT NULL,
  version ${integer} NOT NULL
) ${tableOptions};

CREATE TABLE memberships (
  user_name TEXT NOT NULL REFERENCES users (name),
  namespace TEXT NOT NULL REFERENCES namespaces (name),
  role TEXT NOT NULL,
  PRIMARY KEY (user_name, namespace)
) ${tableOptions};

CREATE TABLE roles (
  name ${sortedText} PRIMARY KEY,
  permissions TEXT NOT NULL,
  created_at ${integer} NOT NULL
) ${tableOptions};

CREATE TABLE sessions (
  id TEXT PRIMARY KEY,
  user_name TEXT NOT NULL REFERENCES users (name),
  key_id ${sortedText} REFERENCES keys (id),
  created_at ${integer} NOT NULL,
  expires_at ${integer} NOT NULL,
  ended_at ${integer}
) ${tableOptions};

CREATE INDEX sessions_by_user ON sessions (user_name) WHERE ended_at IS NULL;
CREATE INDEX sessions_by_end ON sessions (expires_at);

CREATE TABLE session_tokens (
  hash ${bytes} PRIMARY KEY,
  session TEXT NOT NULL REFERENCES sessions (id),
  kind TEXT NOT NULL CHECK (kind IN ('access', 'refresh', 'step-up')),
  expires_at ${integer} NOT NULL,
  used_at ${integer}
) ${tableOptions};

CREATE INDEX tokens_by_session ON session_tokens (session);
CREATE INDEX tokens_by_end ON session_tokens (expires_at);

CREATE INDEX keys_by_owner ON keys (owner, id);

ALTER TABLE namespaces ADD COLUMN recoverable ${integer} NOT NULL DEFAULT 0;

INSERT INTO users (name, role, created_at, version)
  SELECT owner, 'member', min(created_at), 1 FROM keys WHERE owner IS NOT NULL GROUP BY owner;
`;
}
