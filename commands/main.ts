/** `main(argv, app)`: parses, runs one command, and turns whatever was thrown into words and an exit code. */
import { type AddHelpTextContext, Command, CommanderError, Help, type Option } from 'commander';
import manifest from '../package.json' with { type: 'json' };
import type { App, GlobalOptions } from '../src/app.ts';
import { errorJson, KeysError, toKeysError } from '../src/errors.ts';
import { WriteError } from '../src/io.ts';
import { outputFormats, toJson } from '../src/output.ts';
import { terminalSafe } from '../src/text.ts';
import { topicList } from './help/index.ts';
import { commands } from './index.ts';
import { addExamples, addGlobalOptions } from './options.ts';
import { reachedCommand, register } from './register.ts';
import {
  refuseForeignText,
  refuseTornValue,
  refuseUnknown,
  swallowedOption,
  usageError,
} from './usage-error.ts';

/** Runs one command line (without `node` and the script) and returns the exit code of the process. */
export async function main(argv: readonly string[], app: App): Promise<number> {
  const said: Promise<void>[] = [];
  try {
    const program = createProgram(app, said);
    refuseForeignText(argv);
    refuseTornValue(program, argv);
    program.hook('preAction', (_program, command) => {
      const swallowed = swallowedOption(command, argv);
      if (swallowed) throw swallowed;
    });
    await program.parseAsync(argv, { from: 'user' });
    await Promise.all(said);
    return 0;
  } catch (error) {
    // Help ends a run by an error that says all is well, which it is not when the help could not be written.
    const unwritten = (await Promise.allSettled(said)).find(({ status }) => status === 'rejected');
    return await report(app, argv, unwritten ? (unwritten as PromiseRejectedResult).reason : error);
  } finally {
    await app.close();
  }
}

/** The parser with every command's name; `said` collects what is still being written when it is done. */
export function createProgram(app: App, said: Promise<void>[]): Command {
  const writeOut = (text: string) => void said.push(app.io.stdout.write(text));
  const program = new Command('keys')
    .description('Create, list, replace and revoke API keys on a key service.')
    .version(manifest.version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'show help')
    .helpCommand(false)
    .showSuggestionAfterError()
    .exitOverride()
    .configureHelp({
      showGlobalOptions: true,
      subcommandTerm: (command) => [command.name(), ...command.aliases()].join(', '),
      optionDescription,
      commandUsage,
      formatHelp,
    })
    .configureOutput({
      writeOut,
      // The help of a group that was named without a subcommand; a result like any other help.
      writeErr: writeOut,
      // Parse errors are reported like all others, below.
      outputError: () => {},
      getOutHelpWidth: () => app.io.columns,
      getErrHelpWidth: () => app.io.columns,
    });
  addGlobalOptions(program);
  register(program, commands, app);
  addExamples(program, [
    'keys create ci-deploy --expires 90d',
    'keys list --expiring-within 14d',
    'keys revoke ci-deploy',
  ]);
  program.addHelpText('after', () => `\n${topicList()}\n\nkeys <command> --help says more about a command.`);
  program.on('beforeAllHelp', ({ command }: AddHelpTextContext) => refuseUnknown(command));
  program.hook('preAction', async (_program, command) => {
    app.options = withEnvironment(app, command.optsWithGlobals<GlobalOptions>());
    // Before anything is asked for or changed: a result that cannot be printed is no reason to begin.
    await app.printer.check();
  });
  return program;
}

/** With every name of the command; commander would show the first two. */
function commandUsage(this: Help, command: Command): string {
  const groups: string[] = [];
  for (let at = command.parent; at; at = at.parent) groups.unshift(at.name());
  const names = [command.name(), ...command.aliases()].join('|');
  return [...groups, names, command.usage()].join(' ');
}

function optionDescription(this: Help, option: Option): string {
  if (!option.argChoices) return Help.prototype.optionDescription.call(this, option);
  return `${option.description}: ${option.argChoices.join(', ')}`;
}

/** At the top, what can be done comes before how it can be varied. */
function formatHelp(this: Help, command: Command, helper: Help): string {
  const text = Help.prototype.formatHelp.call(helper, command, helper);
  if (command.parent) return text;
  const options = /^Options:\n(?: .*\n)+\n/m.exec(text)?.[0] ?? '';
  return `${text.replace(options, '').trimEnd()}\n\n${options.trimEnd()}\n`;
}

function withEnvironment({ env }: App, options: GlobalOptions): GlobalOptions {
  const output = options.output ?? outputFormats.find((format) => format === env.KEYS_OUTPUT);
  if (!output && env.KEYS_OUTPUT) {
    throw new KeysError('invalid', `KEYS_OUTPUT is '${env.KEYS_OUTPUT}', which is no output format`, {
      hint: `one of ${outputFormats.join(', ')}`,
    });
  }
  const outputFromEnvironment = options.output === undefined && output !== undefined;
  return { ...options, output, outputFromEnvironment, debug: options.debug || isOn(env.KEYS_DEBUG) };
}

/** `0` and `false` mean off, as in FORCE_COLOR. */
function isOn(value: string | undefined): boolean {
  return Boolean(value) && value !== '0' && value !== 'false';
}

async function report(app: App, argv: readonly string[], thrown: unknown): Promise<number> {
  if (thrown instanceof CommanderError && (thrown.exitCode === 0 || thrown.code === 'commander.help'))
    return 0;
  // The reader of a pipe has what it wanted; `keys list | head` is no failure.
  if (thrown instanceof WriteError && thrown.code === 'EPIPE') return 0;
  const error = knownError(app, argv, thrown);
  const text = structured(app, argv)
    ? `${toJson({ error: errorJson(error) })}\n`
    : `keys: ${terminalSafe(error.message)}\n${error.hint ? `hint: ${terminalSafe(error.hint)}\n` : ''}`;
  const trace = app.options.debug || argv.includes('--debug') ? stackOf(error) : '';
  await app.io.stderr.write(app.redactor.redact(text + trace)).catch(() => {});
  return error.exitCode;
}

function knownError(app: App, argv: readonly string[], thrown: unknown): KeysError {
  if (thrown instanceof CommanderError) return usageError(thrown, reachedCommand(app), argv);
  if (thrown instanceof WriteError) return new KeysError('unexpected', thrown.message, { cause: thrown });
  return toKeysError(thrown);
}

/** Whether errors are for a program, also when the command line could not be parsed. */
function structured(app: App, argv: readonly string[]): boolean {
  const end = argv.indexOf('--');
  const options = end < 0 ? argv : argv.slice(0, end);
  const format =
    app.options.output ??
    (options.includes('--json') ? 'json' : null) ??
    /(?:^|\s)(?:-[qy]*o|--output)[ =]?(\w+)/.exec(options.join(' '))?.[1] ??
    app.env.KEYS_OUTPUT;
  return format === 'json' || format === 'ndjson';
}

function stackOf(error: KeysError): string {
  const cause = error.cause instanceof Error ? `caused by ${error.cause.stack}\n` : '';
  return `${error.stack}\n${cause}`;
}
