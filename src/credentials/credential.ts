import { KeysError } from '../errors.ts';
import { Secret } from '../secret.ts';

/**
 * A credential as it came from a file, a variable, a command or a person: one line that a header can carry.
 * One line break at its end is taken off. Throws `invalid`, naming the source and never the text.
 */
export function parseCredential(text: string, source: string): Secret {
  const line = text.replace(/\r?\n$/, '');
  const wrong = credentialProblem(line);
  if (wrong)
    throw new KeysError('invalid', `${source} ${wrong}`, { hint: 'give the credential alone, on one line' });
  return new Secret(line);
}

/** What is wrong with a credential, to be read after the name of its source, or null. */
export function credentialProblem(line: string): string | null {
  if (line.trim() === '') return 'is empty';
  if (/[\r\n]/.test(line)) return 'has more than one line';
  const at = line.search(/[^\x21-\x7e]/);
  return at < 0 ? null : `has a space or an unprintable character at position ${at + 1}`;
}
