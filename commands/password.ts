/** A password: typed, or from a file or standard input; never an argument. */
import { type Command, Option } from 'commander';
import type { App } from '../src/app.ts';
import { KeysError } from '../src/errors.ts';
import { readSmallFile } from '../src/files.ts';
import { Secret } from '../src/secret.ts';
import { completes } from './options.ts';

export interface PasswordOptions {
  password?: boolean;
  passwordFile?: string;
}

export function addPasswordOptions(command: Command): Command {
  return command
    .option('--password', 'ask for a password')
    .addOption(
      completes(
        'files',
        new Option('--password-file <path>', 'the password is in a file; - is standard input'),
      ),
    );
}

/** `undefined` when none is wanted. A new one is typed twice. */
export async function newPassword(app: App, options: PasswordOptions): Promise<Secret | undefined> {
  if (options.passwordFile !== undefined) return passwordIn(app, options.passwordFile);
  if (!options.password) return undefined;
  const password = await askPassword(app, 'New password:');
  const again = await app.prompt.password('The same again:');
  if (again.reveal() === password.reveal()) return password;
  throw new KeysError('invalid', 'the two passwords differ; nothing was changed');
}

export async function askPassword(app: App, question: string): Promise<Secret> {
  if (!app.prompt.available) {
    throw new KeysError('invalid', 'a password is needed, and there is no terminal to ask on', {
      hint: 'give it with --password-file <path>; - is standard input',
    });
  }
  return app.redactor.know(await app.prompt.password(question));
}

export async function passwordIn(app: App, path: string): Promise<Secret> {
  const text = await (path === '-' ? app.io.stdin.readAll(65_536) : readSmallFile(path, app)).catch(
    (cause: Error) => {
      app.signal.throwIfAborted();
      throw new KeysError('invalid', `cannot read the password from ${path}: ${cause.message}`, { cause });
    },
  );
  const password = text.replace(/\r?\n$/, '');
  if (password !== '' && !/[\r\n]/.test(password)) return app.redactor.know(new Secret(password));
  throw new KeysError('invalid', `${path === '-' ? 'standard input' : path} does not hold a password`, {
    hint: 'one line, and nothing else',
  });
}
