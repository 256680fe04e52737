/** When keys were last used: kept in memory, exact to a minute, written in batches beside the requests. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Secret } from '../secret.ts';
import { auditRow, type RequestContext } from './audit.ts';
import { hashOf } from './secrets.ts';
import type { FoundSecret, KeyRow, Store } from './store.ts';

const exactMs = 60_000;
const flushMs = 1_000;
/** Few enough that nobody notices the wait. */
const batchLength = 200;

export interface Uses {
  record(row: KeyRow, now: number): void;
  /** Writes what is recorded; a failure costs the record and nothing else. */
  flush(): Promise<void>;
}

export function createUses(store: Store): Uses {
  let pending = new Map<string, number>();
  let timer: NodeJS.Timeout | undefined;

  async function flush(): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    if (pending.size === 0) return;
    // Neighbours lie on the same pages. All of them were used within the last second: one time does for them.
    const ids = [...pending.keys()].sort();
    const time = [...pending.values()].reduce((latest, each) => Math.max(latest, each));
    pending = new Map();
    for (let from = 0; from < ids.length; from += batchLength) {
      // Requests come first.
      if (from > 0) await nextTurn();
      await store.touchKeys(ids.slice(from, from + batchLength), time).catch(() => {});
    }
  }

  return {
    record(row, now) {
      const lastUsedAt = pending.get(row.id) ?? row.lastUsedAt;
      if (lastUsedAt !== null && now - lastUsedAt < exactMs) return;
      pending.set(row.id, now);
      timer ??= setTimeout(flush, flushMs).unref();
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
