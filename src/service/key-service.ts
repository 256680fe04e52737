/** The service as one caller sees it. */
import type { Audit } from '../audit.ts';
import { ownCapabilities } from '../capabilities.ts';
import { KeysError } from '../errors.ts';
import {
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
  type NewKey,
  type RegenerateOptions,
  type Verification,
} from '../keys.ts';
import type { Secret } from '../secret.ts';
import { type Action, type Caller, isAdmin, may, requireMay, requireReach, type Target } from './access.ts';
import { auditFor, auditRow, type RequestContext, verifyRow } from './audit.ts';
import type { AuditQueue } from './audit-queue.ts';
import { actsAsOwner, grantsOfKey } from './grants.ts';
import { cursorAfter, idOfCursor, newKeyId } from './ids.ts';
import { countUnknown, countUse } from './limited.ts';
import type { Counter } from './limits.ts';
import { mintingFor } from './minting.ts';
import { mintOnce, type Ticket, ticketFor } from './mints.ts';
import * as rules from './rules.ts';
import { findSecret, isEnded, secretRow } from './secrets.ts';
import type { Settings } from './settings.ts';
import { statusOf, toKey } from './status.ts';
import type { AuditRow, KeyRow, KeyRowChanges, MintRow, OldEnd, Outcome, Store } from './store.ts';
import type { Sweep } from './sweep.ts';
import { type Uses, useSecret } from './uses.ts';

/** What every caller's service shares. */
export interface ServiceCore {
  readonly store: Store;
  readonly settings: Settings;
  readonly uses: Uses;
  readonly sweep: Sweep;
  readonly queue: AuditQueue;
  readonly counter: Counter;
  readonly now: () => number;
  readonly newSecret: () => Secret;
}

const defaultPageSize = 100;
const largestPageSize = 1_000;

/** Ours always says what became of a mint, and what was done. */
export interface OwnKeyService extends KeyService {
  readonly minting: Minting;
  readonly audit: Audit;
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

  function targetOf(row: KeyRow): Target {
    return { ...row, grants: grantsOfKey(row, null, settings.roles) };
  }

  /** A key that the caller may not even see is not there. */
  async function visible(id: string): Promise<KeyRow> {
    const row = await store.findKey(id);
    if (row && may(caller(), 'show', targetOf(row))) return row;
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
    decide: (row: KeyRow) => Promise<KeyRow | 'changed'> | null,
  ): Promise<KeyRow> {
    for (;;) {
      const row = await visible(id);
      requireMay(caller(), action, targetOf(row));
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
      const changed = decide(row);
      if (changed === null) return row;
      const after = await changed;
      if (after !== 'changed') return after;
    }
  }

  async function changeRow(row: KeyRow, action: Action, changes: KeyRowChanges): Promise<KeyRow | 'changed'> {
    const at = now();
    const revived = statusOf(row, at) !== 'active' && statusOf({ ...row, ...changes }, at) === 'active';
    const quota = revived ? { defaultQuota: settings.quota, now: at } : null;
    const outcome = await store.changeKey(
      row.id,
      row.version,
      changes,
      quota,
      audit(action, row.id, changes),
    );
    return rowOf(outcome, { ...row, ...changes });
  }

  /** What a key may do after an edit. */
  function requireGift(row: KeyRow): void {
    const asOwner = actsAsOwner(row);
    const grants = grantsOfKey(row, null, settings.roles);
    requireReach(caller(), { owner: asOwner ? row.owner : caller().owner, grants, asOwner });
  }

  function ticketOf({ idempotencyKey }: MintOptions, request: unknown): Ticket | null {
    return idempotencyKey === undefined ? null : ticketFor(idempotencyKey, caller().keyId, request);
  }

  /** The same answer, for those who may still have it. */
  async function replay(ticket: Ticket, mint: MintRow): Promise<IssuedKey> {
    const issued = ticket.open(mint, now());
    const target = targetOf(await visible(issued.key.id));
    if (!may(caller(), 'create', target)) requireMay(caller(), 'regenerate', target);
    queue.add(audit('replay', issued.key.id));
    return issued;
  }

  async function mint(ticket: Ticket | null, make: () => Promise<IssuedKey | null>): Promise<IssuedKey> {
    await sweep.run();
    return mintOnce(store, ticket, make, replay);
  }

