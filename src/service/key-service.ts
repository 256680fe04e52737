/** The service as one caller sees it. */
import type { Audit } from '../audit.ts';
import { KeysError } from '../errors.ts';
import type {
  Capabilities,
  Identity,
  IssuedKey,
  Key,
  KeyChanges,
  KeyPage,
  KeyQuery,
  KeyService,
  Minting,
  MintOptions,
  NewKey,
  RegenerateOptions,
  Verification,
} from '../keys.ts';
import { ownCapabilities } from '../own-capabilities.ts';
import type { Secret } from '../secret.ts';
import type { Namespaces, Roles as RolesOfService, Users } from '../users.ts';
import { type Action, type Caller, isAdmin, may, minterOf, requireMay, requireReach } from './access.ts';
import { auditFor, type RequestContext } from './audit.ts';
import { CallerView } from './caller-view.ts';
import type { ServiceCore } from './core.ts';
import { editOf, isEmpty } from './edits.ts';
import { actsAsOwner, type Grant, grantsOfKey, type Holder, type Roles } from './grants.ts';
import { newKeyId } from './ids.ts';
import { listKeys } from './listing.ts';
import { mintingFor } from './minting.ts';
import { mintOnce, type Ticket, ticketFor } from './mints.ts';
import { rowOf } from './outcomes.ts';
import { keepFirst, keepNext, reveal } from './reveal.ts';
import { rolesBehind, rolesWith } from './roles.ts';
import * as rules from './rules.ts';
import { secretRow } from './secrets.ts';
import { statusOf, toKey } from './status.ts';
import type { KeyRow, KeyRowChanges, MintRow, NewSecret, OldEnd, OwnerRow, QuotaGuard } from './store.ts';
import { namespacesFor, rolesFor, usersFor } from './user-service.ts';
import { verifySecret } from './verifying.ts';

/** Ours always says what became of a mint, and what was done. */
export interface OwnKeyService extends KeyService {
  /** To a caller whose password was given again. Throws as `reveal` of the domain, and `forbidden` to any other caller. */
  reveal(id: string): Promise<IssuedKey>;
  /** Revokes it, and gives the key as it is then: a second look at it could fail where the revocation did not. */
  end(id: string, version?: string | null): Promise<Key>;
  readonly minting: Minting;
  readonly audit: Audit;
  readonly users: Users;
  readonly namespaces: Namespaces;
  readonly roles: RolesOfService;
}

/**
 * There is one for each request, and most requests verify: its parts are made when they are asked for. It is a class because V8 keeps
 * whatever the getters of an object literal can reach, here the whole request, until it next collects all of its memory.
 */
export class CallerKeyService implements OwnKeyService {
  readonly capabilities: Capabilities = ownCapabilities;
  readonly #view: CallerView;

  constructor(
    core: ServiceCore,
    caller: Caller | null,
    context: RequestContext = { address: null, requestId: null },
  ) {
    this.#view = new CallerView(core, caller, context);
  }

