import type { Command } from 'commander';
import type { App } from '../../src/app.ts';
import { readerMayLeave } from '../../src/io.ts';
import { administered } from '../administered.ts';
import { addExamples } from '../options.ts';
import { roleNoun } from './noun.ts';

export function declare(command: Command, app: App): void {
  command.action(() => list(app));
  addExamples(command, ['keys role list']);
}

export async function list(app: App): Promise<void> {
  const roles = await administered(app, 'roles');
  await readerMayLeave(app.printer.rows(roleNoun, [await roles.list()]));
}
