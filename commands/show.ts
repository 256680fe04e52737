import type { Command } from 'commander';
import type { App } from '../src/app.ts';
import { oneKey } from './choose.ts';
import { keyNounOf } from './key-noun.ts';
import { addExamples, keyArgument } from './options.ts';

export function declare(command: Command, app: App): void {
  command.addArgument(keyArgument('[key]')).action((ref?: string) => show(app, ref));
  addExamples(command, ['keys show ci-deploy', 'keys show ci-deploy --query expiresAt']);
}

export async function show(app: App, ref: string | undefined): Promise<void> {
  const service = await app.keys('get');
  await app.printer.row(keyNounOf(service.capabilities), await oneKey(app, service, ref, 'Show which key?'));
}