  get minting(): Minting {
    return mintingFor(this.#view);
  }

  get audit(): Audit {
    return auditFor(this.#view);
  }

  get users(): Users {
    return usersFor(this.#view);
  }

  get namespaces(): Namespaces {
    return namespacesFor(this.#view);
  }

  get roles(): RolesOfService {
    return rolesFor(this.#view);
  }

  async create(input: NewKey, options: MintOptions = {}): Promise<IssuedKey> {
    const ticket = this.#ticketOf(options, { create: input });
    return this.#mint(ticket, () => this.#create(input, ticket));
  }

  async list(query: KeyQuery): Promise<KeyPage> {
    return listKeys(this.#view.core, this.#view.caller(), query);
  }

  async get(id: string): Promise<Key> {
    return this.#shown((await this.#view.visible(id)).row);
  }

  async edit(id: string, changes: KeyChanges, version?: string | null): Promise<Key> {
    const { core } = this.#view;
    const row = await this.#view.change(id, 'edit', version, async (current, owner) => {
      const roles = await rolesWith(core, [...current.roles, ...(changes.roles ?? [])]);
      const wanted = editOf(current, changes, roles, core.now());
      if (wanted.roles || wanted.permissions) await this.#requireGift({ ...current, ...wanted }, owner);
      if (wanted.rateLimit !== undefined && !isAdmin(this.#view.caller())) throw onlyAdminsLimit();
      return isEmpty(wanted) ? null : this.#changeRow(current, 'edit', wanted);
    });
    return this.#shown(row);
  }

  async disable(id: string, version?: string | null): Promise<Key> {
    const row = await this.#view.change(id, 'disable', version, (current) =>
      current.disabledAt === null
        ? this.#changeRow(current, 'disable', { disabledAt: this.#view.core.now() })
        : null,
    );
    return this.#shown(row);
  }

  async enable(id: string, version?: string | null): Promise<Key> {
    const row = await this.#view.change(id, 'enable', version, (current) =>
      current.disabledAt === null ? null : this.#changeRow(current, 'enable', { disabledAt: null }),
    );
    return this.#shown(row);
  }

  async regenerate(id: string, options: RegenerateOptions = {}, version?: string | null): Promise<IssuedKey> {
    const { graceMs = 0, overlap = false, takeOver } = options;
    rules.requireGrace(graceMs);
    const ticket = this.#ticketOf(options, {
      regenerate: id,
      graceMs,
      overlap,
      ...(takeOver ? { takeOver } : {}),
    });
    if (overlap && !ticket) {
      throw new KeysError('invalid', 'an overlap takes an idempotency key: it is settled by it');
    }
    if (takeOver && !overlap) throw new KeysError('invalid', 'only an overlap takes another one over');
    return this.#mint(ticket, () => this.#regenerate(id, options, version, ticket));
  }

  async revoke(id: string, version?: string | null): Promise<void> {
    await this.end(id, version);
  }

  async end(id: string, version?: string | null): Promise<Key> {
    const row = await this.#view.change(id, 'revoke', version, (current) =>
      current.revokedAt === null
        ? this.#changeRow(current, 'revoke', { revokedAt: this.#view.core.now() })
        : null,
    );
    return this.#shown(row);
  }

  async reveal(id: string): Promise<IssuedKey> {
    const view = this.#view;
    const found = await view.visible(id);
    requireMay(view.caller(), 'reveal', await view.targetOf(found));
    return reveal(view.core, view.caller(), found.row, () => view.audit('reveal', id));
  }

  verify(secret: Secret): Promise<Verification> {
    return verifySecret(this.#view, secret);
  }

  async whoami(): Promise<Identity> {
    const { kind, keyId, keyName, owner, namespace, roles } = this.#view.caller();
    const name = kind === 'session' ? (keyName ?? owner) : keyName;
    return { id: keyId, name, owner, namespace, roles: [...roles] };
  }

  async close(): Promise<void> {}

  #shown(row: KeyRow): Key {
    return toKey(row, this.#view.core.now());
  }

  #quotaAt(at: number): QuotaGuard | null {
    const { settings, unlimited } = this.#view.core;
    const { quota, totalQuota } = settings;
    return unlimited ? null : { defaultQuota: quota, totalQuota, now: at };
  }

  async #changeRow(row: KeyRow, action: Action, changes: KeyRowChanges): Promise<KeyRow | 'changed'> {
    const { core } = this.#view;
    const at = core.now();
    const revived = statusOf(row, at) !== 'active' && statusOf({ ...row, ...changes }, at) === 'active';
    const outcome = await core.store.changeKey(
      row.id,
      row.version,
      changes,
      revived ? this.#quotaAt(at) : null,
      this.#view.audit(action, row.id, changes),
    );
    return rowOf(outcome, { ...row, ...changes });
  }

  /** What a key may do after an edit. */
  async #requireGift(row: KeyRow, owner: OwnerRow | null): Promise<void> {
    const by = this.#view.caller();
    const asOwner = actsAsOwner(row);
    const grants = grantsOfKey(row, owner, await rolesWith(this.#view.core, rolesBehind(row, owner)));
    requireReach(by, { owner: asOwner ? row.owner : by.owner, grants, asOwner });
  }

  #ticketOf({ idempotencyKey }: MintOptions, request: unknown): Ticket | null {
    if (idempotencyKey === undefined) return null;
    return ticketFor(idempotencyKey, minterOf(this.#view.caller()), request);
  }

  async #mint(ticket: Ticket | null, make: () => Promise<IssuedKey | null>): Promise<IssuedKey> {
    const { sweep, store } = this.#view.core;
    await sweep.run();
    return mintOnce(store, ticket, make, (earlier, mint) => this.#replay(earlier, mint));
  }

  /** The same answer, for those who may still have it. */
  async #replay(ticket: Ticket, mint: MintRow): Promise<IssuedKey> {
    const view = this.#view;
    const { key, secret } = ticket.open(mint, view.core.now());
    const found = await view.visible(key.id);
    const target = await view.targetOf(found);
    if (!may(view.caller(), 'create', target)) requireMay(view.caller(), 'regenerate', target);
    view.core.queue.add(view.audit('replay', key.id));
    // An older version may have sealed it, and known fewer fields of a key.
    return { key: { ...this.#shown(found.row), ...key }, secret };
  }

  /** Of a key that is to be made. */
  async #grantsOf(holder: Holder, known: Roles): Promise<Grant[]> {
    if (!actsAsOwner(holder)) return grantsOfKey(holder, null, known);
    const { core } = this.#view;
    const owner = holder.owner === null ? null : await core.store.findUser(holder.owner);
    return grantsOfKey(holder, owner, await rolesWith(core, rolesBehind(holder, owner)));
  }

  /** The administrator of the machine is a user from their first key on. */
  async #requireUser({ owner }: KeyRow): Promise<void> {
    const by = this.#view.caller();
    const { store, now } = this.#view.core;
    if (by.kind !== 'machine' || owner === null || owner !== by.owner) return;
    if (await store.findUser(owner)) return;
    const row = { name: owner, role: 'admin', password: null, memberships: [], disabledAt: null } as const;
    await store.insertUser(
      { ...row, createdAt: now(), version: 1 },
      this.#view.audit('user.create', owner, { role: row.role }),
    );
  }

  async #create(input: NewKey, ticket: Ticket | null): Promise<IssuedKey | null> {
    const { core } = this.#view;
    const at = core.now();
    const secret = core.newSecret();
    const minted = secretRow(secret, core.settings.secretPrefix, at);
    const row = await this.#newRow(input, minted, at);
    const kept = row.recoverable ? await keepFirst(core, row, secret) : null;
    await this.#requireUser(row);
    const issued = { key: toKey(row, at), secret };
    const { namespace, name, owner, type, roles, permissions, expiresAt } = row;
    const details = { namespace, name, owner, type, roles, permissions, expiresAt };
    const outcome = await core.store.insertKey(
      row,
      { ...minted, kept },
      this.#quotaAt(at),
      this.#view.audit('create', row.id, details),
      ticket?.record(issued, at) ?? null,
    );
    if (outcome.refused === 'minted') return null;
    rowOf(outcome, row);
    return issued;
  }

