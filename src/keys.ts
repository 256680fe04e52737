/**
 * The domain. Every command works on `KeyService` only; drivers and our own service implement it.
 * Times are RFC 3339 UTC strings, ids are strings, and what a service cannot know is `null`.
 */
import type { Audit } from './audit.ts';
import { KeysError } from './errors.ts';
import type { Secret } from './secret.ts';
import type { Namespaces, Roles, Users } from './users.ts';

export const keyStatuses = ['active', 'disabled', 'expired', 'revoked'] as const;
export type KeyStatus = (typeof keyStatuses)[number];

export const keyTypes = ['view', 'manage'] as const;
export type KeyType = (typeof keyTypes)[number];

/** At most so many requests in any stretch of so many seconds. */
export interface RateLimit {
  readonly requests: number;
  readonly perSeconds: number;
}

/** The record of a key, never its secret. Its JSON is a public contract: fields are added, never renamed. */
export interface Key {
  id: string;
  name: string;
  description: string | null;
  namespace: string | null;
  owner: string | null;
  type: KeyType | null;
  roles: string[];
  permissions: string[];
  /** The date that fixes the API a key speaks, e.g. `2026-11-01`. */
  apiVersion: string | null;
  status: KeyStatus | null;
  /** How the secret begins, and its last four characters: how a person tells secrets apart. */
  prefix: string | null;
  lastFour: string | null;
  createdAt: string | null;
  createdBy: string | null;
  expiresAt: string | null;
  lastUsedAt: string | null;
  rotatedAt: string | null;
  labels: Record<string, string>;
  /** A limit of this key's own, besides its user's; `null` where there is none. */
  rateLimit: RateLimit | null;
  /** Whether the secret can be shown again. */
  recoverable: boolean | null;
  /** Changes with every edit of the key; hand it back to an edit to be told (`changed`) when somebody else was first. */
  version: string | null;
  /** What this driver's service says beyond the fields above. */
  extra?: Record<string, unknown>;
}

/** A key of which nothing is known yet, its fields in the order in which they are shown. */
export const blankKey: Key = {
  id: '',
  name: '',
  description: null,
  namespace: null,
  owner: null,
  type: null,
  roles: [],
  permissions: [],
  apiVersion: null,
  status: null,
  prefix: null,
  lastFour: null,
  createdAt: null,
  createdBy: null,
  expiresAt: null,
  lastUsedAt: null,
  rotatedAt: null,
  labels: {},
  rateLimit: null,
  recoverable: null,
  version: null,
};

/** What a key is created from. Absent fields are the service's to choose. */
export interface NewKey {
  name: string;
  namespace?: string;
  description?: string;
  type?: KeyType;
  roles?: string[];
  permissions?: string[];
  apiVersion?: string;
  expiresAt?: string | null;
  owner?: string;
  labels?: Record<string, string>;
  rateLimit?: RateLimit | null;
  /** Keep the secret, encrypted, so that it can be shown again. */
  recoverable?: boolean;
}

/** What an edit changes: absolute values; absent fields stay, `null` clears. */
export interface KeyChanges {
  name?: string;
  description?: string | null;
  roles?: string[];
  permissions?: string[];
  expiresAt?: string | null;
  labels?: Record<string, string>;
  rateLimit?: RateLimit | null;
}

/** A key together with its secret: the answer to create and regenerate, and the only type that holds both. */
export interface IssuedKey {
  key: Key;
  secret: Secret;
}

/** Which keys to list, newest first. Every condition given must hold. */
export interface KeyFilter {
  /** `null`: every namespace the caller may see. Absent: the profile's. */
  namespace?: string | null;
  /** Absent: all but revoked ones. */
  statuses?: readonly KeyStatus[];
  owner?: string;
  role?: string;
  type?: KeyType;
  labels?: Record<string, string>;
  /** `*` stands for any characters, `?` for one. */
  nameGlob?: string;
  /** Not expired yet, but will be by this time (RFC 3339). */
  expiresBefore?: string;
  /** Last used before this time, or created before it and never used (RFC 3339). */
  unusedSince?: string;
  noExpiry?: boolean;
}

export interface KeyQuery extends KeyFilter {
  /** From the previous page's `nextCursor`; absent for the first page. */
  cursor?: string;
  /** How many keys a page may hold; the service may give fewer. */
  pageSize?: number;
}

export interface KeyPage {
  keys: Key[];
  nextCursor: string | null;
}

