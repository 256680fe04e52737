/** Many requests from several callers at once, each waiting for its answer: how many a second a server gives, and how soon. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Ask, open } from './client.ts';
import { cpuMsOf } from './program.ts';
import { wrk } from './wrk.ts';

/** As many callers at once as a team's service may have. */
export const usualConnections = 32;

/** As many requests are made ready for each second. */
const readyASecond = 20_000;

/** As many answers are read before the clock starts. */
const readAnswers = 200;

export interface Target {
  readonly port: number;
  readonly pid: number;
  /** The `n`-th request to it. */
  ask(n: number): Ask;
}

export interface Measured {
  /** Requests a second, the median of the rounds. */
  readonly rate: number;
  /** Of each round. */
  readonly rates: readonly number[];
  /** Time of processors that the server itself took for a request: what others do on the machine hardly counts in it. */
  readonly cpuMs: number;
  /** Until an answer was there, the medians of the rounds'. */
  readonly medianMs: number;
  readonly p99Ms: number;
}

export interface Effort {
  readonly rounds: number;
  /** Of each round. */
  readonly seconds: number;
  readonly connections?: number;
}

type Round = Omit<Measured, 'rates'>;

/** All targets are asked in turn, round by round, so that a slow moment of the machine meets all of them. */
export async function measure(targets: readonly Target[], effort: Effort): Promise<Measured[]> {
  const found = targets.map((): Round[] => []);
  for (const target of targets) await readSome(target);
  // The first round warms up.
  for (let round = 0; round <= effort.rounds; round++) {
    for (let turn = 0; turn < targets.length; turn++) {
      // Another one begins each time.
      const index = (round + turn) % targets.length;
      const target = targets[index];
      if (!target) continue;
      const loaded = await load(target, round, effort);
      if (round > 0) found[index]?.push(loaded);
    }
  }
  return found.map((rounds) => ({
    rate: median(rounds.map(({ rate }) => rate)),
    rates: rounds.map(({ rate }) => rate),
    cpuMs: median(rounds.map(({ cpuMs }) => cpuMs)),
    medianMs: median(rounds.map(({ medianMs }) => medianMs)),
    p99Ms: median(rounds.map(({ p99Ms }) => p99Ms)),
  }));
}

/** Throws when one of the answers does not hold what it should: under load only their statuses are looked at. */
async function readSome({ port, ask }: Target): Promise<void> {
  const connection = await open(port);
  for (let n = 0; n < readAnswers; n++) await connection.ask(ask(n));
  connection.close();
}

async function load(
  { port, pid, ask }: Target,
  round: number,
  { seconds, connections = usualConnections }: Effort,
): Promise<Round> {
  const ready = readyASecond * seconds;
  const asks = Array.from({ length: ready }, (_, n) => ask(round * ready + n));
  const directory = mkdtempSync(join(tmpdir(), 'keys-bench-requests-'));
  try {
    const beforeMs = cpuMsOf(pid);
    const loaded = await wrk({ port, asks, connections, seconds, path: join(directory, 'requests') });
    const { answers, ms, medianMs, p99Ms } = loaded;
    const cpuMs = (cpuMsOf(pid) - beforeMs) / answers;
    return { rate: (answers * 1_000) / ms, cpuMs, medianMs, p99Ms };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** How many times the requests of another, the median of the rounds' ratios: both met the same moments of the machine. */
export function timesOf(own: Measured | undefined, other: Measured | undefined): number {
  const ratios = own?.rates.map((rate, round) => rate / (other?.rates[round] ?? Number.NaN));
  return median(ratios ?? []);
}

export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}
