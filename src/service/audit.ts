/** The audit log as one caller sees it. */
import type { Audit, AuditQuery } from '../audit.ts';
import { KeysError } from '../errors.ts';
import type { InvalidReason } from '../keys.ts';
import { type Caller, may } from './access.ts';
import type { CallerView } from './caller-view.ts';
import type { Standing } from './limits.ts';
import { timestamp } from './rules.ts';
import type { AuditRow, KeyRow } from './store.ts';

/** Where a request came from. */
export interface RequestContext {
  readonly address: string | null;
  readonly requestId: string | null;
  /** Set when what it did has been recorded. */
  recorded?: boolean;
  /** Whom a refusal concerns, where it is not the caller: whose limit it was beyond, whose password was wrong. */
  limited?: { readonly owner: string | null; readonly keyName: string | null };
  /** Hears how the limits stand that it counts on. */
  readonly told?: (standings: readonly Standing[]) => void;
}

const defaultPageSize = 100;
const largestPageSize = 1_000;

export function auditFor(view: CallerView): Audit {
  const { store, queue } = view.core;

  /** Throws `forbidden`. */
  async function requireReader(): Promise<void> {
    if (!may(view.caller(), 'audit', { namespace: null })) {
      throw new KeysError('forbidden', 'this credential may not read the audit log', {
        hint: 'it takes audit.view in all namespaces, as the role admin has it',
      });
    }
    await queue.flush();
  }

  return {
    async list({ cursor, since, until, pageSize = defaultPageSize, ...rest }: AuditQuery) {
      await requireReader();
      const { entries, next } = await store.listAudit({
        actor: rest.actor,
        key: rest.key,
        action: rest.action,
        outcome: rest.outcome,
        order: rest.order ?? 'newest',
        limit: Math.max(1, Math.min(pageSize, largestPageSize)),
        from: cursor === undefined ? null : rowOfCursor(cursor),
        after: rest.after ?? 0,
        since: since === undefined ? undefined : timestamp(since, 'since'),
        until: until === undefined ? undefined : timestamp(until, 'until'),
      });
      return { entries, nextCursor: next === null ? null : `row_${next}` };
    },

    async head() {
      await requireReader();
      return store.auditHead();
    },
  };
}

/** Throws `invalid`. */
function rowOfCursor(cursor: string): number {
  const row = /^row_(\d{1,16})$/.exec(cursor)?.[1];
  if (row) return Number(row);
  throw new KeysError('invalid', 'the cursor is not one that this service gave', {
    hint: 'leave it out to begin with the first page',
  });
}

/** What is recorded of somebody's doing. */
export function auditRow(
  time: number,
  { address, requestId }: RequestContext,
  who: { readonly owner: string | null; readonly keyName: string | null } | null,
  what: Pick<AuditRow, 'action'> & Partial<Pick<AuditRow, 'target' | 'outcome' | 'details'>>,
): AuditRow {
  const { action, target = null, outcome = 'done', details = {} } = what;
  const actor = who && (who.owner ?? who.keyName);
  return { time, actor, agent: who?.keyName ?? null, action, target, outcome, address, requestId, details };
}

/** The key is who did it, in its owner's name; a key that is not told about is recorded nonetheless. */
export function verifyRow(
  time: number,
  context: RequestContext,
  by: Caller | null,
  key: KeyRow | null,
  reason: InvalidReason | null,
): AuditRow {
  const asked = by && (by.keyName ?? by.owner);
  return auditRow(time, context, key && { owner: key.owner, keyName: key.name }, {
    action: 'verify',
    target: key?.id,
    outcome: reason === null ? 'done' : 'refused',
    details: { ...(asked === null ? {} : { by: asked }), ...(reason === null ? {} : { reason }) },
  });
}
