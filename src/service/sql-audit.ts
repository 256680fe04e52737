/** The audit log: rows that are only ever added, each chained to the one before. */
import type { AuditEntry, AuditHead } from '../audit.ts';
import { chainStart, linkHash } from '../audit-chain.ts';
import { KeysError } from '../errors.ts';
import { isoTime } from '../iso-time.ts';
import { all, chunksOf, type Database, get, type Row, run, send, type Value, type Work } from './sql.ts';
import type { AuditRow, AuditSelection, AuditSlice, AuditStore } from './store.ts';

/** How many rows one question looks through: others wait for the database meanwhile. */
const windowLength = 10_000;

/** How far apart the clocks of two services on one database may be. */
const skewMs = 600_000;

const columns = 'seq, time, actor, agent, action, target, outcome, address, request_id, details, hash';
const places = `(${columns.replace(/\w+/g, '?')})`;

/** A number that none of our rows has must not keep the others from being read. */
const readable = columns.replace(
  /seq|time/g,
  (name) => `CASE WHEN ${name} BETWEEN 0 AND 8640000000000000 THEN ${name} ELSE -1 END AS ${name}`,
);

/** As large as a number can be here. */
const exactSeq = `CASE WHEN seq > ${Number.MAX_SAFE_INTEGER} THEN ${Number.MAX_SAFE_INTEGER} ELSE seq END AS seq`;

/** The head of the log, on which whoever writes holds a lock where several could write at once. */
export const headText = `SELECT ${exactSeq}, hash FROM audit_head WHERE id = 1`;

export function auditStore({ read, transaction }: Database): AuditStore {
  /** Rows from before there was a chain get their hashes first. */
  async function chainHead(): Promise<AuditHead> {
    return (await read(findHead)) ?? transaction(startChain);
  }

  return {
    async appendAudit(rows, options) {
      const wanted: { last?: AuditHead } = {};
      try {
        await transaction(function* () {
          wanted.last = yield* addAudit(...rows);
        }, options);
      } catch (error) {
        const { last } = wanted;
        if (!last || !(error instanceof KeysError) || error.code !== 'outcome_unknown') throw error;
        const row = await read(() => get('SELECT hash FROM audit_log WHERE seq = ?', last.seq));
        if (row?.hash !== last.hash) throw error;
      }
    },

    auditHead: chainHead,

    async listAudit(selection) {
      await chainHead();
      return read(() => select(selection));
    },
  };
}

/** Within the transaction of what is recorded. The last row then. */
export function* addAudit(...rows: readonly AuditRow[]): Work<AuditHead> {
  let last = (yield* findHead()) ?? (yield* startChain());
  const entries = rows.map((row) => {
    const entry = entryOf(row, last.seq + 1);
    const hash = linkHash(last.hash, entry);
    last = { seq: entry.seq, hash };
    return valuesOf(row, last);
  });
  for (const chunk of chunksOf(entries)) {
    const text = `INSERT INTO audit_log (${columns}) VALUES ${chunk.map(() => places).join(', ')}`;
    yield* send(text, ...chunk.flat());
  }
  yield* send('UPDATE audit_head SET seq = ?, hash = ? WHERE id = 1', last.seq, last.hash);
  return last;
}

/** `null` while the rows have no hashes yet. */
function* findHead(): Work<AuditHead | null> {
  const head = yield* get(headText);
  if (!head) throw new KeysError('unexpected', 'the audit log has lost its head');
  return head.hash === null ? null : { seq: Number(head.seq), hash: String(head.hash) };
}

/** Gives rows from before their hashes. */
function* startChain(): Work<AuditHead> {
  let last = (yield* findHead()) ?? chainStart;
  for (;;) {
    const [record] = yield* all(
      `SELECT ${columns} FROM audit_log WHERE seq > ? AND hash IS NULL ORDER BY seq LIMIT 1`,
      last.seq,
    );
    if (!record) break;
    const { hash: _, ...entry } = toEntry(record);
    last = { seq: entry.seq, hash: linkHash(last.hash, entry) };
    yield* run('UPDATE audit_log SET hash = ? WHERE seq = ?', last.hash, last.seq);
  }
  yield* run('UPDATE audit_head SET seq = ?, hash = ? WHERE id = 1', last.seq, last.hash);
  return last;
}

