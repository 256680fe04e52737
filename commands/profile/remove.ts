import { Argument, type Command } from 'commander';
import type { App } from '../../src/app.ts';
import { keepsCredentials, type Profile, profileFrom } from '../../src/config.ts';
import { changeConfig, checkConfig } from '../../src/config-file.ts';
import { accountOf, openStore } from '../../src/credentials/index.ts';
import { KeysError } from '../../src/errors.ts';
import type { Taken } from '../../src/keychain.ts';
import { requireEntry } from '../../src/resolve-profile.ts';
import { requireConsent, requireYes } from '../consent.ts';
import { addExamples, completes } from '../options.ts';
import { endAccess } from '../session-end.ts';
import { refuseLocal } from './refuse-local.ts';
import { unfinishedWith } from './unfinished.ts';

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
  const config = await checkConfig(app, ({ removeProfile }) => removeProfile(name));
  const profile = profileFrom(name, requireEntry(config, name));
  const notes = [`removed profile ${name}`];
  const waiting = await unfinishedWith(app, profile).catch(() => []);
  if (keepsCredentials(profile.store) && !options.keepCredential) {
    requireConsent(app, 'profile remove');
    const needed = waiting.length > 0 ? `Unfinished, and begun with it: ${waiting.join(', ')}. ` : '';
    const what = `profile ${name} and its credential from the ${profile.store} store`;
    await requireYes(app, `${needed}Remove ${what}?`);
    const { removed, secret } = await takeCredential(app, profile);
    if (removed) notes.push(await endAccess(app, profile, secret));
  }
  await changeConfig(app, ({ config, removeProfile, setCurrent }) => {
    removeProfile(name);
    if (config.current !== name) return;
    setCurrent(null);
    notes.push('the current profile is now local');
  });
  await app.note(notes.join('; '));
  for (const id of waiting) {
    const way = `add the profile again, then keys recover ${id}`;
    await app.note(`warning: operation ${id} was begun with it and is unfinished: ${way}`);
  }
}

async function takeCredential(app: App, profile: Profile): Promise<Taken> {
  try {
    return await (await openStore(app, profile.store)).take(accountOf(profile));
  } catch (error) {
    if (!(error instanceof KeysError && error.code === 'credential_store')) throw error;
    throw new KeysError(error.code, error.message, {
      hint: `to leave the credential where it is: keys profile remove ${profile.name} --keep-credential`,
      cause: error,
    });
  }
}
