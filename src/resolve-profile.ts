/** Which profile is in force. */
import { resolve } from 'node:path';
import type { App } from './app.ts';
import {
  defaultDriver,
  localName,
  localProfile,
  type Profile,
  type ProfileEntry,
  profileFrom,
  serviceUrl,
} from './config.ts';
import { type Config, readConfig } from './config-file.ts';
import { drivers } from './drivers/index.ts';
import { driverPath, isOutside } from './drivers/names.ts';
import { type Env, variable } from './env.ts';
import { KeysError } from './errors.ts';

/**
 * `--profile`, then `KEYS_URL`, then `KEYS_PROFILE`, then the config file's choice, then `local`.
 * Throws `not_found` for a profile that is not there, `invalid` for a broken file or variable.
 */
export async function resolveProfile(app: App): Promise<Profile> {
  const { env, options } = app;
  if (options.profile !== undefined) return profileNamed(app, options.profile);
  const url = variable(env, 'KEYS_URL');
  if (url !== undefined) return environmentProfile(env, url);
  const name = variable(env, 'KEYS_PROFILE');
  if (name !== undefined) return profileNamed(app, name, 'KEYS_PROFILE');
  const config = await readConfig(app);
  if (config.current !== undefined) return pick(app, config, config.current, 'the current profile');
  for (const token of ['KEYS_TOKEN_FILE', 'KEYS_TOKEN'] as const) {
    // Without this, a job that lost its KEYS_URL would mint keys in a database of its own and report success.
    if (env[token] === undefined) continue;
    throw new KeysError('invalid', `${token} is set, but nothing says for which key service`, {
      hint: 'set KEYS_URL, or choose a profile with -p, KEYS_PROFILE or keys profile use',
    });
  }
  return localProfile(app);
}

/** Throws `not_found` with the names there are. The config file is not read for `local`. */
export async function profileNamed(app: App, name: string, source?: string): Promise<Profile> {
  return name === localName ? localProfile(app) : pick(app, await readConfig(app), name, source);
}

/** The entry of this name, if there is one: `constructor` is none. */
export function entryNamed({ profiles }: Config, name: string): ProfileEntry | undefined {
  return Object.hasOwn(profiles, name) ? profiles[name] : undefined;
}

/** Throws `not_found` with the names there are, and where the name comes from when nobody typed it. */
export function requireEntry(config: Config, name: string, source?: string): ProfileEntry {
  const entry = entryNamed(config, name);
  if (entry) return entry;
  const from = source === undefined ? '' : `${source}: `;
  throw new KeysError('not_found', `${from}there is no profile '${name}'`, {
    hint: `profiles: ${[localName, ...Object.keys(config.profiles)].join(', ')}`,
  });
}

function pick(app: App, config: Config, name: string, source?: string): Profile {
  return name === localName ? localProfile(app) : profileFrom(name, requireEntry(config, name, source));
}

function environmentProfile(env: Env, url: string): Profile {
  const driver = driverPath(variable(env, 'KEYS_DRIVER') ?? defaultDriver);
  if (!drivers.some(({ name }) => name === driver) && !isOutside(driver)) {
    throw new KeysError('invalid', `KEYS_DRIVER: there is no driver '${driver}'`, {
      hint: `drivers: ${drivers.map(({ name }) => name).join(', ')}, or a file or package: docs/drivers.md`,
    });
  }
  return {
    name: 'environment',
    driver,
    url: named('KEYS_URL', () => serviceUrl(url)),
    namespace: variable(env, 'KEYS_NAMESPACE') ?? null,
    store: 'none',
    ...environmentSettings(env),
    origin: 'environment',
  };
}

/** `KEYS_SETTINGS='project=42; user=alice'`, and `KEYS_MAPPING` for the setting that is a file. */
function environmentSettings(env: Env): Pick<Profile, 'settings'> {
  const mapping = variable(env, 'KEYS_MAPPING');
  const pairs = (variable(env, 'KEYS_SETTINGS') ?? '').split(/[;\n]/).filter((pair) => pair.trim() !== '');
  if (mapping === undefined && pairs.length === 0) return {};
  const settings = pairs.map((pair) => {
    const [, name, value] = /^\s*([^=\s]+)\s*=\s*(.*?)\s*$/.exec(pair) ?? [];
    if (name !== undefined && value) return [name, value];
    throw new KeysError('invalid', `KEYS_SETTINGS: '${pair.trim()}' is not a setting`, {
      hint: "settings of the driver as name=value, with ';' between them",
    });
  });
  return {
    settings: {
      ...Object.fromEntries(settings),
      ...(mapping !== undefined && { mapping: resolve(mapping) }),
    },
  };
}

function named<T>(name: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (!(error instanceof KeysError)) throw error;
    throw new KeysError(error.code, `${name}: ${error.message}`, { hint: error.hint });
  }
}