/** The rows of one window, and where the next one begins. */
function* select(selection: AuditSelection): Work<AuditSlice> {
  const { order, limit, from, after, since, until } = selection;
  const oldest = order === 'oldest';
  const lowest = Math.max(after + 1, since === undefined ? 1 : yield* firstSince(since));
  const highest = yield* lastBefore(until);
  const wanted = from ?? (oldest ? lowest : highest);
  const start = oldest
    ? yield* firstFrom(Math.max(lowest, wanted))
    : wanted < highest
      ? yield* lastUpTo(wanted)
      : highest;
  const low = oldest ? start : Math.max(lowest, start - windowLength + 1);
  const high = oldest ? Math.min(highest, start + windowLength - 1) : start;
  const { text, values } = conditions(selection);
  // The windows at both ends take rows along whose number none of ours can have.
  const isFirst = after === 0 && since === undefined && (oldest ? from === null : low === lowest);
  const isLast = high >= highest && until === undefined;
  const window = (isFirst ? 'TRUE' : 'seq >= ?') + (isLast ? '' : ' AND seq <= ?');
  const records = yield* all(
    `SELECT ${readable} FROM audit_log WHERE ${window}${text} ORDER BY seq ${oldest ? 'ASC' : 'DESC'} LIMIT ?`,
    ...[...(isFirst ? [] : [low]), ...(isLast ? [] : [high]), ...values, limit],
  );
  const entries = records.map(toEntry);
  const full = entries.length === limit ? entries.at(-1)?.seq : undefined;
  const next = oldest ? (full ?? high) + 1 : (full ?? low) - 1;
  const over = oldest ? next > highest : next < lowest;
  return { entries, next: over ? null : next };
}

/**
 * The next row that is there, or the number itself: ours have no gaps, but one that somebody put in may have a number so far away
 * that nobody comes to the end of the windows before it.
 */
function* firstFrom(seq: number): Work<number> {
  const row = yield* get(
    `SELECT ${exactSeq} FROM audit_log WHERE seq >= ? ORDER BY audit_log.seq ASC LIMIT 1`,
    seq,
  );
  return row ? Number(row.seq) : seq;
}

/** The same in the other direction. */
function* lastUpTo(seq: number): Work<number> {
  const row = yield* get(
    `SELECT ${exactSeq} FROM audit_log WHERE seq <= ? ORDER BY audit_log.seq DESC LIMIT 1`,
    seq,
  );
  return row ? Number(row.seq) : seq;
}

/** No row below it is of this time or later. */
function* firstSince(time: number): Work<number> {
  const row = yield* get(
    `SELECT ${exactSeq} FROM audit_log WHERE time >= ? ORDER BY time, audit_log.seq LIMIT 1`,
    time - skewMs,
  );
  return row ? Number(row.seq) : Number.MAX_SAFE_INTEGER;
}

/** No row above it is of a time before this. */
function* lastBefore(time: number | undefined): Work<number> {
  const row =
    time === undefined
      ? yield* get(`SELECT ${exactSeq} FROM audit_log ORDER BY audit_log.seq DESC LIMIT 1`)
      : yield* get(
          `SELECT ${exactSeq} FROM audit_log WHERE time < ? ORDER BY time DESC, audit_log.seq DESC LIMIT 1`,
          time + skewMs,
        );
  return row ? Number(row.seq) : 0;
}

function conditions({ since, until, actor, key, action, outcome }: AuditSelection): {
  text: string;
  values: Value[];
} {
  const parts: string[] = [];
  const values: Value[] = [];
  function where(condition: string, ...bound: Value[]): void {
    parts.push(` AND ${condition}`);
    values.push(...bound);
  }
  if (since !== undefined) where('time >= ?', since);
  if (until !== undefined) where('time < ?', until);
  if (actor !== undefined) where('actor = ?', actor);
  if (action !== undefined) where('action = ?', action);
  if (outcome !== undefined) where('outcome = ?', outcome);
  if (key !== undefined) {
    where(
      `(agent = ? OR target = ? OR agent IN (SELECT name FROM keys WHERE id = ?)
        OR target IN (SELECT id FROM keys WHERE name = ?))`,
      ...[key, key, key, key],
    );
  }
  return { text: parts.join(''), values };
}

/** In the order of canonical JSON. */
function entryOf(row: AuditRow, seq: number): Omit<AuditEntry, 'hash'> {
  const { action, actor, address, agent, details, outcome, requestId, target, time } = row;
  return { action, actor, address, agent, details, outcome, requestId, seq, target, time: isoTime(time) };
}

function valuesOf(row: AuditRow, { seq, hash }: AuditHead): Value[] {
  const { time, actor, agent, action, target, outcome, address, requestId, details } = row;
  const what = [actor, agent, action, target, outcome, address, requestId, JSON.stringify(details)];
  return [seq, time, ...what, hash];
}

/** Whatever it says: a row that somebody has tampered with is shown like any other. */
function toEntry(record: Row): AuditEntry {
  const text = (name: string) => (record[name] ?? null) as string | null;
  return {
    seq: Number(record.seq),
    time: isoTime(Number(record.time)),
    actor: text('actor'),
    agent: text('agent'),
    action: String(record.action),
    target: text('target'),
    outcome: String(record.outcome),
    address: text('address'),
    requestId: text('request_id'),
    details: parsed(String(record.details)),
    hash: text('hash') ?? '',
  };
}

function parsed(details: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(details);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      return value as Record<string, unknown>;
    }
  } catch {
    // Told as it stands, below.
  }
  return { unreadable: details };
}
