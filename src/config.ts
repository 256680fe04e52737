/** Profiles: named key services and how to reach them. Kept in `config.yaml`; no secret is ever in it. */
import { join } from 'node:path';
import type { App } from './app.ts';

export const storeNames = ['keychain', 'file', 'command', 'none'] as const;
/** Where a profile's credential is kept. Chosen at `keys auth login` and never changed silently. */
export type StoreName = (typeof storeNames)[number];

export const authSchemes = ['bearer', 'apikey', 'x-api-key'] as const;
export type AuthScheme = (typeof authSchemes)[number];

export interface Profile {
  readonly name: string;
  readonly driver: string;
  /** Base URL of the service; for the embedded service its database, as a `sqlite:` URL. */
  readonly url: string;
  readonly namespace: string | null;
  readonly store: StoreName;
  /** Argv of the command that prints the credential, for the store `command`. */
  readonly credentialCommand?: readonly string[];
  readonly authScheme?: AuthScheme;
  /** PEM files: further certificate authorities; the client's certificate and its key. */
  readonly caFile?: string;
  readonly clientCertFile?: string;
  readonly clientKeyFile?: string;
  readonly insecureHttp?: boolean;
  /** Who says so: the config file, `KEYS_URL` and its like, or nobody (the built-in `local`). */
  readonly origin: 'config' | 'environment' | 'built-in';
}

/** The embedded service, there with nothing configured. */
export function localProfile(app: Pick<App, 'paths'>): Profile {
  const database = join(app.paths.data, 'keys.db');
  return {
    name: 'local',
    driver: 'local',
    url: `sqlite:${database}`,
    namespace: null,
    store: 'none',
    origin: 'built-in',
  };
}

/** The profile in force: `--profile`, then `KEYS_URL`, then `KEYS_PROFILE`, then the config file's choice, then `local`. */
export async function resolveProfile(app: App): Promise<Profile> {
  return localProfile(app);
}
