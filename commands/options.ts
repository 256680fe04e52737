/** Options that several commands share, and the parsers of their values. */
import { Argument, type Command, InvalidArgumentError, Option } from 'commander';
import type { App } from '../src/app.ts';
import { KeysError } from '../src/errors.ts';
import { longestGraceMs } from '../src/keys.ts';
import { outputFormats } from '../src/output.ts';
import { parseRateLimit } from '../src/rate-limit.ts';
import { parseDuration, parseExpiry } from '../src/time.ts';

/** Where shell completion finds the values of an argument or an option; a part with `choices` needs none. */
export type CompletionSource =
  | 'keys'
  | 'profiles'
  | 'roles'
  | 'users'
  | 'destinations'
  | 'operations'
  | 'sort-fields'
  | 'topics'
  | 'files';

const completions = new WeakMap<Argument | Option, CompletionSource>();

/** Says what completes an argument or the value of an option: `completes('roles', new Option('--role <name>', …))`. */
export function completes<T extends Argument | Option>(source: CompletionSource, part: T): T {
  completions.set(part, source);
  return part;
}

export function completionOf(part: Argument | Option): CompletionSource | null {
  return completions.get(part) ?? null;
}

const unguessed = new WeakSet<Option>();

/** Says that an option is never offered to who typed its beginning alone: `neverGuessed(new Option('--allow-gap', …))`. */
export function neverGuessed(option: Option): Option {
  unguessed.add(option);
  return option;
}

export function mayBeGuessed(option: Option): boolean {
  return !unguessed.has(option);
}

/** A key on the command line: `<key>`, or `[key]`, `<keys...>` and the like where a command wants that. */
export function keyArgument(flags = '<key>', description = 'its id or name'): Argument {
  return completes('keys', new Argument(flags, description));
}

const examples = new WeakMap<Command, readonly string[]>();

/** Whole command lines at the end of a command's help. A test parses each, so that none goes stale. */
export function addExamples(command: Command, lines: readonly string[]): void {
  examples.set(command, lines);
  command.addHelpText('after', `\nExamples:\n${lines.map((line) => `  ${line}`).join('\n')}`);
}

export function examplesOf(command: Command): readonly string[] {
  return examples.get(command) ?? [];
}

/** The options that mean the same everywhere. */
export function addGlobalOptions(program: Command): void {
  program
    .addOption(
      completes(
        'profiles',
        new Option('-p, --profile <name>', 'the key service to work on').argParser(filled),
      ),
    )
    .option('-n, --namespace <name>', 'the namespace to work in', filled)
    .addOption(new Option('-o, --output <format>', 'how to print the result').choices(outputFormats))
    .option('--json', 'the same as -o json')
    .on('option:json', () => program.setOptionValueWithSource('output', 'json', 'cli'))
    .option('--query <JMESPath>', 'take a part of the JSON result')
    .option('-q, --quiet', 'nothing but the result')
    .option('-y, --yes', 'do not ask')
    .option('--no-input', 'never prompt')
    .addOption(
      new Option('--timeout <duration>', 'wait this long for the service at most')
        .argParser(timeout)
        .default(30_000, '30s'),
    )
    .option('--insecure-http', 'allow plain http to hosts other than this one')
    .option('--debug', 'trace requests to stderr, without secrets')
    .option('--no-color', 'no colours');
}

/** The option that a word such as `--status`, `--status=active`, `-o`, `-ojson` or `-qo` ends with, and its value if it has one. */
export function readOption(command: Command, word: string): { option: Option | null; value: string | null } {
  const known: Option[] = [];
  for (let at: Command | null = command; at; at = at.parent) known.push(...at.options);

  if (word.startsWith('--')) {
    const [flag = '', ...rest] = word.split('=');
    const option = known.find(({ long }) => long === flag) ?? null;
    return { option, value: rest.length > 0 ? rest.join('=') : null };
  }
  for (let i = 1; word.startsWith('-') && i < word.length; i++) {
    const option = known.find(({ short }) => short === `-${word[i]}`);
    if (!option) return { option: null, value: null };
    const rest = word.slice(i + 1);
    if (option.required) return { option, value: rest || null };
    if (!rest) return { option, value: null };
  }
  return { option: null, value: null };
}

