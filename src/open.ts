/** From a profile to an open service: the embedded one, or a driver over HTTP with its credential. */
import { join } from 'node:path';
import type { App } from './app.ts';
import type { Profile } from './config.ts';
import type { FoundCredential } from './credentials/index.ts';
import {
  type Check,
  capabilitiesWith,
  type Discovery,
  type DriverEntry,
  type DriverParts,
  driverNamed,
  drivers,
} from './drivers/index.ts';
import { KeysError } from './errors.ts';
import type { Http } from './http.ts';
import type { Capabilities, Key, KeyService, Verb } from './keys.ts';
import { embeddedCapabilities } from './own-capabilities.ts';
import type { Secret } from './secret.ts';

/** Where the command line says nothing, as in shell completion. */
const defaultTimeoutMs = 30_000;

/** Nobody waits longer for what is only nice to know. */
const discoveryTimeoutMs = 5_000;

/** Nor to leave, and least of all while offline. */
const endingTimeoutMs = 3_000;

/** Throws `invalid` for a profile that its driver does not understand. */
export async function capabilitiesOf(profile: Profile): Promise<Capabilities> {
  if (profile.driver === 'local') return embeddedCapabilities;
  return capabilitiesWith(await driverOf(profile), profile);
}

/** Throws `unauthenticated` when there is no credential; anybody may ask a service to verify a secret, though. */
export async function openService(app: App, profile: Profile, verb: Verb): Promise<KeyService> {
  if (profile.driver === 'local') {
    const { openLocal } = await import('./service/local.ts');
    return openLocal({ url: profile.url, now: app.now });
  }
  const [{ findCredential }] = await Promise.all([
    import('./credentials/index.ts'),
    // Needed in a moment; loaded meanwhile.
    import('./http.ts'),
  ]);
  const found = await findCredential(app, profile);
  if (found) return openFound(app, profile, found);
  if (verb !== 'verify') throw noCredential(profile);
  return openWith(app, profile, null);
}

/** The profile's service with the credential in force; what that is renewed to is kept, by one command at a time. */
export async function openFound(
  app: App,
  profile: Profile,
  { secret, source }: FoundCredential,
): Promise<KeyService> {
  const { findCredential, replaceCredential, requireReplaceable } = await import('./credentials/index.ts');
  return openWith(app, profile, secret, (exchange) =>
    alone(app, async () => {
      const kept = await findCredential(app, profile);
      if (!kept) throw noCredential(profile);
      await requireReplaceable(app, profile, source);
      const renewed = await exchange(kept.secret);
      if (renewed) await replaceCredential(app, profile, source, renewed);
      return renewed ?? kept.secret;
    }),
  );
}

/** Does the work while no other command of this user renews a login. Throws `invalid` where the lock cannot be kept. */
export async function alone<T>(app: App, work: () => Promise<T>): Promise<T> {
  const { withLock } = await import('./lock.ts');
  let begun = false;
  const run = () => {
    begun = true;
    return work();
  };
  try {
    // As long as whoever holds it may wait for the service.
    const waitMs = app.options.timeout ?? defaultTimeoutMs;
    return await withLock(join(app.paths.state, 'renewal.lock'), { signal: app.signal, waitMs }, run);
  } catch (error) {
    if (begun || error instanceof KeysError) throw error;
    throw new KeysError(
      'invalid',
      `cannot lock ${app.paths.state} to change a login that is kept: ${(error as Error).message}`,
      { hint: 'make it a directory of your own, or name another one in KEYS_STATE_DIR', cause: error },
    );
  }
}

/** Renews a credential that nobody else has yet; `keep` gets each that takes its place. */
export function renewalOf(
  profile: Profile,
  credential: Secret | null,
  keep: (renewed: Secret) => Promise<void> = async () => {},
): DriverParts['renewCredential'] {
  let latest = credential;
  return async (exchange) => {
    if (!latest) throw noCredential(profile);
    const renewed = await exchange(latest);
    if (renewed) await keep(renewed);
    latest = renewed ?? latest;
    return latest;
  };
}

/** The profile's service, over HTTP and with the credential given. */
export async function openWith(
  app: App,
  profile: Profile,
  credential: Secret | null,
  renewCredential = renewalOf(profile, credential),
): Promise<KeyService> {
  const driver = await driverOf(profile);
  const open = await driver.load();
  const know = (secret: Secret) => app.redactor.know(secret);
  if (credential) know(credential);
  const { authorizes } = driver;
  const isOwn = typeof authorizes === 'function' ? credential !== null && authorizes(credential) : authorizes;
  const http = await httpTo(app, profile, isOwn ? null : credential);
  return open(http, profile, { now: app.now, credential, know, renewCredential });
}

