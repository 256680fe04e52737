/** How the credential is sent. */
import * as z from 'zod/mini';
import { about, checked, mustBeText, oneOf } from './terms.ts';

const header = checked((name) => (/^[A-Za-z0-9-]+$/.test(name) ? null : `'${name}' is no name of a header`));

const authForm = 'must be bearer, apikey, x-api-key, basic, or a map with a header';

export const authSchema = z.union(
  [
    oneOf(['bearer', 'apikey', 'x-api-key', 'basic']).check(
      about('Authorization: Bearer, Authorization: ApiKey, X-API-Key, or a user:password as Basic'),
    ),
    z.strictObject(
      {
        header: header.check(about('the header that carries the credential')),
        prefix: z.optional(
          z.string({ error: mustBeText }).check(about('what stands before the credential, with its space')),
        ),
      },
      authForm,
    ),
  ],
  authForm,
);
