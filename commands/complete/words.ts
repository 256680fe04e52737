/** Which part of a command line a word stands for. Reads declarations only; nothing is run. */
import type { Argument, Command, Option } from 'commander';
import { readOption } from '../options.ts';
import { declared, findSubcommand } from '../register.ts';

/** A command line up to the word under the cursor. */
export interface Place {
  readonly program: Command;
  /** The command or group that the line has named so far. */
  readonly command: Command;
  /** What the word under the cursor is: one of the names here, or a value of `part`. */
  readonly wants: 'subcommand' | 'option' | 'value';
  readonly part: Argument | Option | null;
  /** What of the word is already said and stays: `--status=` of `--status=ac`. */
  readonly said: string;
  /** The rest of the word. */
  readonly typed: string;
  /** The arguments before it. */
  readonly before: readonly string[];
  /** The options before it, by attribute name, with the last value given; for a flag, none. */
  readonly options: ReadonlyMap<string, string | undefined>;
}

/** `words` end with the one under the cursor, which may be empty. */
export async function findPlace(program: Command, words: readonly string[]): Promise<Place> {
  let command = program;
  let awaiting: Option | null = null;
  let onlyArguments = false;
  const before: string[] = [];
  const options = new Map<string, string | undefined>();

  for (const word of words.slice(0, -1)) {
    if (awaiting) {
      options.set(awaiting.attributeName(), word);
      awaiting = null;
    } else if (!onlyArguments && word === '--') {
      onlyArguments = true;
    } else if (!onlyArguments && word.length > 1 && word.startsWith('-')) {
      const { option, value } = readOption(command, word);
      if (option) options.set(option.attributeName(), value ?? undefined);
      awaiting = option?.required && value === null ? option : null;
    } else {
      const subcommand = before.length === 0 ? findSubcommand(command, word) : undefined;
      if (subcommand) command = await declared(subcommand);
      else before.push(word);
    }
  }

  const word = words.at(-1) ?? '';
  const place = { program, command, before, options, said: '', typed: word };
  if (awaiting) return { ...place, wants: 'value', part: awaiting };
  if (!onlyArguments && word.startsWith('-')) {
    const { option, value } = readOption(command, word);
    if (!option?.required || value === null) return { ...place, wants: 'option', part: null };
    const said = word.slice(0, word.length - value.length);
    return { ...place, wants: 'value', part: option, said, typed: value };
  }
  if (command.commands.length > 0 && before.length === 0)
    return { ...place, wants: 'subcommand', part: null };
  const last = command.registeredArguments.at(-1);
  const part = command.registeredArguments[before.length] ?? (last?.variadic ? last : null);
  return { ...place, wants: 'value', part };
}
