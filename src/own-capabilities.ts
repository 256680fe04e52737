/** What our own key service can do, over HTTP and embedded. */
import type { Capabilities } from './keys.ts';

export const ownCapabilities: Capabilities = {
  title: 'keys',
  verbs: [
    'create',
    'list',
    'get',
    'edit',
    'disable',
    'enable',
    'regenerate',
    'revoke',
    'verify',
    'whoami',
    'reveal',
    'audit',
  ],
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
    'rateLimit',
    'recoverable',
  ],
  editable: ['name', 'description', 'roles', 'permissions', 'expiresAt', 'labels', 'rateLimit'],
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
  nouns: ['users', 'namespaces', 'roles'],
  pages: true,
  grace: true,
  idempotentMint: true,
};

/** On this machine nobody has a password to give again, and a master key would lie beside the database. */
export const embeddedCapabilities: Capabilities = {
  ...ownCapabilities,
  verbs: ownCapabilities.verbs.filter((verb) => verb !== 'reveal'),
  fields: ownCapabilities.fields.filter((field) => field !== 'recoverable'),
  title: 'the embedded service',
  instead: { reveal: 'keys serve can, with a master key; for a new secret: keys rotate' },
};
