import type { Command } from 'commander';
import type { App } from '../../src/app.ts';
import { administered } from '../administered.ts';
import { addExamples } from '../options.ts';
import { addNamespaceOptions, type NamespaceOptions, namespaceNoun, valuesOf } from './noun.ts';

export function declare(command: Command, app: App): void {
  addNamespaceOptions(command)
    .argument('<name>', 'how it is called')
    .action((name: string, options: NamespaceOptions) => create(app, name, options));
  addExamples(command, ['keys namespace create team-a --quota 10']);
}

export async function create(app: App, name: string, options: NamespaceOptions): Promise<void> {
  const namespaces = await administered(app, 'namespaces');
  await app.printer.row(namespaceNoun, await namespaces.create({ name, ...valuesOf(options) }));
}
