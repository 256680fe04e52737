/** A command of the administrator's own that prints the credential: a password manager, a vault. */
import type { App } from '../app.ts';
import { runChild } from '../child.ts';
import { KeysError } from '../errors.ts';
import type { Secret } from '../secret.ts';
import { shellWord, terminalSafe } from '../text.ts';
import { parseCredential } from './credential.ts';

/** Long enough to approve it with a fingerprint. */
const deadlineMs = 30_000;

/** Runs argv without a shell; its stdout is the credential, its stderr is shown. Throws `credential_store`. */
export async function askCommand(app: App, argv: readonly string[]): Promise<Secret> {
  const { env, signal, io, redactor } = app;
  const shown: Promise<void>[] = [];
  const onStderr = (text: string) => {
    const lines = text.replace(/\n$/, '').split('\n').map(terminalSafe);
    shown.push(io.stderr.write(redactor.redact(`${lines.join('\n')}\n`)));
  };
  const { stdout, failure } = await runChild(argv, { env, signal, deadlineMs, onStderr });
  await Promise.allSettled(shown);
  if (failure !== null) {
    throw new KeysError('credential_store', `the credential command '${argv[0]}' ${failure}`, {
      hint: `try it by hand: ${argv.map(shellWord).join(' ')} > /dev/null`,
    });
  }
  try {
    return parseCredential(stdout, `what '${argv[0]}' printed`);
  } catch (error) {
    throw new KeysError('credential_store', (error as Error).message, {
      hint: 'the credential command has to print the credential and nothing else',
    });
  }
}
