/** The administrator of the machine that a service runs on. */
import { userName } from '../paths.ts';
import type { Caller } from './access.ts';
import { builtInRoles } from './grants.ts';

export function machineAdministrator(owner = userName()): Caller {
  return {
    kind: 'machine',
    keyId: null,
    keyName: null,
    owner,
    namespace: 'default',
    type: 'manage',
    roles: ['admin'],
    grants: [{ namespace: null, roles: ['admin'], permissions: builtInRoles.admin }],
    asOwner: true,
    secretHash: null,
    sessionId: null,
    steppedUp: false,
  };
}
