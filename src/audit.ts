/** What a key service tells of what was done, by whom and from where. */

export const auditOutcomes = ['done', 'refused', 'failed'] as const;
/** `refused`: who asked may not, or is not who they say. `failed`: they may, and it could not be done. */
export type AuditOutcome = (typeof auditOutcomes)[number];

/** One row of the log. Its JSON is a public contract, and what `hash` is made of: see `linkHash`. */
export interface AuditEntry {
  /** Counts up from 1 without a gap. */
  seq: number;
  time: string;
  /** The user in whose name it was done; `null` where nobody said who they are. */
  actor: string | null;
  /** The name of the key that did it; `null` for a person. */
  agent: string | null;
  action: string;
  target: string | null;
  /** One of `auditOutcomes`, unless somebody has put another text there. */
  outcome: string;
  address: string | null;
  requestId: string | null;
  details: Record<string, unknown>;
  /** SHA-256 in hexadecimal. */
  hash: string;
}

/** The last row: what a log has grown to, in one line. */
export interface AuditHead {
  /** 0 for a log without rows. */
  seq: number;
  hash: string;
}

/** Which rows. Every condition given must hold. */
export interface AuditFilter {
  /** RFC 3339; from this time on. */
  since?: string;
  /** RFC 3339; before this time. */
  until?: string;
  actor?: string;
  /** A key by id or name: what it did, and what was done to it. */
  key?: string;
  action?: string;
  outcome?: AuditOutcome;
}

export interface AuditQuery extends AuditFilter {
  /** `newest` first when absent. */
  order?: 'newest' | 'oldest';
  /** Only rows after this one. */
  after?: number;
  /** From the previous page's `nextCursor`; absent for the first page. */
  cursor?: string;
  pageSize?: number;
}

export interface AuditPage {
  entries: AuditEntry[];
  nextCursor: string | null;
}

/** The audit log of a service. Throws `forbidden` for those who may not read it. */
export interface Audit {
  /** One page; see `allEntries`. Throws `invalid` for a bad cursor. */
  list(query: AuditQuery): Promise<AuditPage>;
  head(): Promise<AuditHead>;
}

/** All rows, page after page; a page is asked for only when the one before has been consumed. */
export async function* allEntries(
  audit: Audit,
  query: Omit<AuditQuery, 'cursor'>,
): AsyncGenerator<AuditEntry[]> {
  let cursor: string | null = null;
  do {
    const page: AuditPage = await audit.list({ ...query, ...(cursor === null ? {} : { cursor }) });
    yield page.entries;
    cursor = page.nextCursor;
  } while (cursor !== null);
}
