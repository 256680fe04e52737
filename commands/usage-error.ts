/** A command line that could not be parsed: what is wrong with it, and what to type instead. */
import { type Command, CommanderError, type Option } from 'commander';
import { KeysError } from '../src/errors.ts';
import { nearest, shellWord } from '../src/text.ts';
import { mayBeGuessed, readOption } from './options.ts';
import { findSubcommand } from './register.ts';

/** `command` is the one that the command line got to. */
export function usageError(
  error: CommanderError,
  command: Command | undefined,
  argv: readonly string[],
): KeysError {
  const swallowed = command && swallowedOption(command, argv);
  if (swallowed) return swallowed;
  const path = pathOf(command);
  const [, text = '', near] = /^(?:error: )?(.*?)(?:\n\(Did you mean (.*)\?\))?$/s.exec(error.message) ?? [];
  const invalid = (message: string, hint: string) => new KeysError('invalid', message, { hint });

  switch (error.code) {
    case 'commander.unknownCommand':
      return invalid(text, near ? didYouMean(near, command) : `${path} --help lists the commands`);
    case 'commander.unknownOption': {
      const meant = begunOption(command, text) ?? near;
      if (meant) return invalid(text, `did you mean ${meant}?`);
      const asName = command?.registeredArguments.length ? `; ${dashedName}` : '';
      return invalid(text, `${path} --help lists the options${asName}`);
    }
    case 'commander.missingArgument':
      return invalid(text.replace('required argument', 'argument'), `${path} ${argumentsOf(command)}`);
    case 'commander.optionMissingArgument':
      return invalid(text.replace(/ argument missing$/, ' needs a value'), `${path} --help`);
    case 'commander.excessArguments':
      return invalid(excess(command), `${path} --help`);
    case 'commander.invalidArgument':
      return invalid(plain(text), `${path} --help`);
    default:
      return invalid(text, `${path} --help`);
  }
}

/** Throws `invalid` for bytes that are no UTF-8: they have become U+FFFD, so that one name or file is like another. */
export function refuseForeignText(argv: readonly string[]): void {
  const word = argv.find((each) => each.includes('\ufffd'));
  if (word === undefined) return;
  throw new KeysError('invalid', `'${word}' is not UTF-8 text`, {
    hint: 'type it in a terminal that speaks UTF-8, or with a script in that encoding',
  });
}

/**
 * Throws `invalid` for a value such as `-quick`, of which the parser would take `-q` as an option of all commands and leave the
 * rest to be the value.
 */
export function refuseTornValue(program: Command, argv: readonly string[]): void {
  const short = (letter: string | undefined) => program.options.find(({ short }) => short === `-${letter}`);
  for (const [index, word] of argv.entries()) {
    if (word === '--') return;
    if (!/^-[A-Za-z]./s.test(word) || short(word[1])?.required !== false) continue;
    const rest = [...word.slice(1)].find((letter) => short(letter)?.required !== false);
    if (rest === undefined || short(rest)) continue;
    const before = argv[index - 1] ?? '';
    const long = program.options.find(({ long }) => long === `-${word}`)?.long;
    const isValue = /^--[^=]+$/.test(before);
    throw new KeysError('invalid', `'${word}' is neither options nor the value of one`, {
      hint: isValue ? dashedValue(before, word) : long ? `did you mean ${long}?` : dashedName,
    });
  }
}

/**
 * What is wrong where an option would take another option for its value, as in `--description --if-absent` or `--owner -pwork`;
 * null where none does. The parser lets it, or takes an option of all commands away first and the word behind it for the value.
 */
export function swallowedOption(command: Command, argv: readonly string[]): KeysError | null {
  for (let index = 0; index < argv.length && argv[index] !== '--'; index++) {
    const { option, value } = readOption(command, argv[index] ?? '');
    const next = argv[index + 1];
    if (!option?.required || value !== null || next === undefined) continue;
    index++;
    if (next !== '--' && readOption(command, next).option === null) continue;
    const what = next === '--' ? 'is the end of the options' : 'reads as an option';
    return new KeysError('invalid', `option '${option.flags}' needs a value, and '${next}' ${what}`, {
      hint: dashedValue(`${option.long}`, next),
    });
  }
  return null;
}

const dashedName = 'a name that begins with a dash goes last, after --';

function dashedValue(option: string, value: string): string {
  return `a value that begins with a dash goes after an equals sign: ${option}=${shellWord(value)}`;
}

/** The options that begin as an unknown one does, also with one dash: what was left out is easier to guess than what is misspelt. */
function begunOption(command: Command | undefined, message: string): string | null {
  const [, begun = ''] = /'--?([^'=-][^'=]+)/.exec(message) ?? [];
  const known: Option[] = [];
  for (let at = command ?? null; at; at = at.parent) known.push(...at.options);
  const meant = known.filter(
    (option) => option.long?.startsWith(`--${begun}`) && !option.hidden && mayBeGuessed(option),
  );
  return (begun && meant.map(({ long }) => long).join(' or ')) || null;
}

/** Throws for a word that is no command: what would be shown is the help of another. */
export function refuseUnknown(group: Command): void {
  const [word] = group.args;
  const names = group.commands.flatMap((command) => [command.name(), ...command.aliases()]);
  if (names.length === 0 || word === undefined || word.startsWith('-') || names.includes(word)) return;
  const near = nearest(word, names);
  const meant = near === null ? '' : `\n(Did you mean ${near}?)`;
  throw new CommanderError(2, 'commander.unknownCommand', `error: unknown command '${word}'${meant}`);
}

/** Of `one of list, ls`, two names of one command, only `keys list`. */
function didYouMean(near: string, parent: Command | undefined): string {
  const names = near.replace(/^one of /, '').split(', ');
  const full = names.map((name) => pathOf(parent && findSubcommand(parent, name)));
  return `did you mean ${[...new Set(full)].join(' or ')}?`;
}

function pathOf(command: Command | undefined): string {
  const names: string[] = [];
  for (let at = command; at?.parent; at = at.parent) names.unshift(at.name());
  return ['keys', ...names].join(' ');
}

function argumentsOf(command: Command | undefined): string {
  const names = command?.registeredArguments.map((argument) => {
    const name = argument.name() + (argument.variadic ? '...' : '');
    return argument.required ? `<${name}>` : `[${name}]`;
  });
  return names?.join(' ') ?? '';
}

function excess(command: Command | undefined): string {
  const most = command?.registeredArguments.length ?? 0;
  const takes = most === 0 ? 'no arguments' : most === 1 ? 'one argument' : `${most} arguments`;
  return `too many arguments: ${pathOf(command)} takes ${takes}`;
}

/** The parser says everything twice: "option … argument 'x' is invalid. 'x' is not a number." */
function plain(text: string): string {
  const { part, value, reason } =
    /^(?<part>option '.+?') argument '(?<value>.*)' is invalid\. (?<reason>.*?)\.?$/s.exec(text)?.groups ??
    /^command-argument value '(?<value>.*)' is invalid for (?<part>argument '.+?')\. (?<reason>.*?)\.?$/s.exec(
      text,
    )?.groups ??
    {};
  if (!part || !reason) return text;
  return `${part}: ${reason.replace(/^Allowed choices are /, `'${value}' is not one of `)}`;
}
