/** Keys whose secret can be shown again: what is kept of it, and to whom it is shown. */
import { KeysError } from '../errors.ts';
import type { IssuedKey } from '../keys.ts';
import type { Secret } from '../secret.ts';
import type { Caller } from './access.ts';
import type { ServiceCore } from './core.ts';
import { keep, open } from './kept-secrets.ts';
import type { MasterKey } from './master-keys.ts';
import { toKey } from './status.ts';
import type { AuditRow, KeptSecret, KeyRow } from './store.ts';

type Core = Pick<ServiceCore, 'store' | 'settings' | 'now'>;

/** For a key that is to be recoverable. Throws `unsupported` where no such keys can be. */
export async function keepFirst(
  { store, settings }: Core,
  { id, namespace }: Pick<KeyRow, 'id' | 'namespace'>,
  secret: Secret,
): Promise<KeptSecret> {
  const masterKey = requireMasterKey(settings.masterKeys);
  if (!(await store.isRecoverable(namespace))) throw notInNamespace(namespace);
  return keep(secret, id, masterKey);
}

/**
 * For a key's next secret, which is kept as the one before was, unless the namespace allows it no more. Throws `unsupported`
 * where there is no master key to keep it under: what was promised is not dropped in silence.
 */
export async function keepNext(
  { store, settings }: Core,
  { id, namespace, recoverable }: KeyRow,
  secret: Secret,
): Promise<KeptSecret | null> {
  if (!recoverable || !(await store.isRecoverable(namespace))) return null;
  return keep(secret, id, requireMasterKey(settings.masterKeys));
}

/** To somebody who may see it and has given their password again. Throws `conflict`, `unsupported`, `forbidden`. */
export async function reveal(
  { store, settings, now }: Core,
  { steppedUp }: Caller,
  row: KeyRow,
  audit: () => AuditRow,
): Promise<IssuedKey> {
  const { id, name, namespace, recoverable, revokedAt } = row;
  if (revokedAt !== null) {
    throw new KeysError(
      'conflict',
      `the key '${name}' is revoked, and what was kept of its secret destroyed`,
    );
  }
  if (!recoverable) throw notRecoverable(row);
  if (!(await store.isRecoverable(namespace))) throw notInNamespace(namespace);
  requireMasterKey(settings.masterKeys);
  if (!steppedUp) {
    throw new KeysError('forbidden', "to see a secret again takes the user's password again", {
      hint: 'POST /v1/sessions/step-up gives a token for it; keys reveal does that',
    });
  }
  const kept = await store.findKept(id);
  if (!kept) throw notRecoverable(row);
  const secret = open(kept, settings.masterKeys);
  // Nobody sees it before it is recorded that they do.
  await store.appendAudit([audit()]);
  return { key: toKey(row, now()), secret };
}

function requireMasterKey(masterKeys: readonly MasterKey[]): MasterKey {
  const newest = masterKeys.at(-1);
  if (newest) return newest;
  throw new KeysError('unsupported', 'this service has no master key to keep secrets under', {
    hint: 'whoever runs it can give it one: keys serve --master-key-file',
  });
}

function notInNamespace(namespace: string): KeysError {
  return new KeysError(
    'unsupported',
    `the namespace '${namespace}' allows no keys with a secret to show again`,
    {
      hint: `an admin can allow them: keys namespace edit ${namespace} --recoverable`,
    },
  );
}

function notRecoverable({ id, name }: KeyRow): KeysError {
  return new KeysError(
    'unsupported',
    `the key '${name}' was not created recoverable: only a hash of its secret is kept`,
    { hint: `for a new secret: keys rotate ${id}` },
  );
}
