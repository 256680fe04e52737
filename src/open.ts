/** From a profile to an open service: the embedded one, or a driver over HTTP with its credential. */
import type { App } from './app.ts';
import { ownCapabilities } from './capabilities.ts';
import type { Profile } from './config.ts';
import { type DriverEntry, drivers } from './drivers/index.ts';
import { KeysError } from './errors.ts';
import type { Capabilities, KeyService } from './keys.ts';

/** Where the command line says nothing, as in shell completion. */
const defaultTimeoutMs = 30_000;

export function capabilitiesOf(profile: Profile): Capabilities {
  return profile.driver === 'local' ? ownCapabilities : driverOf(profile).capabilities;
}

export async function openService(app: App, profile: Profile): Promise<KeyService> {
  if (profile.driver === 'local') {
    const { openLocal } = await import('./service/local.ts');
    return openLocal({ url: profile.url, now: app.now });
  }
  const driver = driverOf(profile);
  const [{ createHttp }, { findCredential }, load] = await Promise.all([
    import('./drivers/http.ts'),
    import('./credentials/index.ts'),
    driver.load(),
  ]);
  const found = await findCredential(app, profile);
  const { options } = app;
  const http = createHttp({
    baseUrl: profile.url,
    credential: found ? app.redactor.know(found.secret) : null,
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
  return load(http, profile);
}

function driverOf(profile: Profile): DriverEntry {
  const driver = drivers.find(({ name }) => name === profile.driver);
  if (driver) return driver;
  throw new KeysError('invalid', `there is no driver '${profile.driver}' (profile ${profile.name})`, {
    hint: `drivers: ${drivers.map(({ name }) => name).join(', ')}`,
  });
}
