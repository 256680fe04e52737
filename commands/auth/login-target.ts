/** Which profile a login is for, and what that profile will say. */
import type { App } from '../../src/app.ts';
import {
  localName,
  type Profile,
  type ProfileEntry,
  profileFrom,
  requireName,
  type StoreName,
  serviceUrl,
} from '../../src/config.ts';
import { type Config, readConfig } from '../../src/config-file.ts';
import { accountOf } from '../../src/credentials/index.ts';
import { variable } from '../../src/env.ts';
import { KeysError } from '../../src/errors.ts';
import { entryNamed, requireEntry } from '../../src/resolve-profile.ts';
import { askUrl } from '../profile/add.ts';
import { entryFrom, type ServiceOptions } from '../profile/service-options.ts';

export interface LoginOptions extends ServiceOptions {
  store?: StoreName;
}

export interface LoginTarget {
  readonly name: string;
  readonly entry: ProfileEntry & { store: StoreName };
  /** The profile as it was before, when there was one. */
  readonly former: Profile | null;
  /** Whether the credential will be kept in another place than before. */
  readonly moved: boolean;
}

/** Throws `invalid`, `conflict` and what reading the config file throws. Nothing is changed. */
export async function loginTarget(
  app: App,
  words: readonly string[],
  options: LoginOptions,
): Promise<LoginTarget> {
  const config = await readConfig(app);
  const { name, url } = await choose(app, config, options);
  const existing = entryNamed(config, name);
  const entry = await entryFrom({ ...options, url }, words, app.options, existing);
  const store = options.credentialCommand ? 'command' : (options.store ?? existing?.store ?? 'keychain');
  refuseMismatch(name, options, entry, store);
  const kept = store === 'command' ? entry : { ...entry, credentialCommand: undefined };
  const former = existing ? profileFrom(name, existing) : null;
  const [place, formerPlace] = [{ name, url: entry.url }, former].map((one) => one && accountOf(one));
  const moved = former?.store !== store || place !== formerPlace;
  return { name, entry: { ...kept, store }, former, moved };
}

async function choose(
  app: App,
  config: Config,
  options: LoginOptions,
): Promise<{ name: string; url: string }> {
  const named = app.options.profile ?? (options.url === undefined ? currentName(app, config) : undefined);
  if (named === undefined) {
    const url = serviceUrl(options.url ?? (await askUrl(app)));
    return { name: nameFor(config, url), url };
  }
  if (named === localName) {
    throw new KeysError('invalid', 'the built-in profile local needs no credential', {
      hint: 'log in to a service with --url https://keys.example.com',
    });
  }
  requireName(named);
  return { name: named, url: options.url ?? entryNamed(config, named)?.url ?? (await askUrl(app)) };
}

/** The profile in force, when it is one that can be logged in to. */
function currentName(app: App, config: Config): string | undefined {
  if (app.env.KEYS_URL) {
    throw new KeysError(
      'invalid',
      'KEYS_URL is set: its credential comes from the environment and is not kept',
      {
        hint: 'give --url, or choose a profile with -p, to keep a credential',
      },
    );
  }
  const name = variable(app.env, 'KEYS_PROFILE') ?? config.current;
  if (name === undefined || name === localName) return undefined;
  requireEntry(config, name);
  return name;
}

/** The profile that has this URL already, or a name made from the host. Throws `conflict` where nobody can tell which. */
function nameFor(config: Config, url: string): string {
  const there = Object.entries(config.profiles).filter(([, entry]) => serviceUrl(entry.url) === url);
  const [same, ...others] = there.map(([profile]) => profile);
  if (others.length > 0) {
    throw new KeysError(
      'conflict',
      `${url} is the service of several profiles: ${same}, ${others.join(', ')}`,
      {
        hint: `say which of them: -p ${same}`,
      },
    );
  }
  if (same !== undefined) return same;
  const name = new URL(url).host
    .replace(/[^A-Za-z0-9._-]+/g, '-')
    .replace(/^-|-$/g, '')
    .slice(0, 64);
  requireName(name);
  if (!entryNamed(config, name)) return name;
  throw new KeysError('conflict', `the profile '${name}' is for another service`, {
    hint: `give this one a name with -p, or change it with -p ${name}`,
  });
}

function refuseMismatch(name: string, options: LoginOptions, entry: ProfileEntry, store: StoreName): void {
  if (options.credentialCommand && options.store !== undefined && options.store !== 'command') {
    throw new KeysError('invalid', `--credential-command does not go with --store ${options.store}`);
  }
  if (store === 'command' && !entry.credentialCommand) {
    throw new KeysError('invalid', `profile ${name} has no credential command`, {
      hint: 'give it as: --credential-command -- op read op://…',
    });
  }
}
