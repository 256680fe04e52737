/** Questions to a person, drawn on stderr so that stdout stays the result. */
import { KeysError } from './errors.ts';
import { Secret } from './secret.ts';
import { terminalSafe } from './text.ts';

export interface Choice<T> {
  readonly name: string;
  readonly value: T;
  readonly description?: string;
}

/** Every question throws `interrupted` when it is left with Ctrl-C or Ctrl-D. */
export interface Prompt {
  /** Whether there is a person to ask: stdin and stderr are terminals and `--no-input` is absent. */
  readonly available: boolean;
  /** `check` returns what is wrong with an answer, or null. */
  input(question: string, options?: { check?: (answer: string) => string | null }): Promise<string>;
  password(question: string): Promise<Secret>;
  confirm(question: string): Promise<boolean>;
  select<T>(question: string, choices: readonly Choice<T>[]): Promise<T>;
  /** One of many, found by typing. */
  search<T>(question: string, find: (term: string) => readonly Choice<T>[]): Promise<T>;
}

/** Prompts on the process's own terminal; `plain` ones are without colours. */
export function terminalPrompt(available: boolean, signal: AbortSignal, plain = false): Prompt {
  const ask = async <T>(
    question: (inquirer: typeof import('@inquirer/prompts'), context: object) => Promise<T>,
  ): Promise<T> => {
    // The library asks the environment, and no option.
    if (plain) Object.assign(process.env, { NO_COLOR: '1', FORCE_COLOR: '0' });
    const inquirer = await import('@inquirer/prompts');
    const { stdin, stderr } = process;
    // The library lets a question wait for ever once its input has ended, as with Ctrl-D; then it reads no more.
    const left = new AbortController();
    const leave = () => setImmediate(() => left.abort());
    stdin.once('pause', leave);
    try {
      const ending = AbortSignal.any([signal, left.signal]);
      const answer = question(inquirer, { input: stdin, output: stderr, signal: ending });
      // A terminal that is gone fails to be read, to be drawn on and to be put back as it was, also after the question. The
      // library's reader would make that an event of its own, which nobody hears and which ends the process with a stack trace.
      for (const stream of [stdin, stderr]) stream.removeAllListeners('error').on('error', leave);
      return await answer;
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      const name = (error as Error).name;
      if (name === 'ExitPromptError' || name === 'AbortPromptError')
        throw new KeysError('interrupted', 'interrupted');
      throw error;
    } finally {
      stdin.off('pause', leave);
    }
  };
  return {
    available,
    input: (message, { check } = {}) =>
      ask(({ input }, context) => input({ message, validate: (text) => check?.(text) ?? true }, context)),
    password: (message) =>
      ask(async ({ password }, context) => new Secret(await password({ message, mask: true }, context))),
    // Questions with names in them, which others chose.
    confirm: (question) =>
      ask(({ confirm }, context) => confirm({ message: terminalSafe(question), default: false }, context)),
    select: (message, choices) => ask(({ select }, context) => select({ message, choices }, context)),
    search: (message, find) =>
      ask(({ search }, context) => search({ message, source: (term) => find(term ?? '') }, context)),
  };
}
