/** A page of the keys that a caller may see. */
import { type KeyPage, type KeyQuery, keyStatuses } from '../keys.ts';
import { type Caller, may, requireMay } from './access.ts';
import type { ServiceCore } from './core.ts';
import { cursorAfter, idOfCursor } from './ids.ts';
import * as rules from './rules.ts';
import { toKey } from './status.ts';
import type { KeySelection } from './store.ts';

const defaultPageSize = 100;
const largestPageSize = 1_000;

/** Throws `forbidden`, `invalid`. */
export async function listKeys(
  { store, uses, now }: ServiceCore,
  by: Caller,
  query: KeyQuery,
): Promise<KeyPage> {
  const namespace = query.namespace === undefined ? by.namespace : query.namespace;
  const visible = visibleTo(by, namespace);
  const { statuses, expiresBefore, unusedSince, nameGlob, cursor, pageSize = defaultPageSize } = query;
  const { owner, role, type, labels, noExpiry } = query;
  // What has been used is not to be found as unused.
  if (unusedSince !== undefined) await uses.flush();
  const size = Math.max(1, Math.min(pageSize, largestPageSize));
  const at = now();
  const rows = await store.listKeys({
    owner,
    role,
    type,
    labels,
    noExpiry,
    now: at,
    namespace,
    visible,
    // One more than the page holds tells whether there is another page.
    limit: size + 1,
    below: cursor === undefined ? null : idOfCursor(cursor),
    statuses: statuses ?? keyStatuses.filter((status) => status !== 'revoked'),
    nameGlob: nameGlob === undefined ? undefined : rules.nameGlob(nameGlob),
    expiresBefore: timeOf(expiresBefore, 'expiresBefore'),
    unusedSince: timeOf(unusedSince, 'unusedSince'),
  });
  const page = rows.slice(0, size);
  const last = rows.length > size ? page.at(-1) : undefined;
  return {
    keys: page.map((row) => toKey(uses.latest(row), at)),
    nextCursor: last ? cursorAfter(last.id) : null,
  };
}

/** Which keys a list may show; all of them for `undefined`. Throws `forbidden` where that is certain to be none. */
function visibleTo(by: Caller, namespace: string | null): KeySelection['visible'] {
  const namespaces = by.grants.flatMap((grant) => {
    const there = grant.namespace ?? namespace ?? by.namespace;
    return may(by, 'list', { namespace: there }) ? [grant.namespace] : [];
  });
  if (namespaces.includes(null)) return undefined;
  const owner = by.asOwner && may(by, 'list', { namespace: '', owner: by.owner }) ? by.owner : null;
  const named = namespaces.filter((each) => each !== null);
  const some = named.length > 0 && (namespace === null || named.includes(namespace));
  if (!some && owner === null) requireMay(by, 'list', { namespace: namespace ?? by.namespace });
  return { namespaces: named, owner };
}

function timeOf(time: string | undefined, what: string): number | undefined {
  return time === undefined ? undefined : rules.timestamp(time, what);
}
