import { type Command, Option } from 'commander';
import type { App } from '../src/app.ts';
import { KeysError } from '../src/errors.ts';
import { keyMatcher } from '../src/filter.ts';
import { allKeys, type KeyService } from '../src/keys.ts';
import { shellWord } from '../src/text.ts';
import { durationText } from '../src/time.ts';
import { runBatch, type Target, targetsFrom, type Work } from './batch.ts';
import { askConsent, requireConsent } from './consent.ts';
import { requireOthers } from './myself.ts';
import { addExamples, completes, filled, keyArgument } from './options.ts';

const work: Work = { done: 'revoked', apply: (service, { id }) => service.revoke(id) };

interface Options {
  owner?: string;
  yesThisIsMe?: boolean;
}

export function declare(command: Command, app: App): void {
  command
    .addArgument(keyArgument('[keys...]', 'their ids or names; - reads them from standard input'))
    .addOption(
      completes('users', new Option('--owner <name>', 'all keys of this user, who leaves').argParser(filled)),
    )
    .option('--yes-this-is-me', 'also the key that this command itself works with')
    .action((refs: string[], options: Options) => revoke(app, refs, options));
  addExamples(command, [
    'keys revoke ci-deploy',
    'keys revoke --owner bob',
    'keys list --status expired -o name | keys revoke --yes -',
  ]);
}

export async function revoke(app: App, refs: readonly string[], options: Options): Promise<void> {
  const service = await app.keys('revoke');
  requireConsent(app, 'revoke');
  const targets =
    options.owner === undefined
      ? await targetsFrom(app, service, refs, { question: 'Revoke which key?' })
      : await targetsOf(app, service, options.owner, refs);
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

/** Every live key of a user, in all namespaces unless one is named. Throws `not_found` when there is none. */
async function targetsOf(
  app: App,
  service: KeyService,
  owner: string,
  refs: readonly string[],
): Promise<Target[]> {
  if (refs.length > 0) {
    throw new KeysError('invalid', 'either keys are named, or --owner names whose they are', {
      hint: `keys revoke --owner ${shellWord(owner)}`,
    });
  }
  const filter = { owner, namespace: app.options.namespace ?? null };
  const matches = keyMatcher(filter, app.now());
  const targets: Target[] = [];
  for await (const page of allKeys(service, filter)) {
    app.signal.throwIfAborted();
    targets.push(...page.filter(matches).map((key) => ({ ref: key.id, key, error: null })));
  }
  if (targets.length > 0) return targets;
  throw new KeysError('not_found', `no key belongs to '${owner}'`, {
    hint: `keys list --all-namespaces --owner ${shellWord(owner)} --status all`,
  });
}
