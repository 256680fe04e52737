import { localName } from '../../src/config.ts';
import { KeysError } from '../../src/errors.ts';

/** Throws `invalid` for the built-in profile, which is always there. */
export function refuseLocal(name: string, done: string): void {
  if (name === localName)
    throw new KeysError('invalid', `the built-in profile '${localName}' cannot be ${done}`);
}
