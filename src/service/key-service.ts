/** The service as one caller sees it. */
import type { Audit } from '../audit.ts';
import { ownCapabilities } from '../capabilities.ts';
import { KeysError } from '../errors.ts';
import {
  type Acts,
  type InvalidReason,
  type IssuedKey,
  type Key,
  type KeyChanges,
  type KeyPage,
  type KeyQuery,
  type KeyService,
  keyStatuses,
  type Minting,
  type MintOptions,
  type Namespaces,
  type NewKey,
  type RegenerateOptions,
  type Roles as RolesOfService,
  type Users,
  type Verification,
} from '../keys.ts';
import type { Secret } from '../secret.ts';
import {
  type Action,
  type Caller,
  isAdmin,
  may,
  minterOf,
  requireMay,
  requireReach,
  type Target,
} from './access.ts';
import { auditFor, auditRow, type RequestContext, verifyRow } from './audit.ts';
import type { AuditQueue } from './audit-queue.ts';
import { actsAsOwner, type Grant, grantsOfKey, type Holder, type Roles } from './grants.ts';
import { cursorAfter, idOfCursor, newKeyId } from './ids.ts';
import { countUnknown, countUse } from './limited.ts';
import type { Counter } from './limits.ts';
import { mintingFor } from './minting.ts';
import { mintOnce, type Ticket, ticketFor } from './mints.ts';
import { keepFirst, keepNext, reveal } from './reveal.ts';
import { rolesBehind, rolesWith } from './roles.ts';
import * as rules from './rules.ts';
import { findSecret, isEnded, secretRow } from './secrets.ts';
import type { Settings } from './settings.ts';
import { statusOf, toKey } from './status.ts';
import type {
  AuditRow,
  FoundKey,
  KeyRow,
  KeyRowChanges,
  KeySelection,
  MintRow,
  OldEnd,
  Outcome,
  OwnerRow,
  QuotaGuard,
  Store,
} from './store.ts';
import type { Sweep } from './sweep.ts';
import type { Throttle } from './throttle.ts';
import { namespacesFor, rolesFor, usersFor } from './user-service.ts';
import { type Uses, useSecret } from './uses.ts';

/** What every caller's service shares. */
export interface ServiceCore {
  readonly store: Store;
  readonly settings: Settings;
  readonly uses: Uses;
  readonly sweep: Sweep;
  readonly queue: AuditQueue;
  readonly counter: Counter;
  readonly throttle: Throttle;
  readonly now: () => number;
  readonly newSecret: () => Secret;
}

const defaultPageSize = 100;
const largestPageSize = 1_000;

/** Ours always says what became of a mint, and what was done. */
export interface OwnKeyService extends KeyService {
  /** To a caller whose password was given again. Throws as `reveal` of the domain, and `forbidden` to any other caller. */
  reveal(id: string): Promise<IssuedKey>;
  readonly minting: Minting;
  readonly audit: Audit;
  readonly users: Users;
  readonly namespaces: Namespaces;
  readonly roles: RolesOfService;
}

