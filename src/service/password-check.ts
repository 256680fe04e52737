/** Whether a password is a user's, asked no oftener than a guesser may. */
import type { Secret } from '../secret.ts';
import type { RequestContext } from './audit.ts';
import type { ServiceCore } from './core.ts';
import { isPassword } from './passwords.ts';
import type { UserRow } from './store.ts';

/** The user, if the password is right and they are active; as slow for one who is not there. Throws `rate_limited`. */
export async function checkPassword(
  { store, throttle }: Pick<ServiceCore, 'store' | 'throttle'>,
  user: string,
  password: Secret,
  context: RequestContext,
): Promise<UserRow | null> {
  const { address } = context;
  throttle.require(user, address);
  // Counted before it is known to be wrong: guesses at the same time are guesses too.
  const takeBack = throttle.failed(user, address);
  const row = await store.findUser(user);
  // Whose password it was; a name that nobody has may be a password in the wrong place.
  if (row) context.limited = { owner: user, keyName: null };
  const right = await isPassword(password, row?.password ?? null);
  if (!right || row?.disabledAt !== null) return null;
  takeBack();
  return row;
}
