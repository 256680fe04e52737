/** From a profile to an open service: the embedded one, or a driver over HTTP with its credential. */
import type { App } from './app.ts';
import { ownCapabilities } from './capabilities.ts';
import type { Profile } from './config.ts';
import { type DriverEntry, drivers } from './drivers/index.ts';
import { KeysError } from './errors.ts';
import type { Capabilities, KeyService, Verb } from './keys.ts';
import type { Secret } from './secret.ts';

/** Where the command line says nothing, as in shell completion. */
const defaultTimeoutMs = 30_000;

export function capabilitiesOf(profile: Profile): Capabilities {
  return profile.driver === 'local' ? ownCapabilities : driverOf(profile).capabilities;
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
    import('./drivers/http.ts'),
  ]);
  const found = await findCredential(app, profile);
  if (!found && verb !== 'verify') throw noCredential(profile);
  return openWith(app, profile, found?.secret ?? null);
}

/** The profile's service, over HTTP and with the credential given. */
export async function openWith(app: App, profile: Profile, credential: Secret | null): Promise<KeyService> {
  const [{ createHttp }, driver] = await Promise.all([import('./drivers/http.ts'), driverOf(profile).load()]);
  const { options } = app;
  const http = createHttp({
    baseUrl: profile.url,
    credential: credential && app.redactor.know(credential),
    authScheme: profile.authScheme,
    timeoutMs: options.timeout ?? defaultTimeoutMs,
    signal: app.signal,
    redactor: app.redactor,
    trace: options.debug ? (line) => void app.io.stderr.write(`${line}\n`).catch(() => {}) : undefined,
    now: app.now,
    env: app.env,
    caFile: profile.caFile,
    clientCertFile: profile.clientCertFile,
    clientKeyFile: profile.clientKeyFile,
    insecureHttp: options.insecureHttp || profile.insecureHttp,
  });
  return driver(http, profile);
}

export function noCredential({ name, url, origin }: Profile): KeysError {
  return new KeysError('unauthenticated', `there is no credential for ${url} (profile ${name})`, {
    hint: origin === 'environment' ? 'set KEYS_TOKEN_FILE or KEYS_TOKEN' : `keys auth login -p ${name}`,
  });
}

function driverOf(profile: Profile): DriverEntry {
  const driver = drivers.find(({ name }) => name === profile.driver);
  if (driver) return driver;
  throw new KeysError('invalid', `there is no driver '${profile.driver}' (profile ${profile.name})`, {
    hint: `drivers: ${drivers.map(({ name }) => name).join(', ')}`,
  });
}
