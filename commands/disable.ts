import type { Command } from 'commander';
import type { App } from '../src/app.ts';
import { runBatch, targetsFrom, type Work } from './batch.ts';
import { requireOthers } from './myself.ts';
import { addExamples, keyArgument } from './options.ts';

const work: Work = { done: 'disabled', apply: (service, { id }) => service.disable(id) };

export function declare(command: Command, app: App): void {
  command
    .addArgument(keyArgument('[keys...]', 'their ids or names; - reads them from standard input'))
    .action((refs: string[]) => disable(app, refs));
  addExamples(command, ['keys disable ci-deploy', 'keys list --unused-for 90d -o name | keys disable -']);
}

/** Does not ask: `keys enable` undoes it. */
export async function disable(app: App, refs: readonly string[]): Promise<void> {
  const service = await app.keys('disable');
  const choice = { question: 'Disable which key?', filter: { statuses: ['active'] } } as const;
  const targets = await targetsFrom(app, service, refs, choice);
  const keys = targets.flatMap(({ key }) => key ?? []);
  await requireOthers(
    service,
    keys,
    'it could not enable itself again; for a new secret: keys rotate --self',
  );
  await runBatch(app, service, work, targets);
}
