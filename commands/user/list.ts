import type { Command } from 'commander';
import type { App } from '../../src/app.ts';
import { readerMayLeave } from '../../src/io.ts';
import { administered } from '../administered.ts';
import { addExamples } from '../options.ts';
import { userNoun } from './noun.ts';

export function declare(command: Command, app: App): void {
  command.action(() => list(app));
  addExamples(command, ['keys user list', "keys user list --query '[?status==`disabled`].name'"]);
}

export async function list(app: App): Promise<void> {
  const users = await administered(app, 'users');
  await readerMayLeave(app.printer.rows(userNoun, [await users.list()]));
}
