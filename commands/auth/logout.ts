import type { Command } from 'commander';
import type { App } from '../../src/app.ts';
import { type ConfigEditor, changeConfig, checkConfig } from '../../src/config-file.ts';
import { accountOf, openStore } from '../../src/credentials/index.ts';
import { KeysError } from '../../src/errors.ts';
import { addExamples } from '../options.ts';
import { endAccess } from '../session-end.ts';

export function declare(command: Command, app: App): void {
  command.action(() => logout(app));
  addExamples(command, ['keys auth logout -p work']);
}

export async function logout(app: App): Promise<void> {
  const profile = await app.profile();
  const { name, store } = profile;
  if (profile.origin === 'environment') {
    throw new KeysError('invalid', 'the credential comes from the environment, and nothing is kept', {
      hint: 'unset KEYS_TOKEN and KEYS_TOKEN_FILE, or choose a profile with -p',
    });
  }
  if (profile.origin === 'built-in') return app.note(`profile ${name} needs no credential`);
  const forget = ({ config, setProfile }: ConfigEditor) => {
    const entry = config.profiles[name];
    // A store of `none` was chosen and stays; any other is chosen again at the next login.
    if (entry?.store && entry.store !== 'none') setProfile(name, { ...entry, store: undefined });
  };
  await checkConfig(app, forget);
  const { removed, secret } = await (await openStore(app, store)).take(accountOf(profile));
  await changeConfig(app, forget);
  await app.note(
    removed
      ? `logged out of ${profile.url}: profile ${name} has no credential any more; ${await endAccess(app, profile, secret)}`
      : `profile ${name} has no credential to remove${store === 'command' ? '; its command is no longer asked' : ''}`,
  );
}