  /** Throws `forbidden` for a key that the caller may not give, and `invalid`. */
  async #newRow(input: NewKey, { prefix, lastFour }: NewSecret, at: number): Promise<KeyRow> {
    const { core } = this.#view;
    const by = this.#view.caller();
    const namespace = rules.namespaceName(input.namespace ?? by.namespace);
    // First of all: what is said of a wrong role names those that there are.
    requireMay(by, 'create', { namespace });
    const owner = input.owner === undefined ? by.owner : rules.ownerName(input.owner);
    const type = input.type ?? 'manage';
    const known = await rolesWith(core, input.roles ?? []);
    const roles = rules.roleNames(input.roles ?? [], known);
    const permissions = rules.permissionNames(input.permissions ?? []);
    const holder = { namespace, owner, type, roles, permissions };
    const asOwner = actsAsOwner(holder);
    requireReach(by, { owner, asOwner, grants: await this.#grantsOf(holder, known) });
    rules.requireFit(type, roles, permissions, known);
    if (input.rateLimit && !isAdmin(by)) throw onlyAdminsLimit();
    return {
      ...holder,
      id: newKeyId(at),
      name: rules.keyName(input.name),
      description: rules.description(input.description),
      apiVersion: rules.apiVersion(input.apiVersion, core.settings),
      prefix,
      lastFour,
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
  }

  async #regenerate(
    id: string,
    options: RegenerateOptions,
    version: string | null | undefined,
    ticket: Ticket | null,
  ): Promise<IssuedKey | null> {
    const { core } = this.#view;
    const { settings, store, now } = core;
    const secret = core.newSecret();
    let issued = null as IssuedKey | null;
    await this.#view.change(id, 'regenerate', version, async (current) => {
      const at = now();
      const minted = secretRow(secret, settings.secretPrefix, at);
      const { prefix, lastFour } = minted;
      const kept = await keepNext(core, current, secret);
      const after = {
        ...current,
        prefix,
        lastFour,
        recoverable: kept !== null,
        rotatedAt: at,
        version: current.version + 1,
      };
      const answer = { key: toKey(after, at), secret };
      const oldEndsAt = oldEndOf(options, current, at);
      const outcome = await store.replaceSecret(
        current.id,
        current.version,
        { ...minted, kept },
        oldEndsAt,
        this.#view.audit('regenerate', current.id, { lastFour, oldEndsAt }),
        ticket?.record(answer, at) ?? null,
      );
      if (outcome.refused === 'minted') return current;
      const row = rowOf(outcome, current);
      if (row !== 'changed') issued = answer;
      return row;
    });
    return issued;
  }
}

/** What an admin limits, nobody else sets free. */
function onlyAdminsLimit(): KeysError {
  return new KeysError('forbidden', 'only an admin sets the rate limit of a key');
}

/** The last day that a date can say in four digits: no end, for a secret that must have one. */
const farAway = Date.UTC(9999, 11, 31);

function oldEndOf(
  { graceMs = 0, overlap, takeOver }: RegenerateOptions,
  { expiresAt }: KeyRow,
  at: number,
): OldEnd {
  if (takeOver) return { takeOver: expiresAt ?? farAway };
  return overlap ? 'overlap' : rules.graceEnd(null, expiresAt, at, graceMs);
}
