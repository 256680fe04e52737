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
  /** Not in the help. */
  readonly hidden?: boolean;
  readonly load: () => Promise<CommandModule>;
}

/** Adds commands to a program or a group; each declares the rest of itself just before it is parsed. */
export function register(parent: Command, entries: readonly CommandEntry[], app: App): void {
  const loaders = new Map<Command, CommandEntry['load']>();
  for (const { name, aliases = [], summary, hidden = false, load } of entries) {
    const command = parent
      .command(name, { hidden })
      .aliases([...aliases])
      .description(summary);
    loaders.set(command, load);
  }
  parent.hook('preSubcommand', async (_parent, command) => {
    const load = loaders.get(command);
    loaders.delete(command);
    if (load) (await load()).declare(command, app);
  });
}
