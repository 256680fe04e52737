/** From what was found of a credential to who asks. */
import type { Caller } from './access.ts';
import { actsAsOwner, type Grant, grantsIn, grantsOfKey, grantsOfUser, union } from './grants.ts';
import { type RoleSource, rolesBehind, rolesOf, rolesWith } from './roles.ts';
import type { FoundKey, FoundSession } from './store.ts';

/** `secretHash` is of the secret that was sent. */
export async function callerOfKey(
  source: RoleSource,
  { row, owner }: FoundKey,
  secretHash: Uint8Array | null,
): Promise<Caller> {
  const { id, name, namespace, type } = row;
  const grants = grantsOfKey(row, owner, await rolesWith(source, rolesBehind(row, owner)));
  return {
    kind: 'key',
    keyId: id,
    keyName: name,
    owner: row.owner,
    namespace,
    type,
    grants,
    roles: rolesThere(grants, namespace),
    asOwner: actsAsOwner(row),
    secretHash,
    sessionId: null,
    steppedUp: false,
  };
}

/** `key` is the one that opened the session. */
export async function callerOfSession(
  source: RoleSource,
  { session, token, owner }: FoundSession,
  key: FoundKey | null,
): Promise<Caller> {
  const own = { sessionId: session.id, steppedUp: token.kind === 'step-up' };
  if (key) return { ...(await callerOfKey(source, key, null)), kind: 'session', ...own };
  const { memberships } = owner;
  const grants = grantsOfUser(owner, await rolesWith(source, rolesOf(memberships)));
  const isThere = owner.role === 'admin' || memberships.some((each) => each.namespace === 'default');
  const namespace = isThere ? 'default' : (memberships[0]?.namespace ?? 'default');
  return {
    kind: 'session',
    keyId: null,
    keyName: null,
    owner: session.user,
    namespace,
    type: 'manage',
    grants,
    roles: rolesThere(grants, namespace),
    asOwner: true,
    secretHash: null,
    ...own,
  };
}

function rolesThere(grants: readonly Grant[], namespace: string): string[] {
  return [...union(grantsIn(grants, namespace).map(({ roles }) => roles))];
}