/** Makes a function that throws `invalid` into a parser whose error names the option. */
export function parsed<T>(parse: (text: string) => T): (text: string) => T {
  return (text) => {
    try {
      return parse(text);
    } catch (error) {
      throw error instanceof KeysError ? new InvalidArgumentError(`${sentence(error)}.`) : error;
    }
  };
}

/** What is wrong with a value, in one line, or null. */
export function problemWith(parse: () => unknown): string | null {
  try {
    parse();
    return null;
  } catch (error) {
    if (error instanceof KeysError) return sentence(error);
    throw error;
  }
}

function sentence({ message, hint }: KeysError): string {
  return hint ? `${message}; ${hint}` : message;
}

export const duration = parsed(parseDuration);

/** Refused here: a service is told of the grace when the new secret is out already. */
export const graceDuration = parsed((text) => {
  const ms = parseDuration(text);
  if (ms <= longestGraceMs) return ms;
  throw new KeysError('invalid', `'${text}' is too long for an old secret: 30d is the most`);
});

const timeout = parsed((text) => {
  const ms = parseDuration(text);
  if (ms > 0) return ms;
  throw new KeysError('invalid', 'no time at all is too short for an answer');
});

/** `--expires` of a key that is created or edited: a time, or `never`, because commander makes an empty text of null. */
export function expiryOption({ now }: Pick<App, 'now'>): Option {
  return new Option(
    '--expires <when>',
    '90d, 12h, never, an RFC 3339 time, or a date: good until the end of that day in UTC',
  ).argParser(parsed((text) => parseExpiry(text, now()) ?? 'never'));
}

/** What `--expires` says, for the service. */
export function expiresAt(option: string | undefined): string | null | undefined {
  return option === 'never' ? null : option;
}

/** Checked here, and kept as text: commander makes an empty text of null. */
export const rateLimitOption = parsed((text) => {
  parseRateLimit(text);
  return text;
});

/** A variable of a script that is not set leaves an empty value, which would choose nothing and look like all is well. */
export const filled = parsed((text) => {
  if (text.trim() !== '') return text;
  throw new KeysError('invalid', 'the value is empty');
});

export const wholeNumber = parsed((text) => {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new KeysError('invalid', `'${text}' is not a whole number of at least 1`);
});

/** For a repeatable option: its values in the order given. */
export function collect(value: string, previous: string[] | undefined): string[] {
  return [...(previous ?? []), value];
}

/** An option that may be given several times, each time with one of a few words. */
export function repeatable(flags: string, description: string, choices: readonly string[]): Option {
  const option = new Option(flags, `${description} (repeatable)`).choices(choices);
  const { parseArg } = option;
  return option.argParser((value, previous: string[] | undefined) => {
    // Throws for another word.
    parseArg?.(value, undefined);
    return collect(value, previous);
  });
}

/** For the repeatable `--label name=value`. */
export const collectLabel = collectPairs('label');

/** For the repeatable `--set name=value`. */
export const collectSetting = collectPairs('setting');

function collectPairs(noun: string) {
  return (text: string, previous: Record<string, string> | undefined): Record<string, string> => {
    const equals = text.indexOf('=');
    if (equals < 1) throw new InvalidArgumentError(`'${text}' is not a ${noun}; write it as name=value.`);
    const name = text.slice(0, equals);
    if (previous && Object.hasOwn(previous, name))
      throw new InvalidArgumentError(`the ${noun} '${name}' is given twice.`);
    return { ...previous, [name]: text.slice(equals + 1) };
  };
}
