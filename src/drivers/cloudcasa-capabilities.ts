/** What CloudCasa can do, from its OpenAPI 3.0.0 document (2023) and its API guide. */
import type { Profile } from '../config.ts';
import { KeysError } from '../errors.ts';
import type { Capabilities } from '../keys.ts';

export const cloudCasaCapabilities: Capabilities = {
  title: 'CloudCasa',
  verbs: ['create', 'list', 'get', 'edit', 'revoke'],
  fields: ['description', 'roles', 'permissions', 'labels'],
  editable: ['name', 'description', 'roles', 'permissions', 'labels'],
  filters: [],
  pages: true,
  grace: false,
  idempotentMint: false,
  maxActiveKeys: 10,
  untold: ['lastUsedAt'],
  instead: {
    disable: 'keys revoke ends a key for good',
    enable: 'a key cannot be disabled either; keys create makes a new one',
    regenerate: 'keys rotate creates a successor and revokes the old key',
    verify: 'use the secret in a request to CloudCasa',
    whoami: 'keys list tells whether the credential works',
  },
  notes: [
    'which field of the answer holds a new secret is not published: it is looked for under the usual names, or under secretField',
    'how the service answers an eleventh key is not published: its own message is shown, with how many keys exist',
  ],
};

/** Throws `invalid` for a setting that cannot be meant. */
export function cloudCasaCapabilitiesWith(profile?: Pick<Profile, 'settings'>): Capabilities {
  const orgRole = profile?.settings?.orgRole;
  if (orgRole === undefined || orgRole === 'USER' || orgRole === 'ADMIN') return cloudCasaCapabilities;
  throw new KeysError('invalid', `the setting orgRole is USER or ADMIN, and not '${orgRole}'`);
}
