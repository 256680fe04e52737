import type { Secret } from '../secret.ts';

/** Whether a credential of our own service is a user's session; the secrets of keys begin otherwise. */
export function isOwnSession(credential: Secret): boolean {
  return credential.reveal().startsWith('{');
}
