/** What is over is ended without anybody asking. */
import { setImmediate } from 'node:timers/promises';
import { expect, onTestFinished, test, vi } from 'vitest';
import { rememberedMs, sealMs } from '../../../src/service/mints.ts';
import type { Store } from '../../../src/service/store.ts';
import { createSweep } from '../../../src/service/sweep.ts';

const now = Date.UTC(2026, 10, 21);
const day = 86_400_000;
const all = ['mints', 'taken', 'sessions', 'scrub'];

/** A store that says what was asked of it; each call ends as `end` says. */
function asked(shared: boolean, end: () => Promise<void> = async () => {}) {
  const calls: [name: string, ...times: number[]][] = [];
  const record =
    (name: string) =>
    (...times: number[]) => {
      calls.push([name, ...times]);
      return end();
    };
  const store = {
    shared,
    sweepMints: record('mints'),
    sweepTaken: record('taken'),
    sweepSessions: record('sessions'),
    scrub: record('scrub'),
  } as unknown as Store;
  return { calls, store, names: () => calls.map(([name]) => name) };
}

test('seals, mints, counts and sessions end when their time is over, and their traces with them', async () => {
  const { calls, store } = asked(true);
  await createSweep(store, () => now).stop();
  expect(calls).toEqual([
    ['mints', now - sealMs, now - rememberedMs],
    ['taken', now - 2 * day],
    ['sessions', now],
    ['scrub'],
  ]);
});

test('they do at the start and every minute until the stop, also after one of them could not', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  onTestFinished(() => void vi.useRealTimers());
  const { store, names } = asked(true, () => Promise.reject(new Error('disk full')));
  const sweep = createSweep(store, () => now);
  await setImmediate();
  vi.advanceTimersByTime(59_999);
  expect(names()).toEqual(all);
  vi.advanceTimersByTime(1);
  // Whoever stops waits for what has begun.
  await sweep.stop();
  expect(names()).toEqual([...all, ...all]);
  vi.advanceTimersByTime(300_000);
  expect(names()).toHaveLength(8);
  await expect(sweep.run()).resolves.toBeUndefined();
});

test('a service that counts in its memory has no counts to look for in the database', async () => {
  const { store, names } = asked(false);
  await createSweep(store, () => now).stop();
  expect(names()).not.toContain('taken');
});
