/** Where the administrator's credential for a profile is. */
import type { App } from '../app.ts';
import type { Profile } from '../config.ts';
import type { Secret } from '../secret.ts';

export interface FoundCredential {
  readonly secret: Secret;
  /** Where it came from, for a person: `KEYS_TOKEN`, `keychain`, … */
  readonly source: string;
}

/** The credential in force: `KEYS_TOKEN_FILE`, `KEYS_TOKEN`, then what the profile says; `null` when there is none. */
export async function findCredential(_app: App, _profile: Profile): Promise<FoundCredential | null> {
  return null;
}
