/** How a list goes on. */
import * as z from 'zod/mini';
import { about, expression, text } from './terms.ts';

const from = z.union(
  [
    expression,
    z.strictObject({
      header: text.check(about('the header that has it; of a Link header, its rel="next"')),
    }),
  ],
  'must be a JMESPath expression, or a map with a header',
);
const total = z.optional(
  from.check(about('how many keys there are in all; a change in between shows by it')),
);
const size = z.optional(
  z
    .int('must be a whole number')
    .check(z.positive('must be positive'), about('how many keys to ask for, as {limit}; 100 when absent')),
);

export const paging = z.discriminatedUnion(
  'style',
  [
    z.strictObject({
      style: z.literal('page').check(about('numbered pages, as {page}')),
      start: z.optional(
        z.int('must be a whole number').check(about('the number of the first page; 1 when absent')),
      ),
      size,
      total,
    }),
    z.strictObject({
      style: z.literal('offset').check(about('pages that begin at an {offset}')),
      size,
      total,
    }),
    z.strictObject({
      style: z.literal('cursor').check(about('each answer has the {cursor} of the next page')),
      size,
      next: from,
    }),
    z.strictObject({
      style: z.literal('link').check(about('each answer has the address of the next page, on the same host')),
      size,
      next: from,
    }),
  ],
  'must have a style: page, offset, cursor or link',
);
