/**
 * What the service keeps. A store knows rows, not rules; times are milliseconds since 1970. Each verb that changes
 * something is one transaction together with its audit row, decided on the version of the row it was given.
 */
import type { AuditEntry, AuditHead, AuditOutcome } from '../audit.ts';
import type { KeyStatus, KeyType, RateLimit, SecretState } from '../keys.ts';
import type { Take, Taken } from './rate.ts';

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
  readonly createdAt: number;
  readonly createdBy: string;
  readonly expiresAt: number | null;
  readonly disabledAt: number | null;
  readonly revokedAt: number | null;
  readonly rotatedAt: number | null;
  readonly lastUsedAt: number | null;
  readonly version: number;
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
  /** SHA-256 of the secret; the secret itself is never stored. */
  readonly hash: Uint8Array;
  readonly prefix: string | null;
  readonly lastFour: string;
  readonly createdAt: number;
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

/** Refuse when the namespace has no room for one more key that is active at `now`. */
export interface QuotaGuard {
  /** For namespaces without a quota of their own; `null`: no limit. */
  readonly defaultQuota: number | null;
  readonly now: number;
}

export type Outcome =
  | { readonly row: KeyRow; readonly refused?: undefined }
  | { readonly refused: 'changed' | 'name_taken' | 'minted' | 'overlapping' }
  | { readonly refused: 'quota'; readonly quota: number; readonly active: number };

/** What is kept of a mint under an idempotency key, itself known by its hash only. */
export interface NewMint {
  readonly hash: Uint8Array;
  readonly requestHash: Uint8Array;
  /** The id of the key that asked; `null` for the administrator of the machine. */
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

export interface FoundSecret {
  readonly row: KeyRow;
  /** When this secret of the key stops working, where that is decided. */
  readonly endsAt: number | null;
  /** Whether the answer that gave this secret can still be had again. */
  readonly sealed: boolean;
}

/** When the secrets that are replaced end. */
export type OldEnd = number | 'overlap' | { readonly takeOver: number };

export interface KeyStore {
  /** Refuses `minted` before all else, `name_taken` and `quota`. Makes the namespace when it is new. */
  insertKey(
    row: KeyRow,
    secret: NewSecret,
    quota: QuotaGuard,
    audit: AuditRow,
    mint: NewMint | null,
  ): Promise<Outcome>;
  /**
   * Refuses `changed` unless the row still has `version`, `name_taken`, and `quota` where a guard is given. A revocation
   * destroys the seals of the key and ends its overlap.
   */
  changeKey(
    id: string,
    version: number,
    changes: KeyRowChanges,
    quota: QuotaGuard | null,
    audit: AuditRow,
  ): Promise<Outcome>;
  /**
   * A new secret beside the old ones, which end at `oldEndsAt` or earlier; their seals are destroyed and an overlap is over.
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
  touchKeys(uses: ReadonlyMap<string, number>): Promise<void>;
  findKey(id: string): Promise<KeyRow | null>;
  /** By SHA-256 of the secret; also ended secrets and those of revoked keys. */
  findSecret(hash: Uint8Array): Promise<FoundSecret | null>;
  listKeys(selection: KeySelection): Promise<KeyRow[]>;
}

export interface MintStore {
  findMint(hash: Uint8Array): Promise<MintRow | null>;
  /** Keeps the row, unless there is one of the same hash; the one that is there then. */
  cancelMint(row: CancelledMint, audit: AuditRow): Promise<MintRow>;
  /** Of a mint, by its hash. Does nothing once the seal is destroyed. */
  acknowledgeMint(hash: Uint8Array, audit: AuditRow): Promise<void>;
  /** Of the mint that gave this secret, by the secret's hash. Does nothing once the seal is destroyed. */
  useMint(secretHash: Uint8Array, audit: AuditRow): Promise<void>;
  /** Destroys the seals of mints made before the one time, and forgets mints made before the other unless their overlap is open. */
  sweepMints(sealedBefore: number, madeBefore: number): Promise<void>;
}

export interface AuditStore {
  /** Adds rows to the log, all or none. */
  appendAudit(rows: readonly AuditRow[]): Promise<void>;
  auditHead(): Promise<AuditHead>;
  listAudit(selection: AuditSelection): Promise<AuditSlice>;
}

export interface LimitStore {
  /** Whether instances on other machines count here as well. */
  readonly shared: boolean;
  /**
   * Replaces what has been taken of a bucket by what `decide` makes of it, and gives that; `decide` is asked again when somebody
   * else was first, and what it grants nothing of is not kept.
   */
  changeTaken(bucket: string, now: number, decide: (before: Taken) => Take): Promise<Take>;
  /** Forgets the buckets that nothing was taken of since. */
  sweepTaken(before: number): Promise<void>;
}

export interface Store extends KeyStore, MintStore, AuditStore, LimitStore {
  /** Throws `unavailable` unless the database can be written to now. */
  check(): Promise<void>;
  /** Takes destroyed seals out of logs too, unless somebody else is reading just now. */
  scrub(): Promise<void>;
  close(): Promise<void>;
}
