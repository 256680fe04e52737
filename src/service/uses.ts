/** When keys were last used: kept in memory, exact to a minute, written in batches beside the requests. */
import type { KeyRow, KeyStore } from './store.ts';

const exactMs = 60_000;
const flushMs = 1_000;

export interface Uses {
  record(row: KeyRow, now: number): void;
  /** Writes what is recorded; a failure costs the record and nothing else. */
  flush(): Promise<void>;
}

export function createUses(store: KeyStore): Uses {
  let pending = new Map<string, number>();
  let timer: NodeJS.Timeout | undefined;

  async function flush(): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    if (pending.size === 0) return;
    const uses = pending;
    pending = new Map();
    await store.touchKeys(uses).catch(() => {});
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
