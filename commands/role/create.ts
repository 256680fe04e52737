import type { Command } from 'commander';
import type { App } from '../../src/app.ts';
import { administered } from '../administered.ts';
import { addExamples } from '../options.ts';
import { addPermissionOption, type RoleOptions, roleNoun } from './noun.ts';

export function declare(command: Command, app: App): void {
  addPermissionOption(command)
    .argument('<name>', 'how it is called')
    .action((name: string, options: RoleOptions) => create(app, name, options));
  addExamples(command, ["keys role create deployer --permission 'deployments.*' --permission '*.view'"]);
}

export async function create(app: App, name: string, { permission }: RoleOptions): Promise<void> {
  const roles = await administered(app, 'roles');
  await app.printer.row(roleNoun, await roles.create({ name, permissions: permission }));
}
