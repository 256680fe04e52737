import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import { expect, test, vi } from 'vitest';
import { together } from '../../../src/service/together.ts';

test('whatever comes in one turn is asked in one, in its order, and each has its own answer', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.array(fc.integer(), { minLength: 1 }), { maxLength: 8 }), async (turns) => {
      const askAll = vi.fn(async (values: readonly number[]) => values.map((value) => `about ${value}`));
      const ask = together(askAll);
      const answers: Promise<string>[] = [];
      for (const values of turns) {
        answers.push(...values.map(ask));
        await turn();
      }
      expect(await Promise.all(answers)).toEqual(turns.flat().map((value) => `about ${value}`));
      expect(askAll.mock.calls.map(([values]) => values)).toEqual(turns);
    }),
  );
});

test('what comes later in the same turn is asked along: requests on other connections have arrived by then, too', async () => {
  const askAll = vi.fn(async (values: readonly number[]) => values);
  const ask = together(askAll);
  const early = ask(1);
  for (let n = 0; n < 10; n++) await Promise.resolve();
  expect(await Promise.all([early, ask(2)])).toEqual([1, 2]);
  expect(askAll).toHaveBeenCalledTimes(1);
});

test('nothing that comes after a question was asked is answered by it', async () => {
  let truth = 'before';
  const ask = together(async (values: readonly string[]) => {
    const found = truth;
    await turn();
    return values.map(() => found);
  });
  const early = ask('early');
  await turn();
  truth = 'after';
  expect(await ask('late')).toBe('after');
  expect(await early).toBe('before');
});

test('a question that fails is told to everybody in it and to nobody else', async () => {
  const ask = together(async (values: readonly string[]) => {
    if (values.includes('bad')) throw new Error('no answer');
    return values;
  });
  const outcomes = await Promise.allSettled([ask('good'), ask('bad'), turn().then(() => ask('later'))]);
  expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'fulfilled']);
});
