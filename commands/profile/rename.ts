import { Argument, type Command } from 'commander';
import type { App } from '../../src/app.ts';
import { type Profile, profileFrom, requireName } from '../../src/config.ts';
import { type Config, changeConfig, checkConfig } from '../../src/config-file.ts';
import { accountOf, openStore } from '../../src/credentials/index.ts';
import { KeysError } from '../../src/errors.ts';
import { requireEntry } from '../../src/resolve-profile.ts';
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
  const { profiles } = await checkConfig(app);
  if (await forgetLeftBehind(app, profiles, name, newName)) {
    return app.note(`profile ${name} was ${newName} already; its credential under the old name is gone now`);
  }
  const profile = profileFrom(name, requireEntry({ profiles }, name));
  refuseTaken(profiles, newName);
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
    refuseTaken(config.profiles, newName);
    renameProfile(name, newName);
    if (config.current === name) setCurrent(newName);
  });
  await forgetOld();
  await app.note(`profile ${name} is now ${newName}`);
}

function refuseTaken(profiles: object, name: string): void {
  if (Object.hasOwn(profiles, name)) throw new KeysError('conflict', `there is a profile '${name}' already`);
}

async function copyCredential(app: App, profile: Profile, newName: string): Promise<() => Promise<unknown>> {
  const [from, to] = [accountOf(profile), accountOf({ ...profile, name: newName })];
  if (profile.store === 'none' || profile.store === 'command') return async () => {};
  const store = await openStore(app, profile.store);
  const secret = await store.read(from);
  if (secret) await store.write(to, app.redactor.know(secret));
  return () => store.remove(from);
}

/** The rest of a rename that was killed before its last step, when it is given again; false where there is none. */
async function forgetLeftBehind(
  app: App,
  profiles: Config['profiles'],
  name: string,
  newName: string,
): Promise<boolean> {
  const entry = Object.hasOwn(profiles, newName) ? profiles[newName] : undefined;
  if (!entry || Object.hasOwn(profiles, name)) return false;
  const profile = profileFrom(newName, entry);
  if (profile.store === 'none' || profile.store === 'command') return false;
  const store = await openStore(app, profile.store);
  return store.remove(accountOf({ ...profile, name })).catch(() => false);
}
