/** Where the fields of a key are in an answer. */
import * as z from 'zod/mini';
import { timeFormats } from '../times.ts';
import { about, checked, duration, expression, oneOf, scalar } from './terms.ts';

const fieldForm = 'must be a JMESPath expression, or a map that has it as `from`';

/** A map of these fields; text alone stands for its `from`. */
function fieldOf<T extends z.core.$ZodLooseShape>(shape: T) {
  return z.union(
    [
      expression,
      z.strictObject(
        {
          from: z.optional(expression.check(about('where it is in a key of the answer, as JMESPath'))),
          ...shape,
        },
        fieldForm,
      ),
    ],
    fieldForm,
  );
}

const constant = z.optional(scalar.check(about('what it always is, on a service that does not say it')));

const values = z.optional(
  z
    .record(
      z.string(),
      z.union([scalar, z.array(scalar)], 'must be a value, or a list of values'),
      'must be values of the service by the word that keys uses',
    )
    .check(about('what the service says for each word that keys uses; of a list, the first is what is sent')),
);

const plainField = fieldOf({ constant });
const wordField = fieldOf({ constant, values });
const time = z.optional(oneOf(timeFormats).check(about('the form of the time; rfc3339 when absent')));
const never = z.optional(scalar.check(about('what stands for no time at all, such as 0')));
const timeField = fieldOf({ time, never });

export const keySchema = z.strictObject(
  {
    id: fieldOf({
      pattern: z.optional(
        checked((given) => (isPattern(given) ? null : `'${given}' is no regular expression`)).check(
          about('the form of every id; nothing is asked for another one'),
        ),
      ),
      isSecret: z.optional(
        z
          .boolean('must be true or false')
          .check(about('the service names a key by its secret; users see a hash of it in its place')),
      ),
    }),
    name: z.optional(
      fieldOf({
        constant,
        maxLength: z.optional(
          z
            .int('must be a whole number')
            .check(z.positive('must be positive'), about('how long a name may be; 128 when absent')),
        ),
      }),
    ),
    description: z.optional(plainField),
    namespace: z.optional(plainField),
    owner: z.optional(plainField),
    type: z.optional(wordField),
    roles: z.optional(wordField),
    permissions: z.optional(wordField),
    apiVersion: z.optional(plainField),
    status: z.optional(wordField),
    prefix: z.optional(plainField),
    lastFour: z.optional(plainField),
    createdAt: z.optional(timeField),
    createdBy: z.optional(plainField),
    expiresAt: z.optional(
      fieldOf({
        time,
        never,
        send: z.optional(
          oneOf(timeFormats).check(about('the form in which it is sent, where that is another one')),
        ),
        choices: z.optional(
          z
            .array(duration, 'must be a list of durations')
            .check(z.minLength(1, 'must not be empty'), about('the only lifetimes that the service takes')),
        ),
      }),
    ),
    lastUsedAt: z.optional(timeField),
    rotatedAt: z.optional(timeField),
    labels: z.optional(plainField),
    version: z.optional(
      plainField.check(about('changes with every edit; compared before a change that must not undo another')),
    ),
    extra: z.optional(
      z
        .record(z.string(), expression, 'must be expressions by name')
        .check(about('further fields, shown as they are')),
    ),
  },
  'must be the fields of a key, each with where it is in an answer',
);

function isPattern(text: string): boolean {
  try {
    return new RegExp(text) instanceof RegExp;
  } catch {
    return false;
  }
}
