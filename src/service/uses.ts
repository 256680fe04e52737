/** When keys were last used: kept in memory, exact to a minute, written in batches beside the requests. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Secret } from '../secret.ts';
import { auditRow, type RequestContext } from './audit.ts';
import { hashOf } from './secrets.ts';
import type { FoundSecret, KeyRow, KeyUse, Store } from './store.ts';

/** So long after a noted use the next one is noted, and so long after that it is written: a minute together. */
const exactMs = 45_000;
const flushMs = 15_000;
/** Few enough that nobody notices the wait. */
const batchLength = 200;
/** As many keys' uses wait at most: they cost memory, and are lost with the process. */
const capacity = 50_000;

export interface Uses {
  record(row: KeyRow, now: number): void;
  /** A row with a use that is not written yet. */
  latest(row: KeyRow): KeyRow;
  /** Writes what is recorded; what cannot be written waits for the next time. */
  flush(): Promise<void>;
}

export function createUses(store: Store): Uses {
  let pending = new Map<string, number>();
  let beingWritten = new Map<string, number>();
  let writing: Promise<void> = Promise.resolve();
  let timer: NodeJS.Timeout | undefined;

  function lastUsed({ id, lastUsedAt }: KeyRow): number | null {
    const noted = pending.get(id) ?? beingWritten.get(id);
    // Another process may have seen it later.
    return noted === undefined ? lastUsedAt : Math.max(noted, lastUsedAt ?? 0);
  }

  async function write(): Promise<void> {
    beingWritten = pending;
    pending = new Map();
    // Neighbours lie on the same pages: sorted, many uses cost one write.
    const uses: KeyUse[] = [...beingWritten]
      .map(([id, at]) => ({ id, at }))
      .sort((a, b) => (a.id < b.id ? -1 : 1));
    let from = 0;
    try {
      for (; from < uses.length; from += batchLength) {
        // Requests come first.
        if (from > 0) await nextTurn();
        await store.touchKeys(uses.slice(from, from + batchLength));
      }
    } catch {
      for (const { id, at } of uses.slice(from)) {
        if (pending.size < capacity && !pending.has(id)) pending.set(id, at);
      }
      flushSoon();
    }
    beingWritten = new Map();
  }

  function flushSoon(): void {
    timer ??= setTimeout(flush, flushMs).unref();
  }

  function flush(): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    writing = writing.then(write);
    return writing;
  }

  return {
    record(row, now) {
      const lastUsedAt = lastUsed(row);
      if (lastUsedAt !== null && now - lastUsedAt < exactMs) return;
      pending.set(row.id, now);
      if (pending.size >= capacity && beingWritten.size === 0) void flush();
      else flushSoon();
    },

    latest(row) {
      const lastUsedAt = lastUsed(row);
      return lastUsedAt === row.lastUsedAt ? row : { ...row, lastUsedAt };
    },

    flush,
  };
}

/** A good secret has been seen: whoever has it needs no replay of the answer that gave it. */
export async function useSecret(
  { store, uses }: { store: Store; uses: Uses },
  { row, sealed }: FoundSecret,
  secret: Secret,
  now: number,
  context: RequestContext,
): Promise<void> {
  uses.record(row, now);
  if (!sealed) return;
  const who = { owner: row.owner, keyName: row.name };
  const audit = auditRow(now, context, who, { action: 'first_use', target: row.id });
  // A failure is no reason to refuse a good secret; the next use destroys the seal, or time does.
  await store.useMint(hashOf(secret), audit).catch(() => {});
}