/** What one request for a list, which changes nothing, tells of a profile's service. Throws as `openService`. */
export async function checkService(app: App, profile: Profile): Promise<Check> {
  const driver = profile.driver === 'local' ? null : await driverOf(profile);
  if (driver?.check) {
    const { findCredential } = await import('./credentials/index.ts');
    const found = await findCredential(app, profile);
    if (!found) throw noCredential(profile);
    const know = (secret: Secret) => app.redactor.know(secret);
    const [ask, http] = await Promise.all([driver.check(), httpTo(app, profile, null)]);
    const parts = {
      now: app.now,
      credential: found.secret,
      know,
      renewCredential: async () => found.secret,
    };
    return ask(http, profile, parts).finally(() => http.close());
  }
  const service = await openService(app, profile, 'list');
  const { keys } = await service.list({}).finally(() => service.close());
  const fields = Object.keys(keys[0] ?? {}).filter((field) => field !== 'extra') as (keyof Key)[];
  const findings = fields.map((field) => {
    const found = keys.filter((key) => !isEmpty(key[field])).length;
    return { field, from: null, found, of: keys.length, note: null, wrong: false };
  });
  return { asked: 'one page of its list', keys: keys.length, findings };
}

function isEmpty(value: unknown): boolean {
  return value === null || (typeof value === 'object' && Object.keys(value).length === 0);
}

/** The driver's own login, for a service that gives a credential for a name and a password; `null` where there is none. */
export async function loginTo(app: App, profile: Profile): Promise<(() => Promise<Secret>) | null> {
  const { login } = await driverOf(profile);
  // Who has chosen how a key is sent has a key.
  if (!login || (profile.authScheme ?? 'bearer') !== 'bearer') return null;
  const [ask, http] = await Promise.all([login(), httpTo(app, profile, null)]);
  return () =>
    ask(http, app.prompt, (secret) => app.redactor.know(secret), profile).finally(() => http.close());
}

/** The credential for a user's name and password. Throws `unsupported` where a login is another. */
export async function passwordLoginTo(
  app: App,
  profile: Profile,
  user: string,
  password: Secret,
): Promise<Secret> {
  const { name, passwordLogin } = await driverOf(profile);
  if (!passwordLogin) {
    throw new KeysError('unsupported', `the driver ${name} takes no --user`, { hint: 'leave it out' });
  }
  const [ask, http] = await Promise.all([passwordLogin(), httpTo(app, profile, null)]);
  return ask(http, user, password, (secret) => app.redactor.know(secret)).finally(() => http.close());
}

/** How to end the session that a credential is at its service; `null` for one that is none, or that its driver cannot end. */
export async function sessionEnding(
  app: App,
  profile: Profile,
  credential: Secret,
): Promise<(() => Promise<void>) | null> {
  const end = await (await driverOf(profile)).endSession?.(credential);
  if (!end) return null;
  return async () => {
    const http = await httpTo(app, profile, null, endingTimeoutMs);
    const know = (secret: Secret) => app.redactor.know(secret);
    await end(http, know(credential), profile, { now: app.now, know }).finally(() => http.close());
  };
}

/** What the installation says of itself; `null` where its driver has nothing to ask. */
export async function discover(app: App, profile: Profile): Promise<Discovery | null> {
  const { discover: load } = await driverOf(profile);
  if (!load) return null;
  const [ask, http] = await Promise.all([load(), httpTo(app, profile, null, discoveryTimeoutMs)]);
  return ask(http).finally(() => http.close());
}

async function httpTo(
  app: App,
  profile: Profile,
  credential: Secret | null,
  longestMs = Number.POSITIVE_INFINITY,
): Promise<Http> {
  const { createHttp } = await import('./http.ts');
  const { options } = app;
  return createHttp({
    baseUrl: profile.url,
    credential,
    authScheme: profile.authScheme,
    timeoutMs: Math.min(options.timeout ?? defaultTimeoutMs, longestMs),
    signal: app.signal,
    redactor: app.redactor,
    trace: options.debug ? (line) => void app.io.stderr.write(`${line}\n`).catch(() => {}) : undefined,
    now: app.now,
    env: app.env,
    caFile: profile.caFile,
    clientCertFile: profile.clientCertFile,
    clientKeyFile: profile.clientKeyFile,
    insecureHttp: options.insecureHttp || profile.insecureHttp,
    loginHint: loginHintFor(app, profile),
  });
}

/** Where the credential came from, there another one has to be. */
function loginHintFor({ env }: App, profile: Profile): string {
  const given = (['KEYS_TOKEN_FILE', 'KEYS_TOKEN'] as const).find((variable) => env[variable] !== undefined);
  if (given) return `put one that works in ${given}, which goes before what profiles keep`;
  return storedHint(profile);
}

/** Where a profile's credential is put. */
function storedHint({ name, origin }: Profile): string {
  return origin === 'environment' ? 'set KEYS_TOKEN_FILE or KEYS_TOKEN' : `keys auth login -p ${name}`;
}

export function noCredential(profile: Profile): KeysError {
  const { name, url } = profile;
  return new KeysError('unauthenticated', `there is no credential for ${url} (profile ${name})`, {
    hint: storedHint(profile),
  });
}

async function driverOf(profile: Profile): Promise<DriverEntry> {
  const driver = await driverNamed(profile.driver);
  if (driver) return driver;
  throw new KeysError('invalid', `there is no driver '${profile.driver}' (profile ${profile.name})`, {
    hint: `drivers: ${drivers.map(({ name }) => name).join(', ')}, or a file or package: docs/drivers.md`,
  });
}
