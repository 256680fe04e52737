/** Secrets that can be shown again: encrypted under a master key, and bound to the key and the hash they belong to. */
import { KeysError } from '../errors.ts';
import { Secret } from '../secret.ts';
import { decrypt, encrypt } from './aead.ts';
import { type MasterKey, masterKeyBytes } from './master-keys.ts';
import { hashOf } from './secrets.ts';
import type { KeptSecret, KeptSecretRow } from './store.ts';

export function keep(secret: Secret, keyId: string, masterKey: MasterKey): KeptSecret {
  const bound = boundTo(keyId, hashOf(secret), masterKey.id);
  return {
    masterKey: masterKey.id,
    sealed: encrypt(secret.reveal(), masterKeyBytes(masterKey), bound),
  };
}

/** Throws `unsupported` where the master key is not at hand, and for what was altered. */
export function open(
  { hash, keyId, masterKey: id, sealed }: KeptSecretRow,
  masterKeys: readonly MasterKey[],
): Secret {
  const masterKey = masterKeys.find((each) => each.id === id);
  if (!masterKey) {
    throw new KeysError(
      'unsupported',
      `the secret was stored under the master key ${id}, which is not here`,
      {
        hint: 'whoever runs the service can put that master key back; or a new secret: keys rotate',
      },
    );
  }
  try {
    return new Secret(decrypt(sealed, masterKeyBytes(masterKey), boundTo(keyId, hash, id)));
  } catch (cause) {
    throw new KeysError('unsupported', 'the stored secret does not open: the database was altered', {
      hint: `the key still works; for a secret that can be shown: keys rotate ${keyId}`,
      cause,
    });
  }
}

function boundTo(keyId: string, hash: Uint8Array, masterKeyId: string): Uint8Array {
  return Buffer.concat([Buffer.from(`keys kept secret v1\n${keyId}\n${masterKeyId}\n`), hash]);
}
