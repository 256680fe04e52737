/** Every command by name, in the order of the help; the code of one is loaded when it is the one to run. */
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

export const commands: readonly CommandEntry[] = [
  { name: 'create', summary: 'mint a key; its secret is shown once', load: () => import('./create.ts') },
  { name: 'list', aliases: ['ls'], summary: 'list keys, newest first', load: () => import('./list.ts') },
  { name: 'show', aliases: ['get'], summary: 'show one key', load: () => import('./show.ts') },
  {
    name: 'edit',
    aliases: ['update'],
    summary: 'change name, description, roles, permissions, expiry, labels',
    load: () => import('./edit.ts'),
  },
  { name: 'disable', summary: 'take keys out of service', load: () => import('./disable.ts') },
  { name: 'enable', summary: 'put disabled keys back', load: () => import('./enable.ts') },
  { name: 'regenerate', summary: 'give a key a new secret', load: () => import('./regenerate.ts') },
  {
    name: 'revoke',
    aliases: ['delete', 'rm'],
    summary: 'end keys for good',
    load: () => import('./revoke.ts'),
  },
  {
    name: 'verify',
    summary: 'which key is this secret, and is it good? reads the secret from stdin',
    load: () => import('./verify.ts'),
  },
];

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
