/**
 * What is recorded beside the requests: logins, refusals, verifies. A request gives its row away and does not wait; rows are
 * written in batches, in the order they came.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { networkOf } from './networks.ts';
import type { AuditRow, AuditStore } from './store.ts';

const batchLength = 500;
const waitMs = 1_000;
/** Beyond this, rows are counted and not kept: a database that is away must not cost the memory. */
const capacity = 10_000;
/** Refusals a second of one user at one address (in one network of IPv6) that are recorded one by one. */
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
    const source = `${actor ?? ''} ${address === null ? '' : networkOf(address)}`;
    const soFar = refusals.get(source) ?? 0;
    refusals.set(source, soFar + 1);
    return soFar < refusalsASecond ? null : source;
  }

  function count(why: string, row: AuditRow): void {
    const known = excess.get(why);
    if (known) known.count += 1;
    else excess.set(why, { row, count: 1 });
  }

  /** One row for all that were too many, as soon as there is room for it. */
  function tellExcess(): void {
    for (const [why, { row, count }] of excess) {
      if (pending.length >= capacity) return;
      excess.delete(why);
      pending.push({
        ...row,
        agent: null,
        action: 'unrecorded',
        target: null,
        requestId: null,
        details: { count },
      });
    }
  }

  /** All but `leave` rows. Only for the last of all rows the disk is waited for: it takes those before it along. */
  async function write(leave: number): Promise<void> {
    tellExcess();
    while (pending.length > leave) {
      const batch = pending.slice(0, batchLength);
      await store.appendAudit(batch, { lasting: batch.length === pending.length });
      pending.splice(0, batch.length);
      if (pending.length === 0) tellExcess();
      // Requests come first.
      if (pending.length > leave) await nextTurn();
    }
  }

  function writeNext(leave: number): Promise<void> {
    writing = writing.catch(() => {}).then(() => write(leave));
    return writing;
  }

  function flush(): Promise<void> {
    clearTimeout(waiting);
    waiting = undefined;
    return writeNext(0);
  }

  /** On its own account; a failure is tried again. */
  async function writeAlone(written: () => Promise<void>): Promise<void> {
    await written().catch(() => {});
    due = false;
    if (pending.length > 0) flushSoon();
  }

  function flushSoon(): void {
    waiting ??= setTimeout(() => writeAlone(flush), waitMs).unref();
  }

  return {
    add(row) {
      const source = crowd(row);
      if (source !== null && excess.size < capacity) count(source, row);
      else if (pending.length < capacity) pending.push(row);
      else count('', { ...row, actor: null, address: null, outcome: 'failed' });
      flushSoon();
      if (pending.length <= batchLength || due) return;
      due = true;
      // What is left is written within the second, and waits for the disk.
      setImmediate(() => writeAlone(() => writeNext(batchLength)));
    },
    flush,
  };
}
