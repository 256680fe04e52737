/**
 * What the service keeps. A store knows rows, not rules; times are milliseconds since 1970. Each verb that changes
 * something is one transaction together with its audit row, decided on the version of the row it was given.
 */
import type { AuditEntry, AuditHead, AuditOutcome } from '../audit.ts';
import type { KeyStatus, KeyType, RateLimit, SecretState } from '../keys.ts';
import type { Membership, UserRole } from '../users.ts';
import type { CountRow, KeptTake, Taken } from './rate.ts';

export interface KeyRow {
  readonly id: string;
  readonly namespace: string;
  readonly name: string;
  readonly description: string | null;
  readonly owner: string | null;
  readonly type: KeyType;
  readonly roles: readonly string[];
  readonly permissions: readonly string[];
  readonly apiVersion: string;
  readonly prefix: string | null;
  readonly lastFour: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Of this key alone, besides its user's. */
  readonly rateLimit: RateLimit | null;
  /** Whether its secret can be shown again. */
  readonly recoverable: boolean;
  readonly createdAt: number;
  readonly createdBy: string;
  readonly expiresAt: number | null;
  readonly disabledAt: number | null;
  readonly revokedAt: number | null;
  readonly rotatedAt: number | null;
  readonly lastUsedAt: number | null;
  readonly version: number;
}

/** When a key was used, in milliseconds. */
export interface KeyUse {
  readonly id: string;
  readonly at: number;
}

/** What may change in a row; `lastUsedAt` has a verb of its own, for it is no new version. */
export type KeyRowChanges = Partial<
  Pick<
    KeyRow,
    | 'name'
    | 'description'
    | 'roles'
    | 'permissions'
    | 'expiresAt'
    | 'labels'
    | 'rateLimit'
    | 'disabledAt'
    | 'revokedAt'
  >
>;

export interface NewSecret {
  /** SHA-256 of the secret. */
  readonly hash: Uint8Array;
  readonly prefix: string | null;
  readonly lastFour: string;
  readonly createdAt: number;
  /** The secret as it can be shown again, for a key that is recoverable. */
  readonly kept: KeptSecret | null;
}

/** A secret, encrypted under the master key of this id. */
export interface KeptSecret {
  readonly masterKey: string;
  readonly sealed: Uint8Array;
}

export interface KeptSecretRow extends KeptSecret {
  readonly hash: Uint8Array;
  readonly keyId: string;
}

/** What is to be recorded. */
export interface AuditRow {
  readonly time: number;
  /** The user in whose name it was done; `null` where nobody said who they are. */
  readonly actor: string | null;
  /** The name of the key that did it; `null` for a person. */
  readonly agent: string | null;
  readonly action: string;
  readonly target: string | null;
  readonly outcome: AuditOutcome;
  readonly address: string | null;
  readonly requestId: string | null;
  readonly details: Readonly<Record<string, unknown>>;
}

/** Which rows of the log. Every condition given must hold. */
export interface AuditSelection {
  readonly order: 'newest' | 'oldest';
  readonly limit: number;
  /** The row to begin at, going up or down; `null`: the first or the last. */
  readonly from: number | null;
  /** Only rows above this one. */
  readonly after: number;
  readonly since?: number;
  readonly until?: number;
  readonly actor?: string;
  /** By id or name: what a key did, and what was done to it. */
  readonly key?: string;
  readonly action?: string;
  readonly outcome?: AuditOutcome;
}

/** Some of the rows selected, possibly none, and the row to go on from; `null` when there are no more. */
export interface AuditSlice {
  readonly entries: AuditEntry[];
  readonly next: number | null;
}

/** Refuse when there is no room for one more key that is active at `now`, in the namespace or in all of them together. */
export interface QuotaGuard {
  /** For namespaces without a quota of their own; `null`: no limit. */
  readonly defaultQuota: number | null;
  /** For all namespaces together; `null`: no limit. */
  readonly totalQuota: number | null;
  readonly now: number;
}

export type Outcome =
  | { readonly row: KeyRow; readonly refused?: undefined }
  | { readonly refused: 'changed' | 'name_taken' | 'minted' | 'overlapping' | 'no_owner' | 'owner_disabled' }
  | {
      readonly refused: 'quota';
      readonly of: 'namespace' | 'service';
      readonly quota: number;
      readonly active: number;
    };

