/** What a service administers besides keys. */
import type { App } from '../src/app.ts';
import { requireNoun } from '../src/capabilities.ts';
import type { AdministeredNoun, KeyService } from '../src/keys.ts';

/** Throws `unsupported` when the profile's service has no such thing; nothing has been asked of it by then. */
export async function administered<N extends AdministeredNoun>(
  app: App,
  noun: N,
): Promise<NonNullable<KeyService[N]>> {
  return requireNoun(await app.keys('list'), noun);
}
