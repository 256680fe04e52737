/** `main(argv, app)`: parses, runs one command, and turns whatever was thrown into words and an exit code. */
import { Command, CommanderError } from 'commander';
import manifest from '../package.json' with { type: 'json' };
import type { App, GlobalOptions } from '../src/app.ts';
import { errorJson, KeysError, toKeysError } from '../src/errors.ts';
import { WriteError } from '../src/io.ts';
import { outputFormats, toJson } from '../src/output.ts';
import { terminalSafe } from '../src/text.ts';
import { commands } from './index.ts';
import { addGlobalOptions } from './options.ts';
import { register } from './register.ts';

/** Runs one command line (without `node` and the script) and returns the exit code of the process. */
export async function main(argv: readonly string[], app: App): Promise<number> {
  const said: Promise<void>[] = [];
  try {
    await createProgram(app, said).parseAsync(argv, { from: 'user' });
    await Promise.all(said);
    return 0;
  } catch (error) {
    await Promise.allSettled(said);
    return await report(app, argv, error);
  } finally {
    await app.close();
  }
}

function createProgram(app: App, said: Promise<void>[]): Command {
  const program = new Command('keys')
    .description('API-key administration')
    .version(manifest.version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'show help')
    .helpCommand(false)
    .showSuggestionAfterError()
    .exitOverride()
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: (text) => void said.push(app.io.stdout.write(text)),
      // Parse errors are reported like all others, below.
      writeErr: () => {},
      getOutHelpWidth: () => app.io.columns,
    });
  addGlobalOptions(program);
  register(program, commands, app);
  program.hook('preAction', async (_program, command) => {
    app.options = withEnvironment(app, command.optsWithGlobals<GlobalOptions>());
    // Before anything is asked for or changed: a result that cannot be printed is no reason to begin.
    await app.printer.check();
  });
  return program;
}

function withEnvironment({ env }: App, options: GlobalOptions): GlobalOptions {
  const output = options.output ?? outputFormats.find((format) => format === env.KEYS_OUTPUT);
  if (!output && env.KEYS_OUTPUT) {
    throw new KeysError('invalid', `KEYS_OUTPUT is '${env.KEYS_OUTPUT}', which is no output format`, {
      hint: `one of ${outputFormats.join(', ')}`,
    });
  }
  const outputFromEnvironment = options.output === undefined && output !== undefined;
  return { ...options, output, outputFromEnvironment, debug: options.debug || Boolean(env.KEYS_DEBUG) };
}

async function report(app: App, argv: readonly string[], thrown: unknown): Promise<number> {
  if (thrown instanceof CommanderError && thrown.exitCode === 0) return 0;
  // The reader of a pipe has what it wanted; `keys list | head` is no failure.
  if (thrown instanceof WriteError && thrown.code === 'EPIPE') return 0;
  const error = knownError(thrown);
  const text = structured(app, argv)
    ? `${toJson({ error: errorJson(error) })}\n`
    : `keys: ${terminalSafe(error.message)}\n${error.hint ? `hint: ${terminalSafe(error.hint)}\n` : ''}`;
  const trace = app.options.debug || argv.includes('--debug') ? stackOf(error) : '';
  await app.io.stderr.write(app.redactor.redact(text + trace)).catch(() => {});
  return error.exitCode;
}

function knownError(thrown: unknown): KeysError {
  if (thrown instanceof CommanderError) return usageError(thrown);
  if (thrown instanceof WriteError) return new KeysError('unexpected', thrown.message, { cause: thrown });
  return toKeysError(thrown);
}

function usageError(error: CommanderError): KeysError {
  if (error.code === 'commander.help') {
    return new KeysError('invalid', 'a command is missing', { hint: 'add --help to see the commands' });
  }
  const [message = '', ...rest] = error.message.replace(/^error: /, '').split('\n');
  return new KeysError('invalid', message, {
    hint: rest.join(' ').trim() || 'keys --help lists commands and options',
  });
}

/** Whether errors are for a program, also when the command line could not be parsed. */
function structured(app: App, argv: readonly string[]): boolean {
  const format =
    app.options.output ??
    /(?:^|\s)(?:-o|--output)[ =]?(\w+)/.exec(argv.join(' '))?.[1] ??
    app.env.KEYS_OUTPUT;
  return argv.includes('--json') || format === 'json' || format === 'ndjson';
}

function stackOf(error: KeysError): string {
  const cause = error.cause instanceof Error ? `caused by ${error.cause.stack}\n` : '';
  return `${error.stack}\n${cause}`;
}
