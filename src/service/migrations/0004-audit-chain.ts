import type { Dialect } from '../sql.ts';

/** Rows from before have no hash yet; whoever writes or reads the log first gives them theirs. */
export function sql({ integer, strict }: Dialect): string {
  return `
CREATE TABLE audit_log (
  seq ${integer} PRIMARY KEY,
  time ${integer} NOT NULL,
  actor TEXT,
  agent TEXT,
  action TEXT NOT NULL,
  target TEXT,
  outcome TEXT NOT NULL,
  address TEXT,
  request_id TEXT,
  details TEXT NOT NULL,
  hash TEXT
) ${strict};

INSERT INTO audit_log (seq, time, actor, agent, action, target, outcome, request_id, details)
SELECT seq, time, actor, agent, action, target, outcome, request_id, details FROM audit;

DROP TABLE audit;

CREATE INDEX audit_log_by_time ON audit_log (time);

ALTER TABLE audit_head ADD COLUMN hash TEXT;
`;
}
