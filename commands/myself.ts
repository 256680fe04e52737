/** The key that this command itself works with is not to be ended by accident. */
import { KeysError } from '../src/errors.ts';
import type { Key, KeyService } from '../src/keys.ts';
import { called } from './key-noun.ts';

/** Throws `conflict` when one of the keys is the credential in use. */
export async function requireOthers(service: KeyService, keys: readonly Key[], hint: string): Promise<void> {
  if (keys.length === 0 || !service.capabilities.verbs.includes('whoami')) return;
  const { id } = await service.whoami();
  const myself = keys.find((key) => key.id === id);
  if (myself)
    throw new KeysError('conflict', `${called(myself)} is the credential this command works with`, { hint });
}
