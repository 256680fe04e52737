/**
 * What is recorded beside the requests: logins, refusals, verifies. A request gives its row away and does not wait; rows are
 * written in batches, in the order they came.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { AuditRow, AuditStore } from './store.ts';

const batchLength = 500;
const waitMs = 1_000;
/** Beyond this, rows are counted and not kept: a database that is away must not cost the memory. */
const capacity = 10_000;
/** Refusals a second of one user, or of one address where nobody says who they are, that are recorded one by one. */
const refusalsASecond = 20;

export interface AuditQueue {
  /** Never waits and never throws. */
  add(row: AuditRow): void;
  /** Writes what has come so far. Throws when it cannot; what is not written stays, and is tried again. */
  flush(): Promise<void>;
}

export function createAuditQueue(store: AuditStore): AuditQueue {
  const pending: AuditRow[] = [];
  const refusals = new Map<string, number>();
  /** Rows that were too many, by why: the first, and how many there were. */
  const excess = new Map<string, { readonly row: AuditRow; count: number }>();
  let second = 0;
  let waiting: NodeJS.Timeout | undefined;
  let due = false;
  let writing: Promise<void> = Promise.resolve();

  /** Whose refusals it would be too many of. */
  function crowd({ outcome, time, actor, address }: AuditRow): string | null {
    if (outcome !== 'refused') return null;
    const now = Math.floor(time / 1_000);
    if (now !== second) refusals.clear();
    second = now;
    const source = `${actor ?? ''} ${address ?? ''}`;
    const soFar = refusals.get(source) ?? 0;
    refusals.set(source, soFar + 1);
    return soFar < refusalsASecond ? null : source;
  }

  function count(why: string, row: AuditRow): void {
    const known = excess.get(why);
    if (known) known.count += 1;
    else excess.set(why, { row, count: 1 });
  }

  /** One row for all that were too many. */
  function tellExcess(): void {
    for (const { row, count } of excess.values()) {
      pending.push({
        ...row,
        agent: null,
        action: 'unrecorded',
        target: null,
        requestId: null,
        details: { count },
      });
    }
    excess.clear();
  }

  async function write(): Promise<void> {
    tellExcess();
    for (let left = pending.length; left > 0; left -= batchLength) {
      const batch = pending.slice(0, Math.min(left, batchLength));
      await store.appendAudit(batch);
      pending.splice(0, batch.length);
      // Requests come first.
      if (left > batchLength) await nextTurn();
    }
  }

  function flush(): Promise<void> {
    clearTimeout(waiting);
    waiting = undefined;
    writing = writing.catch(() => {}).then(write);
    return writing;
  }

  /** On its own account; a failure is tried again. */
  async function flushAlone(): Promise<void> {
    await flush().catch(() => {});
    due = false;
    if (pending.length > 0) flushSoon();
  }

  function flushSoon(): void {
    waiting ??= setTimeout(flushAlone, waitMs).unref();
  }

  return {
    add(row) {
      const source = crowd(row);
      if (source !== null && excess.size < capacity) count(source, row);
      else if (pending.length < capacity) pending.push(row);
      else count('', { ...row, actor: null, address: null, outcome: 'failed' });
      if (pending.length < batchLength || due) return flushSoon();
      due = true;
      setImmediate(flushAlone);
    },
    flush,
  };
}
