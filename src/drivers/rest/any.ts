/** What a mapping can let a service do, at most; loaded with every run, so it is small. */
import type { Capabilities } from '../../keys.ts';

export const fields = [
  'description',
  'type',
  'roles',
  'permissions',
  'apiVersion',
  'expiresAt',
  'owner',
  'labels',
] as const;
export const changes = ['name', 'description', 'roles', 'permissions', 'expiresAt', 'labels'] as const;

/** Without a mapping: what the driver itself leaves to it. */
export const restCapabilities: Capabilities = {
  title: 'any REST service',
  verbs: ['create', 'list', 'get', 'edit', 'disable', 'enable', 'regenerate', 'revoke', 'verify', 'whoami'],
  fields,
  editable: changes,
  filters: [],
  pages: true,
  grace: false,
  idempotentMint: false,
  notes: [
    'what a service can do is what its mapping file says (--mapping FILE): keys profile show tells, keys profile check tries it',
  ],
};
