/** An audit log in memory, chained as a service chains it. */
import type { Audit, AuditEntry, AuditHead } from '../../src/audit.ts';
import { chainStart, checkChain, linkHash } from '../../src/audit-chain.ts';

const actions = ['create', 'verify', 'edit', 'verify', 'login', 'revoke', 'verify', 'list'];

/** Rows of every sort: with and without agent, target, address and details. */
export function auditLog(length: number): AuditEntry[] {
  const rows = Array.from({ length }, (_, index) => ({
    seq: index + 1,
    time: new Date(Date.UTC(2026, 10, 1) + index * 61_007).toISOString(),
    actor: index % 11 === 0 ? null : `user-${index % 7}`,
    agent: index % 3 === 0 ? null : `key-${index % 13}`,
    action: actions[index % actions.length] ?? 'verify',
    target: index % 5 === 0 ? null : `key_${String(index).padStart(16, '0')}`,
    outcome: index % 11 === 0 ? ('refused' as const) : ('done' as const),
    address: index % 4 === 0 ? null : `10.0.${index % 256}.9`,
    requestId: index % 6 === 0 ? null : `request-${index}`,
    details: index % 2 === 0 ? {} : { name: `n${index}`, labels: { team: 'wéb', b: 'ü' }, roles: ['viewer'] },
    hash: '',
  }));
  return rechained(rows);
}

/** The same rows with hashes that fit, from one on: what somebody can write who knows how the chain is made. */
export function rechained(rows: readonly AuditEntry[], from = 0): AuditEntry[] {
  let before = rows[from - 1]?.hash ?? chainStart.hash;
  return rows.map((row, index) => {
    if (index < from) return row;
    const seq = index + 1;
    before = linkHash(before, { ...row, seq });
    return { ...row, seq, hash: before };
  });
}

export function headOf(rows: readonly AuditEntry[]): AuditHead {
  const last = rows.at(-1);
  return last ? { seq: last.seq, hash: last.hash } : chainStart;
}

/** A log as a service gives it: oldest or newest first, in pages, without filters. */
export function auditOf(rows: readonly AuditEntry[], head = headOf(rows), pageLength = 400): Audit {
  return {
    async list({ order = 'newest', after = 0, cursor = '0' }) {
      const from = Number(cursor);
      const wanted = rows.filter(({ seq }) => seq > after);
      if (order === 'newest') wanted.reverse();
      const next = from + pageLength < wanted.length ? String(from + pageLength) : null;
      return { entries: wanted.slice(from, from + pageLength), nextCursor: next };
    },
    head: async () => head,
  };
}

/** What a check finds in these rows. */
export function checked(
  rows: readonly AuditEntry[],
  { head = headOf(rows), checkpoints = [] }: { head?: AuditHead; checkpoints?: readonly AuditHead[] } = {},
) {
  async function* all() {
    yield rows;
  }
  async function* none(): AsyncGenerator<AuditEntry[]> {}
  return checkChain(all(), { head: async () => head, after: none, checkpoints });
}
