/** The credential store of a profile as a destination: where the new secret of `keys rotate --self` goes. */
import type { App } from '../app.ts';
import { keepsCredentials } from '../config.ts';
import { accountOf, openStore } from '../credentials/index.ts';
import type { Destination } from '../destinations/index.ts';
import { KeysError } from '../errors.ts';
import { profileNamed } from '../resolve-profile.ts';
import { Secret } from '../secret.ts';

const scheme = 'credential:';

/** How the journal names the store of a profile. */
export function credentialSpec(profileName: string): string {
  return `${scheme}${profileName}`;
}

export function isCredentialSpec(spec: string): boolean {
  return spec.startsWith(scheme);
}

/**
 * Throws `invalid` for a profile whose credential `keys` does not keep itself, and for one that leads elsewhere than to `origin` by
 * now, whose secret it is to be.
 */
export async function credentialDestination(
  app: App,
  spec: string,
  origin: string | undefined,
): Promise<Destination> {
  const profile = await profileNamed(app, spec.slice(scheme.length));
  if (origin !== undefined && profile.url !== origin) {
    throw new KeysError(
      'invalid',
      `the credential of ${profile.name} is for ${profile.url} by now, and the new secret is of ${origin}`,
      { hint: 'take it back with --undo' },
    );
  }
  if (!keepsCredentials(profile.store)) {
    throw new KeysError(
      'invalid',
      `the credential of ${profile.name} is not kept by keys (store ${profile.store})`,
      {
        hint: 'keys rotate <key> --to DESTINATION delivers it where it is kept',
      },
    );
  }
  const store = await openStore(app, profile.store, profile);
  const account = accountOf(profile);
  return {
    spec,
    readable: true,
    async preflight() {
      // Whoever can read it may still not be able to write: a full disk, a directory of somebody else.
      await store.read(account);
      const trial = `${account} (trial)`;
      await store.write(trial, new Secret('trial'));
      await store.remove(trial);
    },
    async deliver(secret) {
      await store.write(account, secret).catch((error: Error) => {
        throw new KeysError(
          'undelivered',
          `the credential of ${profile.name} was not replaced: ${error.message}`,
          {
            cause: error,
          },
        );
      });
    },
    async readBack() {
      const secret = await store.read(account);
      return secret && app.redactor.know(secret);
    },
    abandon: async () => {},
  };
}