/** What is kept of a mint under an idempotency key, itself known by its hash only. */
export interface NewMint {
  readonly hash: Uint8Array;
  readonly requestHash: Uint8Array;
  /** Who asked, as `minterOf` says it: a key, a user by session, or `null` for the administrator of the machine. */
  readonly caller: string | null;
  /** The whole answer, encrypted. */
  readonly seal: Uint8Array;
  readonly createdAt: number;
}

/** A secret that works beside the one that is to replace it, and how its key is told apart by it. */
export interface OverlappedSecret {
  readonly hash: Uint8Array;
  readonly endsAt: number | null;
  readonly prefix: string | null;
  readonly lastFour: string;
  readonly rotatedAt: number | null;
}

/** A mint that happened. */
export interface MadeMint extends Omit<NewMint, 'seal'> {
  readonly state: SecretState;
  readonly keyId: string;
  readonly secretHash: Uint8Array;
  /** `null` once destroyed. */
  readonly seal: Uint8Array | null;
  /** Of an overlap: whether it is open, which secret was kept, or that something else ended it. */
  readonly overlap: 'open' | Kept | 'ended' | null;
  readonly old: OverlappedSecret | null;
}

/** A mint that will never happen. */
export interface CancelledMint extends Pick<NewMint, 'hash' | 'caller' | 'createdAt'> {
  readonly state: 'cancelled';
}

export type MintRow = MadeMint | CancelledMint;

export type Kept = 'new' | 'old';

/** Which rows, by id descending. Every condition given must hold. */
export interface KeySelection {
  readonly now: number;
  readonly limit: number;
  /** Only ids below this one. */
  readonly below: string | null;
  readonly namespace: string | null;
  /** Only keys in one of these namespaces, or of this owner; any where absent. */
  readonly visible?: { readonly namespaces: readonly string[]; readonly owner: string | null };
  readonly statuses: readonly KeyStatus[];
  readonly owner?: string;
  readonly role?: string;
  readonly type?: KeyType;
  readonly labels?: Readonly<Record<string, string>>;
  readonly nameGlob?: string;
  readonly expiresBefore?: number;
  readonly unusedSince?: number;
  readonly noExpiry?: boolean;
}

/** A key, and what its owner is now; `null` where the key belongs to nobody. */
export interface FoundKey {
  readonly row: KeyRow;
  readonly owner: OwnerRow | null;
}

export interface FoundSecret extends FoundKey {
  /** When this secret of the key stops working, where that is decided. */
  readonly endsAt: number | null;
  /** Whether the answer that gave this secret can still be had again. */
  readonly sealed: boolean;
}

/** When the secrets that are replaced end. */
export type OldEnd = number | 'overlap' | { readonly takeOver: number };

export interface KeyStore {
  /**
   * Refuses `minted` before all else, `no_owner` and `owner_disabled` unless the owner is an active user, `name_taken`, and
   * `quota` where a guard is given. Makes the namespace when it is new.
   */
  insertKey(
    row: KeyRow,
    secret: NewSecret,
    quota: QuotaGuard | null,
    audit: AuditRow,
    mint: NewMint | null,
  ): Promise<Outcome>;
  /**
   * Refuses `changed` unless the row still has `version`, `name_taken`, and `quota` where a guard is given. A revocation
   * destroys the seals of the key and what is kept of its secrets, and ends its overlap.
   */
  changeKey(
    id: string,
    version: number,
    changes: KeyRowChanges,
    quota: QuotaGuard | null,
    audit: AuditRow,
  ): Promise<Outcome>;
  /**
   * A new secret beside the old ones, which end at `oldEndsAt` or earlier; their seals and what is kept of them are destroyed and
   * an overlap is over. The key is recoverable from then on if the new secret is kept.
   * With `overlap`, which takes a mint, the secret in force goes on without an end instead. Refuses `minted` before all
   * else, `changed`, and `overlapping` when another overlap is open; with `takeOver` that one is over, its new secret is the
   * one in force, and its old one ends at the time given.
   */
  replaceSecret(
    id: string,
    version: number,
    secret: NewSecret,
    oldEndsAt: OldEnd,
    audit: AuditRow,
    mint: NewMint | null,
  ): Promise<Outcome>;
  /**
   * Ends the secret that is not kept at `endsAt` or earlier and destroys its seal; keeping the new one, every earlier secret
   * whose grace still runs ends by then, too. The key is told apart by the one that is kept. Refuses `changed` also when the overlap was ended in another way.
   */
  settleOverlap(
    mint: MadeMint,
    version: number,
    kept: Kept,
    endsAt: number,
    audit: AuditRow,
  ): Promise<Outcome>;
  /** Moves `lastUsedAt` forward; keys that are gone are passed over. */
  touchKeys(uses: readonly KeyUse[]): Promise<void>;
  findKey(id: string): Promise<FoundKey | null>;
  /** By SHA-256 of the secret; also ended secrets and those of revoked keys. */
  findSecret(hash: Uint8Array): Promise<FoundSecret | null>;
  listKeys(selection: KeySelection): Promise<KeyRow[]>;
}

