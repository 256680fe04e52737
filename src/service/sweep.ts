/** Ends what is kept of mints and sessions when its time is over: at the start, once a minute, and mints with every mint. */
import { rememberedMs, sealMs } from './mints.ts';
import type { Store } from './store.ts';

const everyMs = 60_000;

/** Longer than any window that requests are counted in. */
const countedMs = 2 * 86_400_000;

export interface Sweep {
  /** A failure costs nothing but this time: no seal opens after its end, swept or not. */
  run(): Promise<void>;
  stop(): Promise<void>;
}

export function createSweep(store: Store, now: () => number): Sweep {
  async function run(): Promise<void> {
    const at = now();
    await store.sweepMints(at - sealMs, at - rememberedMs).catch(() => {});
  }

  async function clean(): Promise<void> {
    await run();
    if (store.shared) await store.sweepTaken(now() - countedMs).catch(() => {});
    await store.sweepSessions(now()).catch(() => {});
    await store.scrub().catch(() => {});
  }

  let cleaning = clean();
  const timer = setInterval(() => {
    cleaning = clean();
  }, everyMs).unref();
  return {
    run,
    async stop() {
      clearInterval(timer);
      await cleaning;
    },
  };
}
