import type { Command } from 'commander';
import type { App } from '../../src/app.ts';
import type { Profile } from '../../src/config.ts';
import { changeConfig, checkConfig } from '../../src/config-file.ts';
import { accountOf, openStore } from '../../src/credentials/index.ts';
import { KeysError, toKeysError } from '../../src/errors.ts';
import { sessionEnding } from '../../src/open.ts';
import type { Secret } from '../../src/secret.ts';
import { addExamples } from '../options.ts';

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
  await checkConfig(app);
  const { removed, secret } = await (await openStore(app, store)).take(accountOf(profile));
  await changeConfig(app, ({ config, setProfile }) => {
    const entry = config.profiles[name];
    // A store of `none` was chosen and stays; any other is chosen again at the next login.
    if (entry?.store && entry.store !== 'none') setProfile(name, { ...entry, store: undefined });
  });
  await app.note(
    removed
      ? `logged out of ${profile.url}: profile ${name} has no credential any more; ${await endAt(app, profile, secret)}`
      : `profile ${name} has no credential to remove${store === 'command' ? '; its command is no longer asked' : ''}`,
  );
}

/** Ends the session that the credential was, if it was one; what there is to say of it. */
async function endAt(app: App, profile: Profile, credential: Secret | null): Promise<string> {
  // A driver that is not there any more keeps nobody from logging out.
  const end = credential && (await sessionEnding(app, profile, credential).catch(() => null));
  if (!end) return 'what it was still works until it is revoked or ends';
  try {
    await end();
  } catch (error) {
    const { code, message } = toKeysError(error);
    if (code !== 'unauthenticated') {
      const works = code === 'outcome_unknown' ? 'may still work' : 'still works';
      return `its session ${works} there until it ends: ${message}`;
    }
  }
  return 'its session has ended';
}
