/**
 * What the service keeps. A store knows rows, not rules; times are milliseconds since 1970. Each verb that changes
 * something is one transaction together with its audit row, decided on the version of the row it was given.
 */
import type { KeyStatus, KeyType } from '../keys.ts';

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
    'name' | 'description' | 'roles' | 'permissions' | 'expiresAt' | 'labels' | 'disabledAt' | 'revokedAt'
  >
>;

export interface NewSecret {
  /** SHA-256 of the secret; the secret itself is never stored. */
  readonly hash: Uint8Array;
  readonly prefix: string | null;
  readonly lastFour: string;
  readonly createdAt: number;
}

export interface AuditRow {
  readonly time: number;
  /** The user in whose name it was done, and the key that did it (`null`: the administrator of the machine). */
  readonly actor: string;
  readonly agent: string | null;
  readonly action: string;
  readonly target: string;
  readonly requestId: string | null;
  readonly details: Readonly<Record<string, unknown>>;
}

/** Refuse when the namespace has no room for one more key that is active at `now`. */
export interface QuotaGuard {
  /** For namespaces without a quota of their own; `null`: no limit. */
  readonly defaultQuota: number | null;
  readonly now: number;
}

export type Outcome =
  | { readonly row: KeyRow; readonly refused?: undefined }
  | { readonly refused: 'changed' | 'name_taken' }
  | { readonly refused: 'quota'; readonly quota: number; readonly active: number };

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
}

export interface KeyStore {
  /** Refuses `name_taken` and `quota`. Makes the namespace when it is new. */
  insertKey(row: KeyRow, secret: NewSecret, quota: QuotaGuard, audit: AuditRow): Promise<Outcome>;
  /** Refuses `changed` unless the row still has `version`, `name_taken`, and `quota` where a guard is given. */
  changeKey(
    id: string,
    version: number,
    changes: KeyRowChanges,
    quota: QuotaGuard | null,
    audit: AuditRow,
  ): Promise<Outcome>;
  /** A new secret beside the old ones, which end at `oldEndsAt` or earlier. Refuses `changed`. */
  replaceSecret(
    id: string,
    version: number,
    secret: NewSecret,
    oldEndsAt: number,
    audit: AuditRow,
  ): Promise<Outcome>;
  /** Moves `lastUsedAt` forward; keys that are gone are passed over. */
  touchKeys(uses: ReadonlyMap<string, number>): Promise<void>;
  findKey(id: string): Promise<KeyRow | null>;
  /** By SHA-256 of the secret; also ended secrets and those of revoked keys. */
  findSecret(hash: Uint8Array): Promise<FoundSecret | null>;
  listKeys(selection: KeySelection): Promise<KeyRow[]>;
  close(): Promise<void>;
}
