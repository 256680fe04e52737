/** Where configuration, data and state live: `KEYS_*_DIR`, else XDG on Linux and the native places elsewhere. */
import { homedir, userInfo } from 'node:os';
import { isAbsolute, join } from 'node:path';
import type { Env } from './env.ts';
import { KeysError } from './errors.ts';

export interface Paths {
  readonly config: string;
  readonly data: string;
  readonly state: string;
}

type Place = (env: Env, home: () => string) => string;

/** https://specifications.freedesktop.org/basedir-spec/latest/: a path that is not absolute is as good as none. */
function xdg(variable: string, ...otherwise: string[]): Place {
  return (env, home) => {
    const given = env[variable];
    return join(given && isAbsolute(given) ? given : join(home(), ...otherwise), 'keys');
  };
}

const linux: Record<keyof Paths, Place> = {
  config: xdg('XDG_CONFIG_HOME', '.config'),
  data: xdg('XDG_DATA_HOME', '.local', 'share'),
  state: xdg('XDG_STATE_HOME', '.local', 'state'),
};

/** Where they have no place for state, it is in the data. */
const others: Partial<Record<NodeJS.Platform, Pick<typeof linux, 'config' | 'data'> & { state?: never }>> = {
  darwin: {
    config: (_env, home) => join(home(), 'Library', 'Preferences', 'keys'),
    data: (_env, home) => join(home(), 'Library', 'Application Support', 'keys'),
  },
  win32: {
    config: (env, home) => join(env.APPDATA || join(home(), 'AppData', 'Roaming'), 'keys', 'Config'),
    data: (env, home) => join(env.LOCALAPPDATA || join(home(), 'AppData', 'Local'), 'keys', 'Data'),
  },
};

/**
 * Each place is looked for when it is asked for, and throws `invalid` when that takes a home directory and there is none. (The
 * library env-paths asks for one as soon as it is loaded, and a service under a user that systemd makes has none.)
 */
export function pathsFrom(
  env: Env,
  platform: NodeJS.Platform = process.platform,
  home = () => requireHome(env),
): Paths {
  const { config, data, state } = others[platform] ?? linux;
  return {
    get config() {
      return env.KEYS_CONFIG_DIR || config(env, home);
    },
    get data() {
      return env.KEYS_DATA_DIR || data(env, home);
    },
    get state() {
      return env.KEYS_STATE_DIR || (state ? state(env, home) : join(this.data, 'state'));
    },
  };
}

/** `null` for a user without one: a number in a container, or who systemd made for a service. */
export function homeOf(env: Env): string | null {
  try {
    return env.HOME || homedir();
  } catch {
    return null;
  }
}

/** Throws `invalid`. */
export function requireHome(env: Env): string {
  const home = homeOf(env);
  if (home !== null) return home;
  throw new KeysError('invalid', `the user ${userName()} has no home directory`, {
    hint: 'set HOME, or KEYS_CONFIG_DIR, KEYS_DATA_DIR and KEYS_STATE_DIR',
  });
}

/** Who runs this; a container may run under a number that no user has. */
export function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid-${process.getuid?.() ?? 0}`;
  }
}
