/** How commands and groups of commands are put into a program. */
import type { Command } from 'commander';
import type { App } from '../src/app.ts';

/** A command file exports `declare`: arguments and options on a command already named, and the action. */
export interface CommandModule {
  declare(command: Command, app: App): void;
}

export interface CommandEntry {
  readonly name: string;
  readonly aliases?: readonly string[];
  readonly summary: string;
  /** Under which heading the help lists it, with a colon at its end; `Commands:` when absent. */
  readonly heading?: string;
  /** Not in the help. */
  readonly hidden?: boolean;
  readonly load: () => Promise<CommandModule>;
}

interface Undeclared {
  readonly app: App;
  readonly load: CommandEntry['load'];
}

const undeclared = new WeakMap<Command, Undeclared>();
const reached = new WeakMap<App, Command>();

/** Adds commands to a program or a group; each declares the rest of itself just before it is parsed. */
export function register(parent: Command, entries: readonly CommandEntry[], app: App): void {
  for (const { name, aliases = [], summary, heading, hidden = false, load } of entries) {
    const command = parent
      .command(name, { hidden })
      .aliases([...aliases])
      .description(summary)
      .helpCommand(false);
    if (heading) command.helpGroup(heading);
    undeclared.set(command, { app, load });
  }
  if (!parent.parent) reached.set(app, parent);
  parent.hook('preSubcommand', async (_parent, command) => {
    reached.set(app, await declared(command));
  });
}

/** A command with its arguments, options and subcommands, which it may not have before it is parsed. */
export async function declared(command: Command): Promise<Command> {
  const waiting = undeclared.get(command);
  undeclared.delete(command);
  if (waiting) (await waiting.load()).declare(command, waiting.app);
  return command;
}

/** How far a command line got: the command or group it named last, also when the rest of it could not be parsed. */
export function reachedCommand(app: App): Command | undefined {
  return reached.get(app);
}

/** A subcommand by its name or one of its aliases. */
export function findSubcommand(parent: Command, name: string): Command | undefined {
  return parent.commands.find((command) => command.name() === name || command.aliases().includes(name));
}
