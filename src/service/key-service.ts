/** The service as one caller sees it. */
import type { Audit } from '../audit.ts';
import { ownCapabilities } from '../capabilities.ts';
import { KeysError } from '../errors.ts';
import type {
  IssuedKey,
  Key,
  KeyChanges,
  KeyQuery,
  KeyService,
  Minting,
  MintOptions,
  Namespaces,
  NewKey,
  RegenerateOptions,
  Roles as RolesOfService,
  Users,
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
import { auditFor, auditRow, type RequestContext } from './audit.ts';
import type { AuditQueue } from './audit-queue.ts';
import { editOf, isEmpty } from './edits.ts';
import { actsAsOwner, type Grant, grantsOfKey, type Holder, type Roles } from './grants.ts';
import { newKeyId } from './ids.ts';
import type { Counter } from './limits.ts';
import { listKeys } from './listing.ts';
import { mintingFor } from './minting.ts';
import { mintOnce, type Ticket, ticketFor } from './mints.ts';
import { rowOf } from './outcomes.ts';
import { keepFirst, keepNext, reveal } from './reveal.ts';
import { rolesBehind, rolesWith } from './roles.ts';
import * as rules from './rules.ts';
import { secretRow } from './secrets.ts';
import type { Settings } from './settings.ts';
import { statusOf, toKey } from './status.ts';
import type {
  AuditRow,
  FoundKey,
  KeyRow,
  KeyRowChanges,
  MintRow,
  OldEnd,
  OwnerRow,
  QuotaGuard,
  Store,
} from './store.ts';
import type { Sweep } from './sweep.ts';
import type { Throttle } from './throttle.ts';
import { namespacesFor, rolesFor, usersFor } from './user-service.ts';
import type { Uses } from './uses.ts';
import { verifySecret } from './verifying.ts';

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
    if (found && may(caller(), 'show', await targetOf(found)))
      return { ...found, row: uses.latest(found.row) };
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
      if (after !== 'changed') return uses.latest(after);
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

  return {
    capabilities: ownCapabilities,
    // Made when they are asked for: there is one service for each request, and most requests verify.
    get minting() {
      return mintingFor({ core, caller, visible, targetOf, change, audit });
    },
    get audit() {
      return auditFor(core, caller);
    },
    get users() {
      return usersFor({ core, context, caller, audit });
    },
    get namespaces() {
      return namespacesFor({ core, context, caller, audit });
    },
    get roles() {
      return rolesFor({ core, context, caller, audit });
    },

    async create(input: NewKey, options: MintOptions = {}): Promise<IssuedKey> {
      const ticket = ticketOf(options, { create: input });
      return mint(ticket, () => create(input, ticket));
    },

    list: async (query: KeyQuery) => listKeys(core, caller(), query),

    async get(id: string): Promise<Key> {
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

    verify: (secret: Secret) => verifySecret({ core, anybody, context, targetOf }, secret),

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
