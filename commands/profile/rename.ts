import { Argument, type Command } from 'commander';
import type { App } from '../../src/app.ts';
import { keepsCredentials, type Profile, profileFrom, requireName } from '../../src/config.ts';
import { type Config, changeConfig, checkConfig } from '../../src/config-file.ts';
import { accountOf, openStore } from '../../src/credentials/index.ts';
import { KeysError } from '../../src/errors.ts';
import { entryNamed, requireEntry } from '../../src/resolve-profile.ts';
import { addExamples, completes } from '../options.ts';
import { refuseLocal } from './refuse-local.ts';
import { unfinishedWith } from './unfinished.ts';

export function declare(command: Command, app: App): void {
  command
    .addArgument(completes('profiles', new Argument('<name>', 'the profile')))
    .addArgument(new Argument('<new-name>', 'how it is called from now on'))
    .action((name: string, newName: string) => rename(app, name, newName));
  addExamples(command, ['keys profile rename staging pre-production']);
}

export async function rename(app: App, name: string, newName: string): Promise<void> {
  refuseLocal(name, 'renamed');
  requireName(newName);
  const config = await checkConfig(app);
  if (await forgetLeftBehind(app, config, name, newName)) {
    return app.note(`profile ${name} was ${newName} already; its credential under the old name is gone now`);
  }
  const profile = profileFrom(name, requireEntry(config, name));
  refuseTaken(config, newName);
  const [waiting] = await unfinishedWith(app, profile);
  if (waiting !== undefined) {
    throw new KeysError('conflict', `operation ${waiting} was begun with profile ${name} and is unfinished`, {
      hint: `keys recover ${waiting}`,
    });
  }
  // The credential is at its new place before the config file looks for it there, and leaves the old one last.
  const forgetOld = await copyCredential(app, profile, newName);
  await changeConfig(app, ({ config, renameProfile, setCurrent }) => {
    requireEntry(config, name);
    refuseTaken(config, newName);
    renameProfile(name, newName);
    if (config.current === name) setCurrent(newName);
  });
  await forgetOld();
  await app.note(`profile ${name} is now ${newName}`);
}

function refuseTaken(config: Config, name: string): void {
  if (entryNamed(config, name)) throw new KeysError('conflict', `there is a profile '${name}' already`);
}

async function copyCredential(app: App, profile: Profile, newName: string): Promise<() => Promise<unknown>> {
  const [from, to] = [accountOf(profile), accountOf({ ...profile, name: newName })];
  if (!keepsCredentials(profile.store)) return async () => {};
  const store = await openStore(app, profile.store);
  const secret = await store.read(from);
  if (secret) await store.write(to, app.redactor.know(secret));
  return () => store.remove(from);
}

/** The rest of a rename that was killed before its last step, when it is given again; false where there is none. */
async function forgetLeftBehind(app: App, config: Config, name: string, newName: string): Promise<boolean> {
  const entry = entryNamed(config, newName);
  if (!entry || entryNamed(config, name)) return false;
  const profile = profileFrom(newName, entry);
  if (!keepsCredentials(profile.store)) return false;
  const store = await openStore(app, profile.store);
  return store.remove(accountOf({ ...profile, name })).catch(() => false);
}
