/**
 * `keys __complete -- <words>`: what the scripts in `completions/` ask. The words are what follows `keys`, up to and
 * including the one under the cursor. The answer has one candidate a line, `value<TAB>a few words about it`; a line that
 * begins with a tab is an instruction, and `<TAB>files` the only one. With `--bash` the words are the line up to the
 * cursor and what of it readline would replace, and the answer is ready for COMPREPLY.
 * It never fails, asks or complains: there is nobody to tell in the middle of a command line.
 */
import type { Command } from 'commander';
import type { App } from '../../src/app.ts';
import { terminalSafe } from '../../src/text.ts';
import { bashReplies, readLine } from './bash.ts';
import { type Candidate, candidates } from './values.ts';
import { findPlace } from './words.ts';

export function declare(command: Command, app: App): void {
  command
    .argument('[words...]')
    .option('--bash', 'the words are COMP_LINE up to COMP_POINT, and $2')
    .action(async (words: string[], { bash }: { bash?: boolean }) => {
      const program = command.parent ?? command;
      const lines = await (bash ? inBash : inOrder)(app, program, words).catch(() => []);
      await app.io.stdout.write(lines.map((line) => `${line}\n`).join(''));
    });
}

async function inOrder(app: App, program: Command, words: readonly string[]): Promise<string[]> {
  // PowerShell before 7.3 loses empty and quoted words on their way to a program, so it sends them here.
  const sent = words.length === 0 ? app.env.KEYS_COMPLETE_WORDS?.split('\n') : words;
  const answer = await complete(app, program, sent ?? []);
  if (answer === 'files') return ['\tfiles'];
  return answer.map(({ value, about }) => (about ? `${value}\t${terminalSafe(about)}` : value));
}

async function inBash(app: App, program: Command, words: readonly string[]): Promise<string[]> {
  const [line = '', replaced = ''] = words;
  const { earlier, word, redirects } = readLine(line);
  const answer = redirects ? 'files' : await complete(app, program, [...earlier.slice(1), word]);
  if (answer === 'files') return ['\tfiles'];
  return bashReplies(
    line,
    replaced,
    answer.map(({ value }) => value),
  );
}

async function complete(
  app: App,
  program: Command,
  words: readonly string[],
): Promise<Candidate[] | 'files'> {
  const place = await findPlace(program, words);
  const profile = place.options.get('profile');
  const namespace = place.options.get('namespace');
  app.options = { ...app.options, profile, namespace, quiet: true, input: false };
  const found = await candidates(app, place);
  if (found === 'files') return found;
  const typed = place.typed.toLowerCase();
  return found
    .filter(({ value }) => value.toLowerCase().startsWith(typed) && terminalSafe(value) === value)
    .map(({ value, about }) => ({ value: place.said + value, about }));
}