  async function create(input: NewKey, ticket: Ticket | null): Promise<IssuedKey | null> {
    const by = caller();
    const at = now();
    const namespace = rules.namespaceName(input.namespace ?? by.namespace);
    const owner = input.owner === undefined ? by.owner : rules.ownerName(input.owner);
    const type = input.type ?? 'manage';
    const roles = rules.roleNames(input.roles ?? [], settings);
    const permissions = rules.permissionNames(input.permissions ?? []);
    const holder = { namespace, owner, type, roles, permissions };
    requireMay(by, 'create', { namespace });
    const grants = grantsOfKey(holder, null, settings.roles);
    requireReach(by, { owner, grants, asOwner: actsAsOwner(holder) });
    rules.requireFit(type, roles, permissions, settings);
    if (input.rateLimit && !isAdmin(by)) throw onlyAdminsLimit();
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
    const quota = { defaultQuota: settings.quota, now: at };
    const issued = { key: toKey(row, at), secret };
    const outcome = await store.insertKey(
      ...([row, minted, quota, audit('create', row.id, details)] as const),
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
      const after = { ...current, prefix, lastFour, rotatedAt: at, version: current.version + 1 };
      const answer = { key: toKey(after, at), secret };
      const oldEndsAt = oldEndOf(graceMs, current, at);
      const outcome = await store.replaceSecret(
        ...([current.id, current.version, minted, oldEndsAt] as const),
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
  async function judge(secret: Secret): Promise<{ row: KeyRow | null; reason: InvalidReason | null }> {
    const found = await findSecret(store, secret);
    const at = now();
    if (!found || found.row.revokedAt !== null || isEnded(found, at)) {
      await countUnknown(core, context);
      return found ? { row: found.row, reason: 'revoked' } : { row: null, reason: 'unknown' };
    }
    const { row } = found;
    await countUse(core, row, context);
    const status = statusOf(row, at);
    if (status === 'disabled' || status === 'expired') return { row, reason: status };
    await useSecret(core, found, secret, at, context);
    return { row, reason: null };
  }

  return {
    capabilities: ownCapabilities,
    minting: mintingFor({ core, caller, visible, targetOf, change, audit }),
    audit: auditFor(core, caller),

    async create(input: NewKey, options: MintOptions = {}): Promise<IssuedKey> {
      const ticket = ticketOf(options, { create: input });
      return mint(ticket, () => create(input, ticket));
    },

    async list(query: KeyQuery): Promise<KeyPage> {
      const by = caller();
      const namespace = query.namespace === undefined ? by.namespace : query.namespace;
      const seen = namespace ?? (isAdmin(by) ? null : by.namespace);
      const target = { namespace: seen ?? by.namespace };
      const ownOnly = !may(by, 'list', target);
      if (ownOnly) requireMay(by, 'list', { ...target, owner: by.owner });
      if (ownOnly && query.owner !== undefined && query.owner !== by.owner)
        return { keys: [], nextCursor: null };
      await uses.flush();
      const { statuses, expiresBefore, unusedSince, nameGlob, cursor, pageSize = defaultPageSize } = query;
      const { role, type, labels, noExpiry } = query;
      const owner = ownOnly ? (by.owner ?? undefined) : query.owner;
      const size = Math.max(1, Math.min(pageSize, largestPageSize));
      const at = now();
      const rows = await store.listKeys({
        ...{ owner, role, type, labels, noExpiry, now: at, namespace: seen },
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
      return toKey(await visible(id), now());
    },

    async edit(id: string, changes: KeyChanges, version?: string | null): Promise<Key> {
      const row = await change(id, 'edit', version, (current) => {
        const wanted = editOf(current, changes, settings, now());
        if (wanted.roles || wanted.permissions) requireGift({ ...current, ...wanted });
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

    async verify(secret: Secret): Promise<Verification> {
      const { row, reason } = await judge(secret);
      const at = now();
      context.recorded = true;
      queue.add(verifyRow(at, context, anybody, row, reason));
      if (!row || (reason === 'revoked' && !(anybody && may(anybody, 'edit', targetOf(row))))) {
        return { valid: false, reason: 'unknown', key: null };
      }
      return { valid: reason === null, reason, key: toKey(row, at) };
    },

    async whoami() {
      const { keyId, keyName, owner, namespace, roles } = caller();
      return { id: keyId, name: keyName, owner, namespace, roles: [...roles] };
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

/** What an edit really changes. Throws `invalid`. */
function editOf(row: KeyRow, changes: KeyChanges, settings: Settings, now: number): KeyRowChanges {
  const { name, roles, permissions, labels, description, expiresAt, rateLimit } = changes;
  const wanted: KeyRowChanges = {
    ...(name === undefined ? {} : { name: rules.keyName(name) }),
    ...(description === undefined ? {} : { description: rules.description(description) }),
    ...(roles === undefined ? {} : { roles: rules.roleNames(roles, settings) }),
    ...(permissions === undefined ? {} : { permissions: rules.permissionNames(permissions) }),
    ...(labels === undefined ? {} : { labels: rules.labels(labels) }),
    ...(rateLimit === undefined ? {} : { rateLimit: rules.rateLimit(rateLimit, 'the rate limit') }),
  };
  const merged = { ...row, ...wanted };
  rules.requireFit(merged.type, merged.roles, merged.permissions, settings);
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
function rowOf(outcome: Outcome, { name, namespace }: KeyRow): KeyRow | 'changed' {
  if (outcome.refused === undefined) return outcome.row;
  if (outcome.refused === 'changed') return 'changed';
  if (outcome.refused === 'overlapping') {
    throw new KeysError('conflict', `another rotation of the key '${name}' is not finished`, {
      hint: 'finish it where it was begun (keys recover); if that machine is lost: keys rotate --take-over',
    });
  }
  if (outcome.refused === 'quota') {
    const { quota, active } = outcome;
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
