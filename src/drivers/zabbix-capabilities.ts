/** What Zabbix can do with API tokens, from requests to 6.0.14 and the source of its web interface. */
import type { Capabilities } from '../keys.ts';

export const zabbixCapabilities: Capabilities = {
  title: 'Zabbix',
  verbs: ['create', 'list', 'get', 'edit', 'disable', 'enable', 'regenerate', 'revoke', 'verify', 'whoami'],
  fields: ['description', 'owner', 'expiresAt'],
  editable: ['name', 'description', 'expiresAt'],
  filters: [],
  pages: false,
  grace: false,
  idempotentMint: false,
  notes: [
    'a token acts with the rights of its owner; only a super admin sees and makes those of others',
    'a token is made first and given its secret in a second call; keys recover ends one that was left without',
    'expiry is kept to the second, and not beyond 2038-01-19',
  ],
};
