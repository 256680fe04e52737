/** The drivers there are: what each service can do, as data, and how to load the code when it is needed. */
import type { Profile } from '../config.ts';
import { KeysError } from '../errors.ts';
import type { Http } from '../http.ts';
import type { Capabilities, KeyService } from '../keys.ts';
import { ownCapabilities } from '../own-capabilities.ts';
import type { Prompt } from '../prompt.ts';
import type { Secret } from '../secret.ts';
import { cloudCasaCapabilitiesWith } from './cloudcasa-capabilities.ts';
import { kubeVisionCapabilities } from './kubevision-capabilities.ts';
import { isOutside } from './names.ts';
import { isOwnSession } from './own-session.ts';
import { restCapabilities } from './rest/any.ts';
import { ververicaCapabilities } from './ververica-capabilities.ts';
import { zabbixCapabilities } from './zabbix-capabilities.ts';

/** What a driver gets besides the way to its service. */
export interface DriverParts {
  readonly now: () => number;
  /** The administrator's credential, for a driver that presents it itself. */
  readonly credential: Secret | null;
  /** A secret that came up on the way is taken out of every text from now on. */
  know(secret: Secret): Secret;
  /**
   * The credential after `exchange`, which is given the one that is kept by now and no other process exchanges meanwhile;
   * `null` leaves it.
   */
  renewCredential(exchange: (kept: Secret) => Promise<Secret | null>): Promise<Secret>;
}

export type Driver = (http: Http, profile: Profile, parts: DriverParts) => KeyService | Promise<KeyService>;

/**
 * Asks a person for what the service's login takes, and gives the credential to keep; `know` is told of every secret.
 * Throws `unauthenticated`.
 */
export type Login = (
  http: Http,
  prompt: Prompt,
  know: (secret: Secret) => Secret,
  profile: Profile,
) => Promise<Secret>;

/** Gives the credential to keep for a user's name and password. Throws `unauthenticated`. */
export type PasswordLogin = (
  http: Http,
  user: string,
  password: Secret,
  know: (secret: Secret) => Secret,
) => Promise<Secret>;

/** Ends a session at its service. Throws `unauthenticated` when it had ended, and what else a request can end with. */
export type EndSession = (
  http: Http,
  session: Secret,
  profile: Profile,
  parts: Pick<DriverParts, 'now' | 'know'>,
) => Promise<void>;

/** What an installation says of itself: sentences, and settings that a profile may take over. */
export interface Discovery {
  readonly found: readonly string[];
  readonly settings: Readonly<Record<string, string>>;
}

/** What of a field a list has. */
export interface Finding {
  readonly field: string;
  /** Where the driver looks, where that is for a person to choose. */
  readonly from: string | null;
  /** How many of the keys have a value there. */
  readonly found: number;
  readonly of: number;
  readonly note: string | null;
  /** The field cannot be what it is meant to be. */
  readonly wrong: boolean;
}

/** What one request for a list, which changes nothing, tells of a service. */
export interface Check {
  readonly asked: string;
  readonly keys: number;
  readonly findings: readonly Finding[];
}

export interface DriverEntry {
  readonly name: string;
  /** What the service can do; without a profile, as it is everywhere. Throws `invalid` for a setting that cannot be meant. */
  capabilities(profile?: Profile): Capabilities;
  /** Where the profile names a file that says it: the same from there. Throws as `capabilities`, and checks the settings. */
  readonly capabilitiesOf?: (profile: Profile) => Promise<Capabilities>;
  /** What a profile may say to this driver, by name, each with what it means. */
  readonly settings?: Readonly<Record<string, string>>;
  /** The driver puts the credential, or such a credential, on each call itself. */
  readonly authorizes?: boolean | ((credential: Secret) => boolean);
  load(): Promise<Driver>;
  /** Where a credential is not copied from somewhere, but given for a name and a password. */
  readonly login?: () => Promise<Login>;
  /** Where it may be, for a user's name that was given. */
  readonly passwordLogin?: () => Promise<PasswordLogin>;
  /** Where a credential may be a session, how to end it; `null` for one that is none. */
  readonly endSession?: (credential: Secret) => Promise<EndSession> | null;
  /** Where a person has said what the service's answers mean: looks at one, and tells what was found. */
  readonly check?: () => Promise<(http: Http, profile: Profile, parts: DriverParts) => Promise<Check>>;
  /** Asks an installation what it can do beyond what all of them can; nothing is changed, and no credential is sent. */
  readonly discover?: () => Promise<(http: Http) => Promise<Discovery>>;
}

