/** The drivers there are: what each service can do, as data, and how to load the code when it is needed. */
import { ownCapabilities } from '../capabilities.ts';
import type { Profile } from '../config.ts';
import type { Capabilities, KeyService } from '../keys.ts';
import type { Http } from './http.ts';

export interface DriverEntry {
  readonly name: string;
  readonly capabilities: Capabilities;
  load(): Promise<(http: Http, profile: Profile) => KeyService>;
}

export const drivers: readonly DriverEntry[] = [
  { name: 'keys', capabilities: ownCapabilities, load: async () => (await import('./keys.ts')).keysDriver },
];
