/** Whether a new secret works: the service is asked, and the command that `--check` names. */
import type { App } from '../app.ts';
import { findProgram, giveSecret } from '../destinations/program.ts';
import { splitWords } from '../destinations/words.ts';
import { KeysError, toKeysError } from '../errors.ts';
import type { KeyService } from '../keys.ts';
import type { Secret } from '../secret.ts';
import type { Operation } from './operation.ts';

/** How long a `--check` may take. */
const deadlineMs = 60_000;

type Surroundings = Pick<App, 'io' | 'env' | 'signal' | 'redactor'>;

/**
 * Throws `test_failed` with the reason, and `invalid` for a check that cannot be run. A service that cannot verify is not asked, nor
 * without `ask`.
 */
export async function testSecret(
  app: Surroundings,
  service: KeyService,
  secret: Secret,
  { minted, check }: Pick<Operation, 'minted' | 'check'>,
  { ask }: { ask: boolean },
): Promise<void> {
  // Recovered in another directory, it may not be there: that says nothing of the secret, which has to stay unused until it is.
  if (check !== null) await requireCheck(check, app.env);
  // One that the service has given again has met no destination in this run.
  app.redactor.know(secret);
  if (ask && service.capabilities.verbs.includes('verify')) {
    const { valid, reason, key } = await service.verify(secret);
    if (!valid) {
      throw new KeysError(
        'test_failed',
        `the service refuses the new secret: ${reason ?? 'it does not say why'}`,
      );
    }
    if (minted && key && key.id !== minted.id) {
      throw new KeysError('test_failed', `what was delivered is the secret of another key, ${key.name}`);
    }
  }
  if (check === null) return;
  try {
    await giveSecret(splitWords(check), secret, { ...app, deadlineMs, showOutput: true });
  } catch (error) {
    app.signal.throwIfAborted();
    throw new KeysError('test_failed', `the check failed: ${toKeysError(error).message}`);
  }
}

/** Throws `invalid` for a `--check` that cannot be run. */
export async function requireCheck(check: string, env: App['env']): Promise<void> {
  const [program] = splitWords(check);
  if (program && (await findProgram(program, env))) return;
  throw new KeysError('invalid', `--check: there is no program '${program ?? ''}'`);
}
