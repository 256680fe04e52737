/** Where configuration, data and state live: `KEYS_*_DIR`, else XDG on Linux and the native places elsewhere. */
import { join } from 'node:path';
import envPaths from 'env-paths';

export interface Paths {
  readonly config: string;
  readonly data: string;
  readonly state: string;
}

export function pathsFrom(env: Readonly<Record<string, string | undefined>>): Paths {
  const native = envPaths('keys', { suffix: '' });
  const data = env.KEYS_DATA_DIR || native.data;
  // What env-paths calls `log` is XDG_STATE_HOME on Linux, but a folder that systems clean up elsewhere.
  const state = process.platform === 'linux' ? native.log : join(data, 'state');
  return { config: env.KEYS_CONFIG_DIR || native.config, data, state: env.KEYS_STATE_DIR || state };
}
