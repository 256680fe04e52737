import type { Command } from 'commander';
import type { App } from '../../src/app.ts';
import { administered } from '../administered.ts';
import { addExamples, collect } from '../options.ts';
import { roleNoun } from './noun.ts';

interface Options {
  permission: string[];
}

export function declare(command: Command, app: App): void {
  command
    .argument('<name>', 'how it is called')
    .requiredOption(
      '--permission <name>',
      'resource.action, where either may be * (repeatable); they are all that it has',
      collect,
    )
    .action((name: string, options: Options) => create(app, name, options));
  addExamples(command, ["keys role create deployer --permission 'deployments.*' --permission '*.view'"]);
}

export async function create(app: App, name: string, { permission }: Options): Promise<void> {
  const roles = await administered(app, 'roles');
  await app.printer.row(roleNoun, await roles.create({ name, permissions: permission }));
}
