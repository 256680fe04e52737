/** From a profile to an open service: the embedded one, or a driver over HTTP with its credential. */
import type { App } from './app.ts';
import { ownCapabilities } from './capabilities.ts';
import type { Profile } from './config.ts';
import { type DriverEntry, drivers } from './drivers/index.ts';
import { KeysError } from './errors.ts';
import type { Capabilities, KeyService } from './keys.ts';

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
  return load(createHttp(app, profile, found?.secret ?? null), profile);
}

function driverOf(profile: Profile): DriverEntry {
  const driver = drivers.find(({ name }) => name === profile.driver);
  if (driver) return driver;
  throw new KeysError('invalid', `there is no driver '${profile.driver}' (profile ${profile.name})`, {
    hint: `drivers: ${drivers.map(({ name }) => name).join(', ')}`,
  });
}
