/** Questions that come at the same moment, asked in one. */

interface Asked<Value, Answer> {
  readonly value: Value;
  resolve(answer: Answer): void;
  reject(error: unknown): void;
}

/**
 * Asks for all values that were given in one turn of the event loop at once. `askAll` gives an answer for each, in their order, and
 * begins after the last of them was given. Where it throws, each is told so.
 */
export function together<Value, Answer>(
  askAll: (values: readonly Value[]) => Promise<readonly Answer[]>,
): (value: Value) => Promise<Answer> {
  let waiting: Asked<Value, Answer>[] = [];

  async function askNow(): Promise<void> {
    const asked = waiting;
    waiting = [];
    try {
      const answers = await askAll(asked.map(({ value }) => value));
      for (const [n, { resolve }] of asked.entries()) resolve(answers[n] as Answer);
    } catch (error) {
      for (const { reject } of asked) reject(error);
    }
  }

  return (value) =>
    new Promise((resolve, reject) => {
      // Behind what has arrived in this turn, and before anything else arrives.
      if (waiting.push({ value, resolve, reject }) === 1) setImmediate(askNow);
    });
}
