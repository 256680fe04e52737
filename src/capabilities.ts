/** What our own key service can do, embedded or over HTTP. */
import type { Capabilities } from './keys.ts';

export const ownCapabilities: Capabilities = {
  title: 'keys',
  verbs: ['create', 'list', 'get', 'edit', 'disable', 'enable', 'regenerate', 'revoke', 'verify', 'whoami'],
  fields: [
    'namespace',
    'description',
    'type',
    'roles',
    'permissions',
    'apiVersion',
    'expiresAt',
    'owner',
    'labels',
  ],
  editable: ['name', 'description', 'roles', 'permissions', 'expiresAt', 'labels'],
  filters: [
    'namespace',
    'statuses',
    'owner',
    'role',
    'type',
    'labels',
    'nameGlob',
    'expiresBefore',
    'unusedSince',
    'noExpiry',
  ],
  pages: true,
  grace: true,
  idempotentMint: true,
};
