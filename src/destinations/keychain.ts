import { type Keychain, openKeychain } from '../keychain.ts';
import { Secret } from '../secret.ts';
import { failing, invalidTarget } from './failure.ts';
import type { DestinationKind } from './index.ts';

/** Not the service of the administrator's own credentials: no name chosen here can meet one of those. */
const service = 'keys-secrets';

/** The end of the name of an entry that is made and removed to see whether that works. */
const trial = ' (trial)';

export const keychain: DestinationKind = {
  name: 'keychain',
  syntax: 'keychain:NAME',
  summary: "an entry in the operating system's keychain",
  example: 'keys create laptop --to keychain:shop-admin',
  detail:
    `Sets the entry with the service ${service} and the account NAME: read it with secret-tool lookup service ${service} username NAME on Linux ` +
    `(Secret Service), or security find-generic-password -s ${service} -a NAME -w on macOS. Whether the keychain is unlocked and takes a secret is tried ` +
    'with an entry of its own, which is removed again, before anything is minted. At most 1,279 characters.',
  readable: true,
  open(target, { env, signal, redactor }) {
    if (!/^[\x21-\x7e]([\x20-\x7e]{0,126}[\x21-\x7e])?$/.test(target)) {
      throw invalidTarget(keychain, 'keychain: needs a name of at most 128 printable ASCII characters');
    }
    if (target.endsWith(trial)) {
      throw invalidTarget(
        keychain,
        `keychain: names that end in '${trial}' are those that a delivery is tried with`,
      );
    }
    const store: Keychain = openKeychain({ env, signal, service, elsewhere: 'use another --to' });
    return {
      spec: `keychain:${target}`,
      readable: true,
      async preflight() {
        const probe = target + trial;
        await store.write(probe, new Secret('trial'));
        await store.remove(probe);
      },
      async deliver(secret) {
        await failing('the keychain', () => store.write(target, secret));
      },
      async readBack() {
        const secret = await store.read(target);
        return secret && redactor.know(secret);
      },
      abandon: async () => {},
    };
  },
};
