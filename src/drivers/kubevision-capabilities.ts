/** What KubeVision can do, from its public source (August 2026). */
import type { Capabilities } from '../keys.ts';

export const kubeVisionCapabilities: Capabilities = {
  title: 'KubeVision',
  verbs: ['create', 'list', 'get', 'revoke'],
  fields: ['expiresAt'],
  editable: [],
  filters: [],
  pages: false,
  grace: false,
  idempotentMint: false,
  untold: ['owner', 'lastUsedAt'],
  instead: {
    edit: 'a key never changes: create another one, then keys revoke this one',
    disable: 'keys revoke ends a key for good',
    enable: 'a key cannot be disabled either; keys create makes a new one',
    regenerate: 'keys rotate creates a successor and revokes the old key',
    verify: 'use the secret in a request to KubeVision',
    whoami: 'keys list tells whether the credential works',
  },
  notes: [
    "only the caller's own keys are seen; the documentation's view of everybody's keys has no route",
    'the documentation presents keys as Authorization: ApiKey, the source accepts X-API-Key: authScheme chooses',
  ],
};
