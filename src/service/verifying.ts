/** Whether a secret is good, and what its key may do. */
import type { Acts, InvalidReason, Verification } from '../keys.ts';
import type { Secret } from '../secret.ts';
import { may } from './access.ts';
import { verifyRow } from './audit.ts';
import type { CallerView } from './caller-view.ts';
import { type Grant, grantsIn, grantsOfKey, union } from './grants.ts';
import { countUnusable, countUse } from './limited.ts';
import { rolesBehind, rolesWith } from './roles.ts';
import { findSecret, isEnded } from './secrets.ts';
import { statusOf, toKey } from './status.ts';
import type { FoundKey } from './store.ts';
import { useSecret } from './uses.ts';

/** An unusable secret is an answer, not an error. Throws `rate_limited`, `unavailable`. */
export async function verifySecret(view: CallerView, secret: Secret): Promise<Verification> {
  const { core, asker, context } = view;
  const { found, reason } = await judge(view, secret);
  const at = core.now();
  context.recorded = true;
  core.queue.add(verifyRow(at, context, asker, found?.row ?? null, reason));
  const isTold = reason !== 'revoked' || (asker && found && may(asker, 'edit', await view.targetOf(found)));
  if (!found || !isTold) return { valid: false, reason: 'unknown', key: null };
  const key = toKey(core.uses.latest(found.row), at);
  if (reason !== null) return { valid: false, reason, key };
  const { row, owner } = found;
  const grants = grantsOfKey(row, owner, await rolesWith(core, rolesBehind(row, owner)));
  return { valid: true, reason, key, acts: actsOf(grants, row.namespace) };
}

/** Whose secret it is, and what is wrong with it. */
async function judge(
  { core, context }: CallerView,
  secret: Secret,
): Promise<{ found: FoundKey | null; reason: InvalidReason | null }> {
  const found = await findSecret(core.store, secret);
  const at = core.now();
  if (!found || found.row.revokedAt !== null || isEnded(found, at)) {
    await countUnusable(core, context);
    return { found, reason: found ? 'revoked' : 'unknown' };
  }
  const { row, owner } = found;
  const status = owner && owner.disabledAt !== null ? 'disabled' : statusOf(row, at);
  if (status === 'disabled' || status === 'expired') {
    // As with it as a credential: whoever has only that must not use up what its owner may ask.
    await countUnusable(core, context);
    return { found, reason: status };
  }
  await countUse(core, row, context);
  await useSecret(core, found, secret, at, context);
  return { found, reason: null };
}

/** What grants come to in one namespace. */
function actsOf(grants: readonly Grant[], namespace: string): Acts {
  const there = grantsIn(grants, namespace);
  return {
    namespace: there.some((grant) => grant.namespace === null) ? null : namespace,
    roles: [...union(there.map(({ roles }) => roles))],
    permissions: [...union(there.map(({ permissions }) => permissions))],
  };
}
