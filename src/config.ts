/** Profiles: named key services and how to reach them. No secret is ever part of one. */
import { join } from 'node:path';
import type { App } from './app.ts';
import { KeysError } from './errors.ts';

export const storeNames = ['keychain', 'file', 'command', 'none'] as const;
/** Where a profile's credential is kept. Chosen at `keys auth login` and never changed silently. */
export type StoreName = (typeof storeNames)[number];

/** Whether a store keeps credentials itself; another one has them from elsewhere, if at all. */
export function keepsCredentials(store: string): store is 'keychain' | 'file' {
  return store === 'keychain' || store === 'file';
}

export const authSchemes = ['bearer', 'apikey', 'x-api-key'] as const;
export type AuthScheme = (typeof authSchemes)[number];

/** A profile as the config file has it, under its name. */
export interface ProfileEntry {
  url: string;
  driver?: string;
  namespace?: string;
  /** Absent: nobody has logged in, or somebody has logged out. */
  store?: StoreName;
  /** Argv of the command that prints the credential, for the store `command`. */
  credentialCommand?: string[];
  authScheme?: AuthScheme;
  /** PEM files: further certificate authorities; the client's certificate and its key. */
  caFile?: string;
  clientCertFile?: string;
  clientKeyFile?: string;
  insecureHttp?: boolean;
  /** What only the driver knows: see `DriverEntry.settings`. */
  settings?: Readonly<Record<string, string>>;
}

export interface Profile extends Readonly<Omit<ProfileEntry, 'namespace'>> {
  readonly name: string;
  readonly driver: string;
  /** Base URL of the service; for the embedded service its database, as a `sqlite:` URL. */
  readonly url: string;
  readonly namespace: string | null;
  readonly store: StoreName;
  /** Who says so: the config file, `KEYS_URL` and its like, or nobody (the built-in `local`). */
  readonly origin: 'config' | 'environment' | 'built-in';
}

export const localName = 'local';
export const defaultDriver = 'keys';

/** The embedded service, there with nothing configured. */
export function localProfile(app: Pick<App, 'paths'>): Profile {
  const database = join(app.paths.data, 'keys.db');
  return {
    name: localName,
    driver: 'local',
    url: `sqlite:${database}`,
    namespace: null,
    store: 'none',
    origin: 'built-in',
  };
}

export function profileFrom(name: string, entry: ProfileEntry): Profile {
  return {
    ...entry,
    name,
    driver: entry.driver ?? defaultDriver,
    url: serviceUrl(entry.url),
    namespace: entry.namespace ?? null,
    store: entry.store ?? 'none',
    origin: 'config',
  };
}

/** Throws `invalid` for what is no name for a profile of one's own. */
export function requireName(text: string): void {
  const wrong = nameProblem(text);
  if (wrong) throw new KeysError('invalid', wrong);
}

/** What is wrong with a name for a profile of one's own, or null. */
export function nameProblem(text: string): string | null {
  if (text === localName) return `'${localName}' is the built-in profile; choose another name`;
  if (/^(?!-)[A-Za-z0-9._-]{1,64}$/.test(text) && text !== '__proto__') return null;
  return `'${text}' is not a profile name; use 1 to 64 letters, digits, dots, dashes and underscores, no dash first`;
}

/** The base URL of a service without a slash at its end. Throws `invalid`, without repeating a password. */
export function serviceUrl(text: string): string {
  const wrong = urlProblem(text);
  if (wrong) throw new KeysError('invalid', wrong, { hint: 'a URL such as https://keys.example.com' });
  const { origin, pathname } = new URL(text);
  return origin + pathname.replace(/\/+$/, '');
}

/** What is wrong with the URL of a service, or null. */
export function urlProblem(text: string): string | null {
  const [, authority = ''] = /^[a-z][a-z0-9+.-]*:\/\/([^/?#]*)/i.exec(text) ?? [];
  if (authority.includes('@')) return 'the URL has a user name or a password in it; leave them out';
  if (/[?#]/.test(text)) return 'the URL has a query or a fragment; give the part before it';
  if (!/^https?:\/\/[^/]/i.test(text)) return `'${text}' is not an http or https URL`;
  if (/[\s\\\p{Cc}]/u.test(text) || !URL.canParse(text)) return `'${text}' is not a URL`;
  return null;
}
