import type { Command } from 'commander';
import type { App } from '../../src/app.ts';
import { administered } from '../administered.ts';
import { addExamples } from '../options.ts';
import { addPermissionOption, type RoleOptions, roleNoun } from './noun.ts';

export function declare(command: Command, app: App): void {
  addPermissionOption(command)
    .argument('<name>', 'the role')
    .action((name: string, options: RoleOptions) => edit(app, name, options));
  addExamples(command, ['keys role edit deployer --permission deployments.view']);
}

export async function edit(app: App, name: string, { permission }: RoleOptions): Promise<void> {
  const roles = await administered(app, 'roles');
  await app.printer.row(roleNoun, await roles.edit(name, { permissions: permission }));
}
