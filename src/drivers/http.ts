/** HTTP to a key service: one call function for every driver. */
import type { App } from '../app.ts';
import type { Profile } from '../config.ts';
import type { Secret } from '../secret.ts';

export interface Http {
  close(): Promise<void>;
}

export function createHttp(_app: App, _profile: Profile, _credential: Secret | null): Http {
  throw new Error('not there yet');
}
