import type { Command } from 'commander';
import type { App } from '../../src/app.ts';
import { KeysError } from '../../src/errors.ts';
import { administered } from '../administered.ts';
import { addExamples } from '../options.ts';
import { addNamespaceOptions, type NamespaceOptions, namespaceNoun, valuesOf } from './noun.ts';

export function declare(command: Command, app: App): void {
  addNamespaceOptions(command)
    .argument('<name>', 'the namespace')
    .action((name: string, options: NamespaceOptions) => edit(app, name, options));
  addExamples(command, ['keys namespace edit team-a --quota 20', 'keys namespace edit free --quota 0']);
}

export async function edit(app: App, name: string, options: NamespaceOptions): Promise<void> {
  const changes = valuesOf(options);
  if (Object.values(changes).every((value) => value === undefined)) {
    throw new KeysError('invalid', 'nothing is to be changed', { hint: 'say what: --quota, --recoverable' });
  }
  const namespaces = await administered(app, 'namespaces');
  await app.printer.row(namespaceNoun, await namespaces.edit(name, changes));
}
