/**
 * How much of a limit is left: a window that slides. Time goes in steps of a hundredth of the window; what is taken counts until
 * the whole step in which it was taken has left the window, so that no stretch of `perSeconds`, wherever it begins, has more
 * than `requests`. A token bucket would let twice as many through in some.
 */
import type { RateLimit } from '../keys.ts';

const stepsPerWindow = 100;

/** How much was taken in which step, oldest first. It can be kept as JSON. */
export type Taken = readonly (readonly [step: number, amount: number])[];

export interface Take {
  /** What was granted of what was wanted; 0 when nothing is left. */
  readonly granted: number;
  /** How much can still be taken. */
  readonly left: number;
  /** Until more can be taken, in milliseconds; 0 when all is there. */
  readonly waitMs: number;
  /** What there is to remember. */
  readonly taken: Taken;
}

/**
 * Takes up to `wanted`. With `spareSteps` it counts as taken so many steps later: until then it may be spent by whoever took it.
 * A clock that goes back a little stands still; one that goes back more than a window finds everything taken just now.
 */
export function take(before: Taken, limit: RateLimit, now: number, wanted: number, spareSteps = 0): Take {
  const stepMs = stepLength(limit);
  const asked = Math.floor(now / stepMs) + spareSteps;
  const latest = before.at(-1)?.[0] ?? asked;
  const goneBack = latest - asked > stepsPerWindow;
  const step = goneBack ? asked : Math.max(asked, latest);
  const counted: Taken = goneBack
    ? [[step, amountOf(before)]]
    : since(before, step - stepsPerWindow - spareSteps);
  const amount = amountOf(counted);
  const free = Math.max(0, limit.requests - amount);
  const granted = Math.min(wanted, free);
  const taken = granted > 0 ? add(counted, step, granted) : counted;
  const back = stepOfReturn(taken, amount + granted, limit.requests);
  const waitMs = back === null ? 0 : Math.max(0, (back + stepsPerWindow + 1) * stepMs - now);
  return { granted, left: free - granted, waitMs, taken };
}

/** The step with which something comes back: there may be more to come back than there is to have, once a limit was lowered. */
function stepOfReturn(taken: Taken, amount: number, requests: number): number | null {
  let left = amount;
  for (const each of taken) {
    left -= each[1];
    if (left < requests) return each[0];
  }
  return null;
}

/** Gives back what was taken in the latest step, or as much of it as is still counted there. */
export function giveBack(taken: Taken, step: number, amount: number): Taken {
  return taken
    .map(([each, was]) => [each, each === step ? Math.max(0, was - amount) : was] as const)
    .filter(([, left]) => left > 0);
}

/** In milliseconds. */
export function stepLength({ perSeconds }: RateLimit): number {
  return (perSeconds * 1_000) / stepsPerWindow;
}

/** What was taken in a step or later. */
function since(taken: Taken, step: number): Taken {
  const first = taken.findIndex((each) => each[0] >= step);
  if (first === 0) return taken;
  return first < 0 ? [] : taken.slice(first);
}

// Every request goes through up to a hundred steps: pairs are not taken apart, which costs more than adding them up.
function amountOf(taken: Taken): number {
  let amount = 0;
  for (const each of taken) amount += each[1];
  return amount;
}

function add(taken: Taken, step: number, amount: number): Taken {
  const latest = taken.at(-1);
  if (latest?.[0] !== step) return [...taken, [step, amount]];
  return [...taken.slice(0, -1), [step, latest[1] + amount]];
}
