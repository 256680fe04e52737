import { expect, onTestFinished, test, vi } from 'vitest';
import type { KeyRow, KeyUse, Store } from '../../../src/service/store.ts';
import { createUses } from '../../../src/service/uses.ts';

const row = (id: string, lastUsedAt: number | null = null) => ({ id, lastUsedAt }) as KeyRow;

/** Uses over a store that keeps what it is given; `asked` may throw in its place. */
function usesWith(asked: () => void = () => {}) {
  const written: KeyUse[] = [];
  const touchKeys: Store['touchKeys'] = async (uses) => {
    asked();
    written.push(...uses);
  };
  return { uses: createUses({ touchKeys } as Store), written };
}

test('what cannot be written is written the next time, once, and with a use that was seen meanwhile', async () => {
  let batches = 0;
  const { uses, written } = usesWith(() => {
    if (++batches !== 2) return;
    uses.record(row('k300'), 45_001);
    throw new Error('disk full');
  });
  const ids = Array.from({ length: 450 }, (_, n) => `k${100 + n}`);
  for (const id of ids) uses.record(row(id), 1);
  await uses.flush();
  expect(written.map(({ id }) => id)).toEqual(ids.slice(0, 200));
  await uses.flush();
  expect(written.map(({ id }) => id)).toEqual(ids);
  expect(written.filter(({ at }) => at !== 1)).toEqual([{ id: 'k300', at: 45_001 }]);
  await uses.flush();
  expect(written).toHaveLength(450);
});

test('a use is told while it is being written, unless another process has seen a later one', async () => {
  const told: (number | null)[] = [];
  const { uses } = usesWith(() => told.push(uses.latest(row('k')).lastUsedAt));
  uses.record(row('k'), 7);
  await uses.flush();
  expect(told).toEqual([7]);
  uses.record(row('k'), 50_000);
  expect(uses.latest(row('k', 60_000)).lastUsedAt).toBe(60_000);
  expect(uses.latest(row('k', 40_000)).lastUsedAt).toBe(50_000);
});

test('uses are written after 15 seconds, and so is what could not be written then', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  onTestFinished(() => void vi.useRealTimers());
  let isFull = true;
  const { uses, written } = usesWith(() => {
    if (isFull) throw new Error('disk full');
  });
  uses.record(row('k'), 1);
  await vi.advanceTimersByTimeAsync(15_000);
  isFull = false;
  await vi.advanceTimersByTimeAsync(14_999);
  expect(written).toEqual([]);
  await vi.advanceTimersByTimeAsync(1);
  expect(written).toEqual([{ id: 'k', at: 1 }]);
});

test('no more than 50,000 uses wait to be written', async () => {
  const { uses, written } = usesWith();
  for (let n = 1; n < 50_000; n++) uses.record(row(`k${n}`), 1);
  await new Promise(setImmediate);
  expect(written).toEqual([]);
  uses.record(row('last'), 1);
  await vi.waitFor(() => expect(written).toHaveLength(50_000));
});