export interface MintStore {
  findMint(hash: Uint8Array): Promise<MintRow | null>;
  /** Keeps the row, unless there is one of the same hash: that one, `null` when there was none. */
  cancelMint(row: CancelledMint, audit: AuditRow): Promise<MintRow | null>;
  /** Of a mint, by its hash. False, and nothing done, once the seal is destroyed. */
  acknowledgeMint(hash: Uint8Array, audit: AuditRow): Promise<boolean>;
  /** Of the mint that gave this secret, by the secret's hash. Does nothing once the seal is destroyed. */
  useMint(secretHash: Uint8Array, audit: AuditRow): Promise<void>;
  /** Destroys the seals of mints made before the one time, and forgets mints made before the other unless their overlap is open. */
  sweepMints(sealedBefore: number, madeBefore: number): Promise<void>;
}

export interface AuditStore {
  /** Adds rows to the log, all or none. */
  appendAudit(rows: readonly AuditRow[], options?: { lasting: boolean }): Promise<void>;
  auditHead(): Promise<AuditHead>;
  listAudit(selection: AuditSelection): Promise<AuditSlice>;
}

export interface LimitStore {
  /** Whether instances on other machines count here as well. */
  readonly shared: boolean;
  /**
   * Replaces what has been taken of a bucket by what `decide` makes of it, and gives that; what it grants nothing of is not kept.
   * Whoever believes to know how the bucket stands saves a look at it. `decide` is asked again when somebody else was first, and
   * before a refusal from what is only believed.
   */
  changeTaken(
    bucket: string,
    now: number,
    believed: CountRow | null,
    decide: (before: Taken) => KeptTake,
  ): Promise<{ readonly take: KeptTake; readonly row: CountRow }>;
  /** Forgets the buckets that nothing was taken of since. */
  sweepTaken(before: number): Promise<void>;
}

/** As much of a user as decides what their keys may do. Memberships of a user who is an admin do not count. */
export interface OwnerRow {
  readonly role: UserRole;
  readonly disabledAt: number | null;
  readonly memberships: readonly Membership[];
}

export interface UserRow extends OwnerRow {
  readonly name: string;
  /** As `passwords.ts` writes it; `null` for none. */
  readonly password: string | null;
  readonly createdAt: number;
  readonly version: number;
}

export type UserRowChanges = Partial<Pick<UserRow, 'role' | 'password' | 'disabledAt'>>;

export type UserOutcome =
  | { readonly row: UserRow; readonly refused?: undefined }
  | { readonly refused: 'changed' | 'name_taken' | 'last_admin' }
  | { readonly refused: 'no_namespace'; readonly namespace: string };

export interface NamespaceRow {
  readonly name: string;
  readonly quota: number | null;
  readonly recoverable: boolean;
  readonly createdAt: number;
}

export interface CountedNamespace extends NamespaceRow {
  readonly active: number;
}

export type NamespaceRowChanges = Partial<Pick<NamespaceRow, 'quota' | 'recoverable'>>;

export interface RoleRow {
  readonly name: string;
  readonly permissions: readonly string[];
}

