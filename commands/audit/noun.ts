/** How a row of the audit log is printed. */
import type { AuditEntry } from '../../src/audit.ts';
import type { Column, Noun } from '../../src/output.ts';

function text(
  field: 'actor' | 'agent' | 'action' | 'target' | 'outcome' | 'address' | 'requestId' | 'hash',
  title: string,
  rest: Partial<Column<AuditEntry>> = {},
): Column<AuditEntry> {
  return { field, title, value: (row) => row[field], ...rest };
}

const time: Column<AuditEntry> = {
  field: 'time',
  title: 'time',
  value: (row) => row.time,
  // To the second, as people compare it with other logs.
  human: (row) => row.time.replace(/\.\d+Z$/, 'Z'),
};
const seq: Column<AuditEntry> = {
  field: 'seq',
  title: 'row',
  value: (row) => String(row.seq),
  dispensable: 4,
};
const actor = text('actor', 'actor', { shrinks: true });
const agent = text('agent', 'agent', { shrinks: true });
const action = text('action', 'action');
const target = text('target', 'target', { dispensable: 2 });
const outcome = text('outcome', 'outcome', {
  tone: (row) => (row.outcome === 'done' ? null : row.outcome === 'refused' ? 'amber' : 'red'),
});
const address = text('address', 'address', { dispensable: 3 });
const requestId = text('requestId', 'request');
const details: Column<AuditEntry> = {
  field: 'details',
  title: 'details',
  value: (row) => (Object.keys(row.details).length > 0 ? JSON.stringify(row.details) : null),
  shrinks: true,
  dispensable: 5,
};

export const auditNoun: Noun<AuditEntry> = {
  columns: [time, actor, agent, action, target, outcome, address, seq, details],
  details: [
    time,
    seq,
    actor,
    agent,
    action,
    target,
    outcome,
    address,
    requestId,
    details,
    text('hash', 'hash'),
  ],
  name: (row) => String(row.seq),
  none: 'no rows',
};
