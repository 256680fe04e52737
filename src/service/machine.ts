/** The administrator of the machine that a service runs on. */
import { userInfo } from 'node:os';
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
    ...{ asOwner: true, secretHash: null, sessionId: null, steppedUp: false },
  };
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    // A container may run under a number that no user has.
    return `uid-${process.getuid?.() ?? 0}`;
  }
}
