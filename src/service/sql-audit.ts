/** The audit log. */
import { get, run, type Work } from './sql.ts';
import type { AuditRow } from './store.ts';

/** Within the transaction of what is recorded. */
export function* addAudit(row: AuditRow): Work<void> {
  const { time, actor, agent, action, target, requestId, details } = row;
  yield* run('UPDATE audit_head SET seq = seq + 1');
  const seq = (yield* get('SELECT seq FROM audit_head'))?.seq as number;
  yield* run(
    `INSERT INTO audit (seq, time, actor, agent, action, target, outcome, request_id, details)
     VALUES (?, ?, ?, ?, ?, ?, 'done', ?, ?)`,
    ...[seq, time, actor, agent, action, target, requestId, JSON.stringify(details)],
  );
}
