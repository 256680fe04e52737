import { KeysError } from '../../src/errors.ts';
import type { Identity, KeyService } from '../../src/keys.ts';
import { terminalSafe } from '../../src/text.ts';

/**
 * Asks a service whether it takes the credential it was opened with, and who that is; `null` when it cannot tell.
 * Throws `unauthenticated` when it does not, and what else a request can end with.
 */
export async function identify(service: KeyService): Promise<Identity | null> {
  if (service.capabilities.verbs.includes('whoami')) return service.whoami();
  await service.list({ pageSize: 1 }).catch((error: unknown) => {
    // Known, but not allowed to list: that is an answer too.
    if (!(error instanceof KeysError && error.code === 'forbidden')) throw error;
  });
  return null;
}

/** `alice-laptop of alice (owner)`: an identity for a person. */
export function identityText({ id, name, owner, roles }: Identity): string {
  const who = name ?? id ?? 'somebody';
  const whose = owner && owner !== who ? `${who} of ${owner}` : who;
  return terminalSafe(roles.length > 0 ? `${whose} (${roles.join(', ')})` : whose);
}