export const drivers: readonly DriverEntry[] = [
  {
    name: 'keys',
    capabilities: () => ownCapabilities,
    load: async () => (await import('./keys.ts')).keysDriver,
    authorizes: isOwnSession,
    passwordLogin: async () => (await import('./keys-session.ts')).passwordLogin,
    endSession: (credential) =>
      isOwnSession(credential) ? import('./keys-session.ts').then((session) => session.endSession) : null,
  },
  {
    name: 'ververica',
    capabilities: ververicaCapabilities,
    settings: {
      expiryField: "the field of a token that holds its expiry, from the installation's /swagger.json",
      regenerate: 'method and path that give a token a new secret, from the same document',
    },
    load: async () => (await import('./ververica.ts')).ververica,
    discover: async () => (await import('./ververica-discover.ts')).discoverVerverica,
  },
  {
    name: 'cloudcasa',
    capabilities: cloudCasaCapabilitiesWith,
    settings: {
      secretField: 'the field of the answer to a create that holds the secret',
      aclResource: 'the resource that the roles of a new key are for; allresources when absent',
      orgRole: 'USER or ADMIN, the organisation role of a new key; the service chooses when absent',
    },
    load: async () => (await import('./cloudcasa.ts')).cloudCasa,
  },
  {
    name: 'kubevision',
    capabilities: () => kubeVisionCapabilities,
    authorizes: true,
    load: async () => (await import('./kubevision.ts')).kubeVision,
    login: async () => (await import('./kubevision-session.ts')).kubeVisionLogin,
  },
  {
    name: 'rest',
    capabilities: () => restCapabilities,
    capabilitiesOf: async (profile) => (await import('./rest/index.ts')).capabilitiesOf(profile),
    settings: { mapping: 'the mapping file that describes the service, see docs/rest-driver.md' },
    authorizes: true,
    load: async () => (await import('./rest/index.ts')).rest,
    check: async () => (await import('./rest/check.ts')).checkMapping,
  },
  {
    name: 'zabbix',
    capabilities: () => zabbixCapabilities,
    authorizes: true,
    load: async () => (await import('./zabbix.ts')).zabbix,
    login: async () => (await import('./zabbix-login.ts')).zabbixLogin,
  },
];

/** A driver of ours by its name, or of others by its file or package; `null` when there is none. Throws as `outsideDriver`. */
export async function driverNamed(name: string): Promise<DriverEntry | null> {
  const own = drivers.find((driver) => driver.name === name);
  if (own) return own;
  return isOutside(name) ? (await import('./outside.ts')).outsideDriver(name) : null;
}

/** What the service of a profile can do. Throws `invalid` for a profile that the driver does not understand. */
export async function capabilitiesWith(driver: DriverEntry, profile: Profile): Promise<Capabilities> {
  if (driver.capabilitiesOf) return driver.capabilitiesOf(profile);
  requireSettings(driver, profile);
  return driver.capabilities(profile);
}

/** Throws `invalid` for a setting that the driver does not know. */
function requireSettings({ name, settings = {} }: DriverEntry, given: Pick<Profile, 'settings'>): void {
  const unknown = Object.keys(given.settings ?? {}).find((setting) => !Object.hasOwn(settings, setting));
  if (unknown === undefined) return;
  const known = Object.keys(settings);
  throw new KeysError('invalid', `the driver ${name} has no setting '${unknown}'`, {
    hint: known.length > 0 ? `its settings: ${known.join(', ')}` : 'it has none',
  });
}