export type InvalidReason = 'unknown' | 'disabled' | 'expired' | 'revoked';

/** What a key may do now, in its namespace; everywhere where that is `null`. */
export interface Acts {
  namespace: string | null;
  roles: string[];
  permissions: string[];
}

export interface Verification {
  valid: boolean;
  /** `disabled` also when its owner is. */
  reason: InvalidReason | null;
  key: Key | null;
  /** Of a valid secret, where the service can tell. */
  acts?: Acts | null;
}

/** Who a credential is, as far as the service tells. */
export interface Identity {
  id: string | null;
  name: string | null;
  owner: string | null;
  namespace: string | null;
  roles: string[];
}

/** The longest an old secret may outlive its replacement. */
export const longestGraceMs = 30 * 86_400_000;

export interface MintOptions {
  /**
   * 128 random bits or more, chosen by the caller. The same idempotency key with the same request gives the same answer,
   * secret included, until the replay is gone (`secret_gone`); with another request it is `idempotency_mismatch`, and
   * `conflict` once it was cancelled. Ignored by services without `minting`.
   */
  idempotencyKey?: string;
  /** The id of the key whose place a new one takes: what no field of a new key can say of it, as far as a driver can, is as there. */
  like?: string;
}

export interface RegenerateOptions extends MintOptions {
  /** How long the old secret still works, in milliseconds; 0 ends it at once. */
  graceMs?: number;
  /**
   * Leaves the old secret working until `minting.settle` ends the overlap; takes an idempotency key, which names it there.
   * Throws `conflict` while another one is open.
   */
  overlap?: boolean;
  /**
   * With `overlap`: one that is open already, whose idempotency key is lost, is left behind. Its secrets all work until this
   * overlap is settled, and keeping the new secret ends them.
   */
  takeOver?: boolean;
}

/**
 * What became of the secret that a mint under an idempotency key gave: only a `sealed` one can be given again. An `expired`
 * one was kept its time, or ended before: the key revoked, the secret replaced.
 */
export const secretStates = ['sealed', 'used', 'acknowledged', 'expired'] as const;
export type SecretState = (typeof secretStates)[number];

export interface Mint {
  key: Key;
  secretState: SecretState;
  /** Whether the key still goes by the secret minted there: false once it has been replaced, taken back or revoked. */
  inForce: boolean;
}

/** What a service adds that mints idempotently and lets two secrets of a key overlap. Throws `forbidden` for others' mints. */
export interface Minting {
  /** How the mint under this idempotency key stands; `null` when there was none. */
  status(idempotencyKey: string): Promise<Mint | null>;
  /** Makes sure that nothing is minted under this idempotency key from now on; what was minted before, if anything. */
  cancel(idempotencyKey: string): Promise<Mint | null>;
  /** The secret has arrived: the sealed replay is destroyed. Of an unknown idempotency key, success. */
  acknowledge(idempotencyKey: string): Promise<void>;
  /**
   * Ends the overlap that a regenerate opened. Keeping the new secret ends the old one at its own expiry or after
   * `graceMs`, whichever is first; keeping the old one ends the new one at once. Of an overlap already ended the same way,
   * success, and a shorter grace cuts the time of the old secret. Throws `not_found`, and `changed` when the key's secret is
   * not the one minted there any more; keeping the new secret of a revoked key is `conflict`.
   */
  settle(idempotencyKey: string, settlement: { keep: 'new' | 'old'; graceMs?: number }): Promise<Key>;
}

/**
 * A key service, ours or somebody else's. All methods throw `KeysError`: `unauthenticated`, `forbidden`, `unavailable`,
 * `timeout`, `rate_limited`, `bad_response` or `untrusted` wherever a service is asked at all, and what each says itself.
 */
