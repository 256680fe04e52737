import { KeysError } from './errors.ts';

/** The environment of a run. */
export type Env = Readonly<Record<string, string | undefined>>;

/** A variable that is set but empty is a mistake in a script, not a choice. Throws `invalid`. */
export function variable(env: Env, name: string): string | undefined {
  if (env[name] !== '') return env[name];
  throw new KeysError('invalid', `${name} is set, but empty`, { hint: `give it a value, or unset ${name}` });
}