export function keyServiceFor(
  core: ServiceCore,
  anybody: Caller | null,
  context: RequestContext = { address: null, requestId: null },
): OwnKeyService {
  const { store, settings, uses, sweep, queue, now, newSecret } = core;

  function caller(): Caller {
    if (anybody) return anybody;
    throw new KeysError('unauthenticated', 'this takes the secret of a key');
  }

  function audit(action: string, target: string | null, details: AuditRow['details'] = {}): AuditRow {
    context.recorded = true;
    return auditRow(now(), context, caller(), { action, target, details });
  }

  async function targetOf({ row, owner }: FoundKey): Promise<Target> {
    const roles = await rolesWith(core, rolesBehind(row, owner));
    return { ...row, grants: grantsOfKey(row, owner, roles) };
  }

  /** A key that the caller may not even see is not there. */
  async function visible(id: string): Promise<FoundKey> {
    const found = await store.findKey(id);
    if (found && may(caller(), 'show', await targetOf(found))) return found;
    throw new KeysError('not_found', `there is no key with the id '${id}'`);
  }

  /**
   * Decides on a row and changes it if it is still that row, as often as somebody else was first. `change` gives `null` when
   * there is nothing to do.
   */
  async function change(
    id: string,
    action: Action,
    version: string | null | undefined,
    decide: (row: KeyRow, owner: OwnerRow | null) => Promise<KeyRow | 'changed' | null> | null,
  ): Promise<KeyRow> {
    for (;;) {
      const found = await visible(id);
      const { row, owner } = found;
      requireMay(caller(), action, await targetOf(found));
      if (version !== null && version !== undefined && version !== String(row.version)) {
        throw new KeysError('changed', `the key '${row.name}' has changed meanwhile`, {
          hint: 'look at it again, then repeat the change',
        });
      }
      if (row.revokedAt !== null && action !== 'revoke') {
        throw new KeysError('conflict', `the key '${row.name}' is revoked, and that is for good`, {
          hint: 'create a new key instead',
        });
      }
      const after = await decide(row, owner);
      if (after === null) return row;
      if (after !== 'changed') return after;
    }
  }

  function quotaAt(at: number): QuotaGuard {
    return { defaultQuota: settings.quota, totalQuota: settings.totalQuota, now: at };
  }

  async function changeRow(row: KeyRow, action: Action, changes: KeyRowChanges): Promise<KeyRow | 'changed'> {
    const at = now();
    const revived = statusOf(row, at) !== 'active' && statusOf({ ...row, ...changes }, at) === 'active';
    const outcome = await store.changeKey(
      row.id,
      row.version,
      changes,
      revived ? quotaAt(at) : null,
      audit(action, row.id, changes),
    );
    return rowOf(outcome, { ...row, ...changes });
  }

  /** What a key may do after an edit. */
  async function requireGift(row: KeyRow, owner: OwnerRow | null): Promise<void> {
    const asOwner = actsAsOwner(row);
    const grants = grantsOfKey(row, owner, await rolesWith(core, rolesBehind(row, owner)));
    requireReach(caller(), { owner: asOwner ? row.owner : caller().owner, grants, asOwner });
  }

  function ticketOf({ idempotencyKey }: MintOptions, request: unknown): Ticket | null {
    return idempotencyKey === undefined ? null : ticketFor(idempotencyKey, minterOf(caller()), request);
  }

  /** The same answer, for those who may still have it. */
  async function replay(ticket: Ticket, mint: MintRow): Promise<IssuedKey> {
    const issued = ticket.open(mint, now());
    const target = await targetOf(await visible(issued.key.id));
    if (!may(caller(), 'create', target)) requireMay(caller(), 'regenerate', target);
    queue.add(audit('replay', issued.key.id));
    return issued;
  }

  async function mint(ticket: Ticket | null, make: () => Promise<IssuedKey | null>): Promise<IssuedKey> {
    await sweep.run();
    return mintOnce(store, ticket, make, replay);
  }

  /** Of a key that is to be made. */
  async function grantsOf(holder: Holder, known: Roles): Promise<Grant[]> {
    if (!actsAsOwner(holder)) return grantsOfKey(holder, null, known);
    const owner = holder.owner === null ? null : await store.findUser(holder.owner);
    return grantsOfKey(holder, owner, await rolesWith(core, rolesBehind(holder, owner)));
  }

  /** The administrator of the machine is a user from the first key on. */
  async function requireUser(name: string): Promise<void> {
    if (await store.findUser(name)) return;
    const row = { name, role: 'admin', password: null, memberships: [], disabledAt: null } as const;
    await store.insertUser(
      { ...row, createdAt: now(), version: 1 },
      audit('user.create', name, { role: row.role }),
    );
  }

  async function create(input: NewKey, ticket: Ticket | null): Promise<IssuedKey | null> {
    const by = caller();
    const at = now();
    const namespace = rules.namespaceName(input.namespace ?? by.namespace);
    const owner = input.owner === undefined ? by.owner : rules.ownerName(input.owner);
    const type = input.type ?? 'manage';
    const known = await rolesWith(core, input.roles ?? []);
    const roles = rules.roleNames(input.roles ?? [], { roles: known });
    const permissions = rules.permissionNames(input.permissions ?? []);
    const holder = { namespace, owner, type, roles, permissions };
    requireMay(by, 'create', { namespace });
    const asOwner = actsAsOwner(holder);
    requireReach(by, { owner, asOwner, grants: await grantsOf(holder, known) });
    rules.requireFit(type, roles, permissions, { roles: known });
    if (input.rateLimit && !isAdmin(by)) throw onlyAdminsLimit();
    if (by.kind === 'machine' && owner !== null && owner === by.owner) await requireUser(owner);
    const secret = newSecret();
    const minted = secretRow(secret, settings.secretPrefix, at);
    const row: KeyRow = {
      id: newKeyId(at),
      namespace,
      name: rules.keyName(input.name),
      description: rules.description(input.description),
      owner,
      type,
      roles,
      permissions,
      apiVersion: rules.apiVersion(input.apiVersion, settings),
      prefix: minted.prefix,
      lastFour: minted.lastFour,
      labels: rules.labels(input.labels ?? {}),
      rateLimit: rules.rateLimit(input.rateLimit, 'the rate limit'),
      recoverable: input.recoverable === true,
      createdAt: at,
      createdBy: by.owner ?? by.keyName ?? '',
      expiresAt: rules.expiry(input.expiresAt, at),
      disabledAt: null,
      revokedAt: null,
      rotatedAt: null,
      lastUsedAt: null,
      version: 1,
    };
    const { name, expiresAt } = row;
    const details = { namespace, name, owner, type, roles, permissions, expiresAt };
    const issued = { key: toKey(row, at), secret };
    const kept = row.recoverable ? await keepFirst(core, row, secret) : null;
    const outcome = await store.insertKey(
      ...([row, { ...minted, kept }, quotaAt(at), audit('create', row.id, details)] as const),
      ticket?.record(issued, at) ?? null,
    );
    if (outcome.refused === 'minted') return null;
    rowOf(outcome, row);
    return issued;
  }

  async function regenerate(
    id: string,
    graceMs: number | 'overlap' | 'take over',
    version: string | null | undefined,
    ticket: Ticket | null,
  ): Promise<IssuedKey | null> {
    const secret = newSecret();
    let issued = null as IssuedKey | null;
    await change(id, 'regenerate', version, async (current) => {
      const at = now();
      const minted = secretRow(secret, settings.secretPrefix, at);
      const { prefix, lastFour } = minted;
      const kept = await keepNext(core, current, secret);
      const { version: before } = current;
      const after = {
        ...current,
        ...{ prefix, lastFour, recoverable: kept !== null, rotatedAt: at, version: before + 1 },
      };
      const answer = { key: toKey(after, at), secret };
      const oldEndsAt = oldEndOf(graceMs, current, at);
      const outcome = await store.replaceSecret(
        ...([current.id, before, { ...minted, kept }, oldEndsAt] as const),
        audit('regenerate', current.id, { lastFour, oldEndsAt }),
        ticket?.record(answer, at) ?? null,
      );
      if (outcome.refused === 'minted') return current;
      const row = rowOf(outcome, current);
      if (row !== 'changed') issued = answer;
      return row;
    });
    return issued;
  }

  /** Whose secret it is, and what is wrong with it. */
  async function judge(secret: Secret): Promise<{ found: FoundKey | null; reason: InvalidReason | null }> {
    const found = await findSecret(store, secret);
    const at = now();
    if (!found || found.row.revokedAt !== null || isEnded(found, at)) {
      await countUnknown(core, context);
      return { found, reason: found ? 'revoked' : 'unknown' };
    }
    const { row, owner } = found;
    await countUse(core, row, context);
    const status = owner && owner.disabledAt !== null ? 'disabled' : statusOf(row, at);
    if (status === 'disabled' || status === 'expired') return { found, reason: status };
    await useSecret(core, found, secret, at, context);
    return { found, reason: null };
  }

  return {
    capabilities: ownCapabilities,
    minting: mintingFor({ core, caller, visible, targetOf, change, audit }),
    audit: auditFor(core, caller),
    users: usersFor({ core, context, caller, audit }),
    namespaces: namespacesFor({ core, context, caller, audit }),
    roles: rolesFor({ core, context, caller, audit }),

    async create(input: NewKey, options: MintOptions = {}): Promise<IssuedKey> {
      const ticket = ticketOf(options, { create: input });
      return mint(ticket, () => create(input, ticket));
    },

    async list(query: KeyQuery): Promise<KeyPage> {
      const by = caller();
      const namespace = query.namespace === undefined ? by.namespace : query.namespace;
      const visible = visibleTo(by, namespace);
      await uses.flush();
      const { statuses, expiresBefore, unusedSince, nameGlob, cursor, pageSize = defaultPageSize } = query;
      const { owner, role, type, labels, noExpiry } = query;
      const size = Math.max(1, Math.min(pageSize, largestPageSize));
      const at = now();
      const rows = await store.listKeys({
        ...{ owner, role, type, labels, noExpiry, now: at, namespace, visible },
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
      return { keys: page.map((row) => toKey(row, at)), nextCursor: last ? cursorAfter(last.id) : null };
    },

    async get(id: string): Promise<Key> {
      await uses.flush();
      return toKey((await visible(id)).row, now());
    },

    async edit(id: string, changes: KeyChanges, version?: string | null): Promise<Key> {
      const row = await change(id, 'edit', version, async (current, owner) => {
        const roles = await rolesWith(core, [...current.roles, ...(changes.roles ?? [])]);
        const wanted = editOf(current, changes, roles, now());
        if (wanted.roles || wanted.permissions) await requireGift({ ...current, ...wanted }, owner);
        if (wanted.rateLimit !== undefined && !isAdmin(caller())) throw onlyAdminsLimit();
        return isEmpty(wanted) ? null : changeRow(current, 'edit', wanted);
      });
      return toKey(row, now());
    },

    async disable(id: string, version?: string | null): Promise<Key> {
      const row = await change(id, 'disable', version, (current) =>
        current.disabledAt === null ? changeRow(current, 'disable', { disabledAt: now() }) : null,
      );
      return toKey(row, now());
    },

    async enable(id: string, version?: string | null): Promise<Key> {
      const row = await change(id, 'enable', version, (current) =>
        current.disabledAt === null ? null : changeRow(current, 'enable', { disabledAt: null }),
      );
      return toKey(row, now());
    },

    async regenerate(
      id: string,
      options: RegenerateOptions = {},
      version?: string | null,
    ): Promise<IssuedKey> {
      const { graceMs = 0, overlap = false, takeOver } = options;
      rules.requireGrace(graceMs);
      const ticket = ticketOf(options, {
        ...{ regenerate: id, graceMs, overlap },
        ...(takeOver ? { takeOver } : {}),
      });
      if (overlap && !ticket) {
        throw new KeysError('invalid', 'an overlap takes an idempotency key: it is settled by it');
      }
      if (takeOver && !overlap) throw new KeysError('invalid', 'only an overlap takes another one over');
      const old = takeOver ? 'take over' : overlap ? 'overlap' : graceMs;
      return mint(ticket, () => regenerate(id, old, version, ticket));
    },

    async revoke(id: string, version?: string | null): Promise<void> {
      await change(id, 'revoke', version, (current) =>
        current.revokedAt === null ? changeRow(current, 'revoke', { revokedAt: now() }) : null,
      );
    },

    async reveal(id: string): Promise<IssuedKey> {
      const found = await visible(id);
      requireMay(caller(), 'reveal', await targetOf(found));
      return reveal(core, caller(), found.row, () => audit('reveal', id));
    },

    async verify(secret: Secret): Promise<Verification> {
      const { found, reason } = await judge(secret);
      const at = now();
      context.recorded = true;
      queue.add(verifyRow(at, context, anybody, found?.row ?? null, reason));
      const isTold =
        reason !== 'revoked' || (anybody && found && may(anybody, 'edit', await targetOf(found)));
      if (!found || !isTold) return { valid: false, reason: 'unknown', key: null };
      const key = toKey(found.row, at);
      if (reason !== null) return { valid: false, reason, key };
      const { row, owner } = found;
      const grants = grantsOfKey(row, owner, await rolesWith(core, rolesBehind(row, owner)));
      return { valid: true, reason, key, acts: actsOf(grants, row.namespace) };
    },

    async whoami() {
      const { kind, keyId, keyName, owner, namespace, roles } = caller();
      const name = kind === 'session' ? (keyName ?? owner) : keyName;
      return { id: keyId, name, owner, namespace, roles: [...roles] };
    },

    async close() {},
  };
}

/** What an admin limits, nobody else sets free. */
function onlyAdminsLimit(): KeysError {
  return new KeysError('forbidden', 'only an admin sets the rate limit of a key');
}

/** The last day that a date can say in four digits: no end, for a secret that must have one. */
const farAway = Date.UTC(9999, 11, 31);

function oldEndOf(graceMs: number | 'overlap' | 'take over', { expiresAt }: KeyRow, at: number): OldEnd {
  if (graceMs === 'overlap') return graceMs;
  if (graceMs === 'take over') return { takeOver: expiresAt ?? farAway };
  return rules.graceEnd(null, expiresAt, at, graceMs);
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

/** What grants come to in one namespace. */
function actsOf(grants: readonly Grant[], namespace: string): Acts {
  const there = grants.filter((grant) => grant.namespace === null || grant.namespace === namespace);
  return {
    namespace: there.some((grant) => grant.namespace === null) ? null : namespace,
    roles: [...new Set(there.flatMap(({ roles }) => roles))],
    permissions: [...new Set(there.flatMap(({ permissions }) => permissions))],
  };
}

/** What an edit really changes. Throws `invalid`. */
function editOf(row: KeyRow, changes: KeyChanges, known: Roles, now: number): KeyRowChanges {
  const { name, roles, permissions, labels, description, expiresAt, rateLimit } = changes;
  const wanted: KeyRowChanges = {
    ...(name === undefined ? {} : { name: rules.keyName(name) }),
    ...(description === undefined ? {} : { description: rules.description(description) }),
    ...(roles === undefined ? {} : { roles: rules.roleNames(roles, { roles: known }) }),
    ...(permissions === undefined ? {} : { permissions: rules.permissionNames(permissions) }),
    ...(labels === undefined ? {} : { labels: rules.labels(labels) }),
    ...(rateLimit === undefined ? {} : { rateLimit: rules.rateLimit(rateLimit, 'the rate limit') }),
  };
  const merged = { ...row, ...wanted };
  rules.requireFit(merged.type, merged.roles, merged.permissions, { roles: known });
  const given = Object.entries(wanted).filter(
    ([field, value]) => JSON.stringify(value) !== JSON.stringify(row[field as keyof KeyRow]),
  );
  const ms = expiresAt === undefined ? row.expiresAt : expiryOf(expiresAt, row, now);
  return { ...Object.fromEntries(given), ...(ms === row.expiresAt ? {} : { expiresAt: ms }) };
}

/** The expiry a key has already may be sent back, also when it has passed. */
function expiryOf(time: string | null, row: KeyRow, now: number): number | null {
  if (time !== null && rules.timestamp(time, 'the expiry') === row.expiresAt) return row.expiresAt;
  return rules.expiry(time, now);
}

function isEmpty(changes: KeyRowChanges): boolean {
  return Object.keys(changes).length === 0;
}

function timeOf(time: string | undefined, what: string): number | undefined {
  return time === undefined ? undefined : rules.timestamp(time, what);
}

/** Throws `conflict` and `quota_exceeded`. */
function rowOf(outcome: Outcome, { name, namespace, owner }: KeyRow): KeyRow | 'changed' {
  if (outcome.refused === undefined) return outcome.row;
  if (outcome.refused === 'changed') return 'changed';
  if (outcome.refused === 'overlapping') {
    throw new KeysError('conflict', `another rotation of the key '${name}' is not finished`, {
      hint: 'finish it where it was begun (keys recover); if that machine is lost: keys rotate --take-over',
    });
  }
  if (outcome.refused === 'no_owner') {
    throw new KeysError('invalid', `there is no user '${owner}'`, { hint: `keys user create ${owner}` });
  }
  if (outcome.refused === 'owner_disabled') {
    throw new KeysError('conflict', `the user '${owner}' is disabled`, { hint: `keys user enable ${owner}` });
  }
  if (outcome.refused === 'quota') {
    const { of, quota, active } = outcome;
    if (quota === 0) throw notOnThisPlan(of, namespace);
    if (of === 'service') {
      throw new KeysError('quota_exceeded', `this service may have ${quota} active keys and has ${active}`, {
        hint: 'revoke or disable keys that are not needed: keys list --all-namespaces --unused-for 90d',
      });
    }
    throw new KeysError(
      'quota_exceeded',
      `the namespace '${namespace}' may have ${quota} active keys and has ${active}`,
      { hint: 'revoke or disable keys that are not needed: keys list --unused-for 90d' },
    );
  }
  throw new KeysError('conflict', `there is a key named '${name}' in the namespace '${namespace}' already`, {
    hint: 'choose another name, or revoke that key first',
  });
}

function notOnThisPlan(of: 'namespace' | 'service', namespace: string): KeysError {
  if (of === 'service') {
    return new KeysError('quota_exceeded', 'API keys are not on the plan of this service', {
      hint: 'whoever runs it decides that: keys serve --total-quota',
    });
  }
  return new KeysError('quota_exceeded', `API keys are not on the plan of the namespace '${namespace}'`, {
    hint: `an admin can change that: keys namespace edit ${namespace} --quota 10`,
  });
}
