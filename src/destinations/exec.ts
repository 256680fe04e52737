import { isAbsolute, resolve } from 'node:path';
import { KeysError } from '../errors.ts';
import { shellWord } from '../text.ts';
import { failing, invalidTarget } from './failure.ts';
import type { DestinationKind } from './index.ts';
import { findProgram, giveSecret } from './program.ts';
import { splitWords } from './words.ts';

const deadlineMs = 60_000;

export const exec: DestinationKind = {
  name: 'exec',
  syntax: 'exec:COMMAND…',
  summary: 'a command that reads it on its standard input',
  example: "keys create ci-deploy --to 'exec:install -m 600 /dev/stdin /etc/deploy/token'",
  detail:
    'The command gets exactly the secret, without a newline, on its standard input, and has 60 seconds. Words are split as a shell ' +
    "splits them, but no shell runs: for pipes and variables write exec:sh -c '…'. It has arrived when the command ends with status 0 and " +
    'has read all of it. What the command prints goes to standard error, without the secret.',
  readable: false,
  open(target, { io, env, signal, redactor }) {
    const [word, ...words] = wordsOf(target);
    if (word === undefined) throw invalidTarget(exec, 'exec: needs a command');
    let program: string | null = null;

    async function find(): Promise<string> {
      program ??= await findProgram(word as string, env);
      if (program) return program;
      throw new KeysError('invalid', `there is no command '${word}' that can be run`, {
        hint: 'give its full path, and check that it is executable',
      });
    }

    return {
      spec: `exec:${specOf(word, words, target)}`,
      readable: false,
      async preflight() {
        await find();
      },
      async deliver(secret) {
        await failing(`the command ${word}`, async () => {
          redactor.know(secret);
          const argv = [await find(), ...words];
          await giveSecret(argv, secret, { io, env, signal, redactor, deadlineMs, showOutput: true });
        });
      },
      readBack: async () => null,
      abandon: async () => {},
    };
  },
};

/** A command that is named by a path is the same one from any directory. */
function specOf(word: string, words: readonly string[], target: string): string {
  if (!word.includes('/') || isAbsolute(word)) return target;
  return [resolve(word), ...words].map(shellWord).join(' ');
}

function wordsOf(target: string): string[] {
  try {
    return splitWords(target);
  } catch (error) {
    if (!(error instanceof KeysError)) throw error;
    throw new KeysError('invalid', `exec:${target}: ${error.message}`, { hint: error.hint });
  }
}