export interface UserStore {
  /** By name. */
  listUsers(): Promise<UserRow[]>;
  findUser(name: string): Promise<UserRow | null>;
  /** Refuses `name_taken`, and `no_namespace` when one of a membership is not there. */
  insertUser(row: UserRow, audit: AuditRow): Promise<UserOutcome>;
  /**
   * Refuses `changed` unless the row still has `version`, and `last_admin` when no active admin would be left. Who is disabled
   * or gets another password has no session any more, from `now` on.
   */
  changeUser(
    name: string,
    version: number,
    changes: UserRowChanges,
    now: number,
    audit: AuditRow,
  ): Promise<UserOutcome>;
  /** `null` takes the membership away. Refuses `changed` when the user is not there, and `no_namespace`. */
  setMembership(name: string, namespace: string, role: string | null, audit: AuditRow): Promise<UserOutcome>;
  /** By name, each with its keys that are active at `now`. */
  listNamespaces(now: number): Promise<CountedNamespace[]>;
  /** False when there is one of that name. */
  insertNamespace(row: NamespaceRow, audit: AuditRow): Promise<boolean>;
  /** False when there is none of that name. */
  changeNamespace(name: string, changes: NamespaceRowChanges, audit: AuditRow): Promise<boolean>;
  /** By name. */
  listRoles(): Promise<RoleRow[]>;
  /** False when there is one of that name. */
  insertRole(row: RoleRow, createdAt: number, audit: AuditRow): Promise<boolean>;
  /** False when there is none of that name. */
  changeRole(row: RoleRow, audit: AuditRow): Promise<boolean>;
}

export interface SessionRow {
  readonly id: string;
  readonly user: string;
  /** The key that opened it, which it acts as; `null` for one that was had for a password. */
  readonly keyId: string | null;
  /** Of the secret of that key that was sent: the session ends with it. */
  readonly secretHash: Uint8Array | null;
  readonly createdAt: number;
  /** The end of the whole family of its tokens. */
  readonly expiresAt: number;
  readonly endedAt: number | null;
}

/** `step-up`: the user's password was given again for it. */
export type TokenKind = 'access' | 'refresh' | 'step-up';

/** A token of a session, known by its SHA-256 only. */
export interface TokenRow {
  readonly hash: Uint8Array;
  readonly kind: TokenKind;
  readonly expiresAt: number;
}

export interface FoundSession {
  readonly session: SessionRow;
  readonly token: TokenRow;
  readonly owner: OwnerRow;
}

export interface SessionStore {
  /** False, and nothing done, unless the user is active and `password`, as it is kept, is still theirs; `null` for none that counts. */
  insertSession(
    session: SessionRow,
    tokens: readonly TokenRow[],
    password: string | null,
    audit: AuditRow,
  ): Promise<boolean>;
  /** One more token of a session. */
  addToken(session: string, token: TokenRow, audit: AuditRow): Promise<void>;
  findSession(hash: Uint8Array): Promise<FoundSession | null>;
  /**
   * Exchanges a refresh token, once; false for one that is good no more. One that has been exchanged before ends its session. `audit`
   * is told whose it was and how it went.
   */
  renewSession(
    hash: Uint8Array,
    tokens: readonly TokenRow[],
    now: number,
    audit: (session: SessionRow, outcome: 'renewed' | 'reused') => AuditRow,
  ): Promise<boolean>;
  /** False, and nothing done, for one that has ended. */
  endSession(id: string, now: number, audit: AuditRow): Promise<boolean>;
  /** Forgets what has expired before. */
  sweepSessions(before: number): Promise<void>;
}

export interface RevealStore {
  /** Whether a namespace allows keys whose secret can be shown again; no new one does. */
  isRecoverable(namespace: string): Promise<boolean>;
  /** What is kept of the secret in force; of an overlap, of the new one. */
  findKept(keyId: string): Promise<KeptSecretRow | null>;
  /** What is kept under other master keys, by hash, beyond a hash. */
  listKept(masterKey: string, after: Uint8Array | null, limit: number): Promise<KeptSecretRow[]>;
  /** Replaces what is kept, where it is still kept as it was. */
  rekeep(changes: readonly (readonly [KeptSecretRow, KeptSecret])[]): Promise<void>;
}

export interface Store
  extends KeyStore,
    MintStore,
    AuditStore,
    LimitStore,
    UserStore,
    SessionStore,
    RevealStore {
  /** Throws `unavailable` unless the database can be written to now. */
  check(): Promise<void>;
  /** Takes destroyed seals out of logs too, unless somebody else is reading just now. */
  scrub(): Promise<void>;
  close(): Promise<void>;
}
