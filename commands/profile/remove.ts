import { Argument, type Command } from 'commander';
import type { App } from '../../src/app.ts';
import { profileFrom } from '../../src/config.ts';
import { changeConfig, checkConfig } from '../../src/config-file.ts';
import { accountOf, openStore } from '../../src/credentials/index.ts';
import { KeysError } from '../../src/errors.ts';
import { requireEntry } from '../../src/resolve-profile.ts';
import { requireConsent } from '../consent.ts';
import { addExamples, completes } from '../options.ts';
import { refuseLocal } from './refuse-local.ts';

interface Options {
  keepCredential?: boolean;
}

export function declare(command: Command, app: App): void {
  command
    .addArgument(completes('profiles', new Argument('<name>', 'the profile')))
    .option('--keep-credential', 'leave its credential where it is kept')
    .action((name: string, options: Options) => remove(app, name, options));
  addExamples(command, ['keys profile remove staging']);
}

export async function remove(app: App, name: string, options: Options): Promise<void> {
  refuseLocal(name, 'removed');
  const profile = profileFrom(name, requireEntry(await checkConfig(app), name));
  const keepsCredential = profile.store === 'keychain' || profile.store === 'file';
  if (keepsCredential && !options.keepCredential) {
    await agree(app, `Remove profile ${name} and its credential from the ${profile.store} store?`);
    await (await openStore(app, profile.store)).remove(accountOf(profile));
  }
  let wasCurrent = false;
  await changeConfig(app, ({ config, removeProfile, setCurrent }) => {
    wasCurrent = config.current === name;
    removeProfile(name);
    if (wasCurrent) setCurrent(null);
  });
  await app.note(`removed profile ${name}${wasCurrent ? '; the current profile is now local' : ''}`);
}

async function agree(app: App, question: string): Promise<void> {
  requireConsent(app, 'profile remove');
  if (app.options.yes || (await app.prompt.confirm(question))) return;
  throw new KeysError('interrupted', 'nothing was changed');
}