export interface KeyService {
  readonly capabilities: Capabilities;
  /** Only where `capabilities.idempotentMint`. */
  readonly minting?: Minting;
  /** Only where `audit` is one of `capabilities.verbs`. */
  readonly audit?: Audit;
  /** Each only where `capabilities.nouns` names it. */
  readonly users?: Users;
  readonly namespaces?: Namespaces;
  readonly roles?: Roles;
  /** Mints a key. Throws `conflict` (the name is taken), `quota_exceeded`, `invalid`. */
  create(key: NewKey, options?: MintOptions): Promise<IssuedKey>;
  /** One page of keys, newest first; see `allKeys`. Throws `invalid` for a bad cursor. */
  list(query: KeyQuery): Promise<KeyPage>;
  /** Throws `not_found`. */
  get(id: string): Promise<Key>;
  /** Throws `not_found`, `changed` when `version` is not the key's any more, `conflict`, `invalid`. */
  edit(id: string, changes: KeyChanges, version?: string | null): Promise<Key>;
  /** Takes a key out of service; of a disabled key, success. Throws `not_found`, `changed`, `conflict` when it is revoked. */
  disable(id: string, version?: string | null): Promise<Key>;
  /** Puts a key back; of an enabled key, success. Throws as `disable`, and `quota_exceeded`. */
  enable(id: string, version?: string | null): Promise<Key>;
  /** A new secret for the same key. Throws `not_found`, `changed`, `conflict` when it is revoked. */
  regenerate(id: string, options?: RegenerateOptions, version?: string | null): Promise<IssuedKey>;
  /** Ends a key for good; of a revoked key, success. Throws `not_found`, `changed`. */
  revoke(id: string, version?: string | null): Promise<void>;
  /**
   * The secret of a recoverable key again, to a user who gives their password again. Throws `not_found`, `forbidden`,
   * `unauthenticated` for a wrong password, `unsupported` for a key that is not recoverable.
   */
  reveal?(id: string, password: Secret): Promise<IssuedKey>;
  /** Which key a secret belongs to and whether it is good. An unusable secret is an answer, not an error. */
  verify(secret: Secret): Promise<Verification>;
  whoami(): Promise<Identity>;
  close(): Promise<void>;
}

/** What a service may administer besides keys. */
export type AdministeredNoun = 'users' | 'namespaces' | 'roles';

export type Verb = Exclude<keyof KeyService, 'capabilities' | 'minting' | AdministeredNoun | 'close'>;

/** The fields of a key that a service can keep, beyond its name. */
export type KeyField = Exclude<keyof NewKey, 'name'>;

export type FilterName = keyof KeyFilter;

/** What every key has, and not every service tells. */
export type UntoldField = 'owner' | 'expiresAt' | 'lastUsedAt';

/** What a service can do, as data beside its driver; asked before any request is sent. */
export interface Capabilities {
  /** The service's name as a person knows it. */
  readonly title: string;
  readonly verbs: readonly Verb[];
  /** What may be said of a key when it is created; what may be changed is `editable`. */
  readonly fields: readonly KeyField[];
  readonly editable: readonly (keyof KeyChanges)[];
  /** Filters the service applies itself; the CLI applies all others, over all pages. */
  readonly filters: readonly FilterName[];
  /** What it administers besides keys; nothing when absent. */
  readonly nouns?: readonly AdministeredNoun[];
  /** Whether the service gives its list in pages. */
  readonly pages: boolean;
  /** Whether `regenerate` can leave the old secret working for a while. */
  readonly grace: boolean;
  /** Whether a mint can be repeated safely, and its outcome asked for: the service has `minting`. */
  readonly idempotentMint: boolean;
  /** The most active keys the service allows an account, where that is a known constant. */
  readonly maxActiveKeys?: number;
  /** The service keeps no names: a key is called by its id. */
  readonly nameless?: boolean;
  /** How long a revoked key may still work, in milliseconds; at once when absent. */
  readonly revocationDelayMs?: number;
  /** For a verb that is missing: the nearest thing that works, as an instruction. */
  readonly instead?: Partial<Record<Verb, string>>;
  /** What the service never tells of a key, so that no list can be filtered by it. */
  readonly untold?: readonly UntoldField[];
  /** What a person should know besides, as sentences: above all what is not known about the service. */
  readonly notes?: readonly string[];
}

/** All keys, page after page; a page is asked for only when the one before has been consumed. */
export async function* allKeys(
  service: KeyService,
  filter: KeyFilter,
  pageSize?: number,
): AsyncGenerator<Key[]> {
  let cursor: string | null = null;
  const seen = new Set<string>();
  do {
    const query: KeyQuery = {
      ...filter,
      ...(cursor === null ? {} : { cursor }),
      ...(pageSize ? { pageSize } : {}),
    };
    const page: KeyPage = await service.list(query);
    yield page.keys;
    cursor = page.nextCursor;
    if (cursor !== null && seen.has(cursor)) {
      throw new KeysError(
        'bad_response',
        `${service.capabilities.title} gave the same page twice; its list has no end`,
      );
    }
    if (cursor !== null) seen.add(cursor);
  } while (cursor !== null);
}
