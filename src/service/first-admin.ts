/** The first start: a service nobody can administer gets an administrator's key. */
import { KeysError } from '../errors.ts';
import { Secret } from '../secret.ts';
import { isWellFormed } from './secret-format.ts';

/**
 * The secret an operator chose, as its file holds it. Throws `invalid` for one that is mistyped, that is too short to be
 * safe, or that no header can carry.
 */
export function chosenSecret(content: string, prefix: string): Secret {
  const text = content.replace(/\r?\n$/, '');
  if (!/^[\x21-\x7e]{32,1024}$/.test(text)) {
    throw new KeysError(
      'invalid',
      "the administrator's secret must be 32 to 1,024 visible ASCII characters",
      {
        hint: "make one: head -c 32 /dev/urandom | base64 | tr -d '\\n'",
      },
    );
  }
  if (text.startsWith(prefix) && !isWellFormed(text, prefix)) {
    throw new KeysError('invalid', `the administrator's secret begins with ${prefix} but is cut or mistyped`);
  }
  return new Secret(text);
}
