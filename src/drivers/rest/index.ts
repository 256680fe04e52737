/** The driver `rest`: a service as the profile's mapping file describes it. */
import { isAbsolute } from 'node:path';
import type { Profile } from '../../config.ts';
import { KeysError } from '../../errors.ts';
import type { Capabilities } from '../../keys.ts';
import { shellWord } from '../../text.ts';
import type { Driver } from '../index.ts';
import { capabilitiesFrom, settingsFrom } from './capabilities.ts';
import { restService } from './driver.ts';
import { givenAs, loadMapping } from './load.ts';
import type { Mapping } from './mapping.ts';

/** Throws as `loadMapping`, and `invalid` for a profile that names no file. */
export async function mappingOf({ name, settings }: Profile): Promise<Mapping> {
  const path = settings?.mapping;
  if (path !== undefined) {
    if (isAbsolute(path)) return loadMapping(path);
    throw new KeysError('invalid', `the mapping file of profile ${name}, ${path}, is not an absolute path`, {
      hint: `keys auth login -p ${name} --mapping ${shellWord(path)} keeps it as one`,
    });
  }
  throw new KeysError('invalid', 'the driver rest needs a mapping file that describes the service', {
    hint: `${givenAs('--mapping FILE', 'KEYS_MAPPING')}; docs/rest-driver.md shows how to write one`,
  });
}

export async function capabilitiesOf(profile: Profile): Promise<Capabilities> {
  const mapping = await mappingOf(profile);
  settingsFrom(mapping, profile.settings ?? {});
  return capabilitiesFrom(mapping);
}

export const rest: Driver = async (http, profile, parts) =>
  restService(await mappingOf(profile), http, profile, parts);
