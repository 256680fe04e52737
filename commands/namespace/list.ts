import type { Command } from 'commander';
import type { App } from '../../src/app.ts';
import { readerMayLeave } from '../../src/io.ts';
import { administered } from '../administered.ts';
import { addExamples } from '../options.ts';
import { namespaceNoun } from './noun.ts';

export function declare(command: Command, app: App): void {
  command.action(() => list(app));
  addExamples(command, ['keys namespace list']);
}

export async function list(app: App): Promise<void> {
  const namespaces = await administered(app, 'namespaces');
  await readerMayLeave(app.printer.rows(namespaceNoun, [await namespaces.list()]));
}
