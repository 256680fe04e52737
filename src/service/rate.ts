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
  /** Whether the clock had gone back, so that everything counts from now on: to be remembered although nothing was granted. */
  readonly moved: boolean;
}

export interface KeptTake extends Take {
  /** What there is to remember. */
  readonly taken: Taken;
}

/** What was taken of a bucket, as JSON, and which version of it that is. */
export interface CountRow {
  readonly taken: string;
  readonly version: number;
}

/** Of a bucket that nobody has taken anything of. */
export const nothingTaken: CountRow = { taken: '[]', version: 0 };

/** What was taken within the last window. Every request asks one: it changes in place, and goes through no more than has changed. */
export class SlidingWindow {
  /** Those before `#first` count no more. */
  #steps: number[] = [];
  #amounts: number[] = [];
  #first = 0;
  #amount = 0;

  constructor(taken: Taken = []) {
    for (const [step, amount] of taken) this.#add(step, amount);
  }

  /**
   * Takes up to `wanted`. With `spareSteps` it counts as taken so many steps later: until then it may be spent by whoever took it.
   * A clock that goes back a little stands still; one that goes back more than a window finds everything taken just now.
   */
  take(limit: RateLimit, now: number, wanted = 1, spareSteps = 0): Take {
    const stepMs = stepLength(limit);
    const asked = Math.floor(now / stepMs) + spareSteps;
    const latest = this.latest ?? asked;
    const goneBack = latest - asked > stepsPerWindow;
    if (goneBack) this.#moveTo(asked);
    const step = goneBack ? asked : Math.max(asked, latest);
    this.#forget(step - stepsPerWindow - spareSteps);
    const free = Math.max(0, limit.requests - this.#amount);
    const granted = Math.min(wanted, free);
    if (granted > 0) this.#add(step, granted);
    const back = this.#stepOfReturn(limit.requests);
    const waitMs = back === null ? 0 : Math.max(0, (back + stepsPerWindow + 1) * stepMs - now);
    return { granted, left: free - granted, waitMs, moved: goneBack };
  }

  /** Gives back what was taken in a step, or as much of it as is still counted there. */
  giveBack(step: number, amount: number): void {
    const index = this.#steps.indexOf(step, this.#first);
    const was = this.#amounts[index];
    if (was === undefined) return;
    const back = Math.min(amount, was);
    this.#amount -= back;
    this.#amounts[index] = was - back;
    if (was > back) return;
    this.#steps.splice(index, 1);
    this.#amounts.splice(index, 1);
  }

  /** The step in which something was taken last. */
  get latest(): number | undefined {
    return this.#first < this.#steps.length ? this.#steps.at(-1) : undefined;
  }

  get taken(): Taken {
    const first = this.#first;
    return this.#steps.slice(first).map((step, index) => [step, this.#amounts[first + index] ?? 0] as const);
  }

  #add(step: number, amount: number): void {
    this.#amount += amount;
    if (this.latest === step) this.#amounts.push((this.#amounts.pop() ?? 0) + amount);
    else {
      this.#steps.push(step);
      this.#amounts.push(amount);
    }
  }

  #moveTo(step: number): void {
    this.#steps = [step];
    this.#amounts = [this.#amount];
    this.#first = 0;
  }

  /** What was taken before a step. */
  #forget(before: number): void {
    while ((this.#steps[this.#first] ?? before) < before) this.#amount -= this.#amounts[this.#first++] ?? 0;
    if (this.#first <= stepsPerWindow) return;
    this.#steps.splice(0, this.#first);
    this.#amounts.splice(0, this.#first);
    this.#first = 0;
  }

  /** The step with which something comes back: there may be more to come back than there is to have, once a limit was lowered. */
  #stepOfReturn(requests: number): number | null {
    let left = this.#amount;
    for (let index = this.#first; index < this.#steps.length; index++) {
      left -= this.#amounts[index] ?? 0;
      if (left < requests) return this.#steps[index] ?? null;
    }
    return null;
  }
}

/** In milliseconds. */
export function stepLength({ perSeconds }: RateLimit): number {
  return (perSeconds * 1_000) / stepsPerWindow;
}
