/** What the errors of a service mean. */
import * as z from 'zod/mini';
import { about, inAnswer, oneOf, status, text } from './terms.ts';

const codes = [
  'invalid',
  'not_found',
  'unauthenticated',
  'forbidden',
  'conflict',
  'quota_exceeded',
  'changed',
  'unsupported',
  'too_large',
  'rate_limited',
  'unavailable',
] as const;

export const errorsSchema = z.strictObject(
  {
    message: inAnswer('where the explanation is in an answer that is an error'),
    failed: inAnswer('what is true of an error that comes with a status of success'),
    codes: z.optional(
      z
        .record(
          z.string().check(z.regex(/^[2-5]\d\d$/, 'is no status')),
          oneOf(codes),
          'must be codes by status',
        )
        .check(about('the code of an error by status, where the status means something else than usual')),
    ),
    texts: z.optional(
      z
        .array(
          z.strictObject({
            contains: text.check(about('a part of the explanation, in any case')),
            status: z.optional(status),
            code: oneOf(codes),
            hint: z.optional(text.check(about('what to do about it'))),
          }),
          'must be a list',
        )
        .check(about('codes of errors that only their explanation tells apart; the first that fits')),
    ),
  },
  'must say where errors have their message',
);
