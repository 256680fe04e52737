/** Many requests from several callers at once, each waiting for its answer: how many a second a server gives, and how soon. */
import { type Ask, open } from './client.ts';
import { cpuMsOf } from './program.ts';

export const usualConnections = 16;

export interface Target {
  readonly port: number;
  readonly pid: number;
  /** In each round. */
  readonly requests: number;
  /** The `n`-th request to it. */
  ask(n: number): Ask;
}

export interface Measured {
  /** Requests a second, the median of the rounds. */
  readonly rate: number;
  /** To the first target's, the median of the rounds' ratios. */
  readonly ratio: number;
  /** Time of processors that the server itself took for a request: what others do on the machine hardly counts in it. */
  readonly cpuMs: number;
  /** Of the answers of all rounds. */
  readonly medianMs: number;
  readonly p99Ms: number;
}

/** All targets are asked in turn, round by round, so that a slow moment of the machine meets all of them. */
export async function measure(
  targets: readonly Target[],
  rounds: number,
  connections = usualConnections,
): Promise<Measured[]> {
  const rates = targets.map((): number[] => []);
  const times = targets.map((): number[] => []);
  const cpuTimes = targets.map((): number[] => []);
  // The first round warms up.
  for (let round = 0; round <= rounds; round++) {
    for (let turn = 0; turn < targets.length; turn++) {
      // Another one begins each time.
      const index = (round + turn) % targets.length;
      const target = targets[index];
      if (!target) continue;
      const beforeMs = cpuMsOf(target.pid);
      const { rate, timesMs } = await load(target, round, connections);
      if (round === 0) continue;
      cpuTimes[index]?.push((cpuMsOf(target.pid) - beforeMs) / target.requests);
      rates[index]?.push(rate);
      for (const ms of timesMs) times[index]?.push(ms);
    }
  }
  return targets.map((_, index) => {
    const own = rates[index] ?? [];
    const timesMs = Float64Array.from(times[index] ?? []).sort();
    return {
      rate: median(own),
      ratio: median(own.map((rate, round) => rate / (rates[0]?.[round] ?? Number.NaN))),
      cpuMs: median(cpuTimes[index] ?? []),
      medianMs: timesMs[timesMs.length >> 1] ?? Number.NaN,
      p99Ms: timesMs[Math.floor(timesMs.length * 0.99)] ?? Number.NaN,
    };
  });
}

async function load(
  { port, requests, ask }: Target,
  round: number,
  connections: number,
): Promise<{ rate: number; timesMs: number[] }> {
  // Made before the clock starts.
  const asks = Array.from({ length: requests }, (_, n) => ask(round * requests + n));
  const callers = await Promise.all(Array.from({ length: connections }, () => open(port)));
  const timesMs: number[] = [];
  let next = 0;
  const startedMs = performance.now();
  await Promise.all(
    callers.map(async (caller) => {
      for (let asked = asks[next++]; asked; asked = asks[next++]) {
        const sentMs = performance.now();
        await caller.ask(asked);
        timesMs.push(performance.now() - sentMs);
      }
    }),
  );
  const seconds = (performance.now() - startedMs) / 1_000;
  for (const caller of callers) caller.close();
  return { rate: requests / seconds, timesMs };
}

export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}
