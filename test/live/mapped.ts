/** A live service by its mapping file in docs/examples/rest, as a driver and as the profile that a user would add. */
import { capabilitiesFrom } from '../../src/drivers/rest/capabilities.ts';
import { loadMapping } from '../../src/drivers/rest/load.ts';
import type { KeysError } from '../../src/errors.ts';
import type { Capabilities, KeyService } from '../../src/keys.ts';
import { mappingPath, openExample } from '../fakes/rest/example.ts';

export async function capabilitiesOf(name: string): Promise<Capabilities> {
  return capabilitiesFrom(await loadMapping(mappingPath(name)));
}

/** For a machine that does other things meanwhile. */
export const patient = { timeoutMs: 120_000 };

/** Ends every key that is there, and opens the service. */
export async function openEmptied(name: string, to: Parameters<typeof openExample>[1]): Promise<KeyService> {
  const service = await openExample(name, to, { http: patient });
  const { keys } = await service.list({});
  for (const { id } of keys) {
    // Keystone on SQLite answers 500 now and then; what came of it shows when it is asked again.
    await service.revoke(id).catch(async (error: KeysError) => {
      if (error.code !== 'outcome_unknown') throw error;
      const left = (await service.list({})).keys;
      if (left.some((key) => key.id === id)) await service.revoke(id);
    });
  }
  return service;
}

/** The words of `keys profile add` that lead to the service. */
export function profileWords(
  name: string,
  url: string,
  settings: Readonly<Record<string, string>> = {},
): string {
  const set = Object.entries(settings).map(([setting, value]) => `--set ${setting}='${value}'`);
  return ['--driver rest --mapping', mappingPath(name), '--url', url, ...set].join(' ');
}
