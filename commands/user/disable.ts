import type { Command } from 'commander';
import type { App } from '../../src/app.ts';
import { administered } from '../administered.ts';
import { requireConsent, requireYes } from '../consent.ts';
import { addExamples } from '../options.ts';
import { userArgument, userNoun } from './noun.ts';

export function declare(command: Command, app: App): void {
  command.addArgument(userArgument()).action((name: string) => disable(app, name));
  addExamples(command, ['keys user disable bob']);
}

export async function disable(app: App, name: string): Promise<void> {
  requireConsent(app, 'user disable');
  const users = await administered(app, 'users');
  const { name: found } = await users.get(name);
  await requireYes(app, `All keys and sessions of ${found} fail at once. Disable this user?`);
  await app.printer.row(userNoun, await users.disable(name));
}
