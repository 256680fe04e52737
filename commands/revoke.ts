import type { Command } from 'commander';
import type { App } from '../src/app.ts';
import { durationText } from '../src/time.ts';
import { runBatch, targetsFrom, type Work } from './batch.ts';
import { askConsent, requireConsent } from './consent.ts';
import { requireOthers } from './myself.ts';
import { addExamples, keyArgument } from './options.ts';

const work: Work = { done: 'revoked', apply: (service, { id }) => service.revoke(id) };

interface Options {
  yesThisIsMe?: boolean;
}

export function declare(command: Command, app: App): void {
  command
    .addArgument(keyArgument('[keys...]', 'their ids or names; - reads them from standard input'))
    .option('--yes-this-is-me', 'also the key that this command itself works with')
    .action((refs: string[], options: Options) => revoke(app, refs, options));
  addExamples(command, ['keys revoke ci-deploy', 'keys list --status expired -o name | keys revoke --yes -']);
}

export async function revoke(app: App, refs: readonly string[], options: Options): Promise<void> {
  requireConsent(app, 'revoke');
  const service = await app.keys('revoke');
  const targets = await targetsFrom(app, service, refs, { question: 'Revoke which key?' });
  const keys = targets.flatMap(({ key }) => key ?? []);
  if (!options.yesThisIsMe) {
    await requireOthers(service, keys, 'add --yes-this-is-me to lock yourself out, or keys rotate --self');
  }
  if (keys.length > 0 && !app.options.yes) {
    for (const { error } of targets) if (error) await app.note(error.message);
    const one = keys.length === 1;
    const question = `Revoke ${one ? 'this key' : `these ${keys.length} keys`} for good?`;
    await askConsent(app, keys, `What uses ${one ? 'it' : 'them'} fails at once. ${question}`);
  }
  const { title, revocationDelayMs } = service.capabilities;
  if (keys.length > 0 && revocationDelayMs) {
    await app.note(`${title} may let a revoked key work for ${durationText(revocationDelayMs)} more`);
  }
  await runBatch(app, service, work, targets);
}
