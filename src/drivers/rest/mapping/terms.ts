/**
 * What the parts of a mapping file are made of, each with what is said when it is wrong: a sentence that begins with the place
 * goes on so.
 */
import * as z from 'zod/mini';
import { expressionProblem } from '../../../jmespath.ts';
import { parseDuration } from '../../../time.ts';

export const about = z.describe;

export function mustBeText({ input }: { input?: unknown }): string {
  return input === undefined ? 'is missing' : 'must be text; put quotes around it';
}

/** Text of which `problem` says what is wrong, or null. */
export function checked(problem: (text: string) => string | null) {
  return z.string({ error: mustBeText }).check(z.minLength(1, 'must not be empty'), (context) => {
    const wrong = problem(context.value);
    if (wrong) context.issues.push({ code: 'custom', input: context.value, message: `: ${wrong}` });
  });
}

export const text = checked(() => null);
export const scalar = z.union(
  [z.string(), z.number(), z.boolean(), z.null()],
  'must be a text, a number, true, false or null',
);
export const expression = checked((given) => {
  const wrong = expressionProblem(given);
  return wrong && `'${given}' is no JMESPath expression: ${wrong}`;
});

export function oneOf<const T extends readonly string[]>(values: T) {
  return z.enum(values, `must be one of ${values.join(', ')}`);
}

export const duration = checked((given) => {
  try {
    parseDuration(given);
    return null;
  } catch {
    return `'${given}' is not a duration; write it as 45s, 30m, 12h or 7d`;
  }
});

export const status = z
  .int('must be a status')
  .check(z.gte(200, 'must be a status'), z.lte(599, 'must be a status'));

export const inAnswer = (what: string) => z.optional(expression.check(about(what)));
