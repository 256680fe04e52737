/** The administrator of the machine that a service runs on. */
import { userInfo } from 'node:os';
import type { Caller } from './access.ts';

export function machineAdministrator(): Caller {
  return {
    keyId: null,
    keyName: null,
    owner: userName(),
    namespace: 'default',
    type: 'manage',
    roles: ['admin'],
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
