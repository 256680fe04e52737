import type { Command } from 'commander';
import type { App } from '../src/app.ts';
import { runBatch, targetsFrom, type Work } from './batch.ts';
import { addExamples, keyArgument } from './options.ts';

const work: Work = { done: 'enabled', apply: (service, { id }) => service.enable(id) };

export function declare(command: Command, app: App): void {
  command
    .addArgument(keyArgument('[keys...]', 'their ids or names; - reads them from standard input'))
    .action((refs: string[]) => enable(app, refs));
  addExamples(command, ['keys enable ci-deploy']);
}

export async function enable(app: App, refs: readonly string[]): Promise<void> {
  const service = await app.keys('enable');
  const choice = { question: 'Enable which key?', filter: { statuses: ['disabled'] } } as const;
  await runBatch(app, service, work, await targetsFrom(app, service, refs, choice));
}
