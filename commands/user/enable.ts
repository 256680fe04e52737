import type { Command } from 'commander';
import type { App } from '../../src/app.ts';
import { administered } from '../administered.ts';
import { addExamples } from '../options.ts';
import { userArgument, userNoun } from './noun.ts';

export function declare(command: Command, app: App): void {
  command.addArgument(userArgument()).action((name: string) => enable(app, name));
  addExamples(command, ['keys user enable bob']);
}

export async function enable(app: App, name: string): Promise<void> {
  const users = await administered(app, 'users');
  await app.printer.row(userNoun, await users.enable(name));
}
